"""Place verified files in the mirror, while clients get them already."""

from __future__ import annotations

import asyncio
import logging

from starlette.concurrency import run_in_threadpool

from minimirror.common import MinimirrorError, printable
from minimirror.serve.mirror import ServedMirror
from minimirror.storage import Demand, MirrorFolder
from minimirror.sync import StagedFile, place_on_demand

__all__ = ["Placer"]

log = logging.getLogger("minimirror")

_TRIES = 6
"""How often to try to place files while a run keeps the catalog locked."""


class Placer:
    """Places files; those that wait for the disk together, together."""

    def __init__(self, mirror: ServedMirror, folder: MirrorFolder, demand: Demand) -> None:
        self._mirror = mirror
        self._folder = folder
        self._demand = demand
        self._batch: dict[str, StagedFile] = {}
        self._placing = asyncio.Lock()

    async def place(self, file: StagedFile) -> bool:
        """Place a file, and return whether it is here."""
        batch, name = self._batch, file.row.filename
        batch[name] = file
        async with self._placing:
            if batch is self._batch:
                self._batch = {}
                placed = await run_in_threadpool(self._place, list(batch.values()))
                for other in batch.keys() - placed:
                    del batch[other]
        return name in batch

    def _place(self, files: list[StagedFile]) -> set[str]:
        """Place files, and return the names of those that are here now."""
        for left in reversed(range(_TRIES)):
            try:
                with self._mirror.placing:
                    # A user may have uploaded the first file of a local project meanwhile.
                    mirrored = [each for each in files if not self._mirror.local.names(each.row.project)]
                    placed = place_on_demand(self._folder, self._demand, mirrored)
            except (MinimirrorError, OSError) as error:
                if not left:
                    log.warning("could not keep what clients got: %s", error)
            else:
                for each in placed:
                    if each.error is not None:
                        log.warning("%s: %s", printable(each.file.row.filename), each.error)
                return {each.file.row.filename for each in placed if each.error is None}
        return set()
