"""Verified files on their way into the mirror, while clients get them already."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from minimirror.common import MinimirrorError, printable
from minimirror.serve.mirror import ServedMirror
from minimirror.storage import Demand, MirrorFolder
from minimirror.sync import StagedFile, place_on_demand

__all__ = ["Keeper"]

log = logging.getLogger("minimirror")

_TRIES = 6
"""How often to try to place a file while a run keeps the catalog locked."""


@dataclass(slots=True)
class _Batch:
    files: list[StagedFile] = field(default_factory=list)
    placed: list[StagedFile] = field(default_factory=list)
    """Those that are here."""


class Keeper:
    """Places files; those that wait for the disk together, together."""

    def __init__(self, mirror: ServedMirror, folder: MirrorFolder, demand: Demand) -> None:
        self._mirror = mirror
        self._folder = folder
        self._demand = demand
        self._batch = _Batch()
        self._placing = asyncio.Lock()
        self._tasks: set[asyncio.Task[bool]] = set()

    def keep(self, file: StagedFile) -> asyncio.Task[bool]:
        """Begin to place a file; the task returns whether it is here."""
        task = asyncio.create_task(self._place(file))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait until all files are placed."""
        while self._tasks:
            await asyncio.wait({*self._tasks})
            # Let those that wait for them count.
            await asyncio.sleep(0)

    async def _place(self, file: StagedFile) -> bool:
        batch = self._batch
        batch.files.append(file)
        async with self._placing:
            if batch is self._batch:
                self._batch = _Batch()
                batch.placed = await run_in_threadpool(self._place_all, batch.files)
        return file in batch.placed

    def _place_all(self, files: list[StagedFile]) -> list[StagedFile]:
        """Place files, and return those that are here now."""
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
                return [each.file for each in placed if each.error is None]
        return []
