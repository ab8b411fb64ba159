"""Files that are not here, and their core metadata: each is fetched once for all clients that want it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.responses import Response

from minimirror.common import MinimirrorError, is_disk_full, printable, refuse_link
from minimirror.serve.arrivals import Arrival, ArrivalBrokenError, ArrivalOnDisk, ArrivalResponse, Passage
from minimirror.serve.cache import Cache
from minimirror.serve.files import metadata_response
from minimirror.serve.metadata import Metadata, announced_digest
from minimirror.serve.outages import LEFT_ALONE, UNREACHABLE, Outages, is_outage
from minimirror.serve.placing import Placer
from minimirror.serve.usage import Usage
from minimirror.storage import MirrorFolder
from minimirror.sync import IndexQuestions, SelectedFile, StagedFile, file_row
from minimirror.upstream import FetchError, PartialFile

__all__ = ["FileFetcher"]

log = logging.getLogger("minimirror")

_WAITING = 2000
"""Files that are being fetched, at most."""

_PASSAGES = 100
"""Files that are passed on and not kept, at once, at most: their clients decide how long each takes."""

_FAILED = 1000
"""Files that cannot be fetched and are remembered, at most."""

_METADATA = 16 << 20
"""Bytes of core metadata in memory."""


class FileFetcher:
    """Fetches files that an index offers, and has them kept."""

    def __init__(
        self, folder: MirrorFolder, questions: IndexQuestions, placer: Placer, outages: Outages, usage: Usage
    ) -> None:
        self._folder = folder
        self._questions = questions
        self._placer = placer
        self._outages = outages
        self._usage = usage
        self._metadata: Cache[bytes] = Cache(_METADATA)
        self._asked: dict[str, asyncio.Task[bytes]] = {}
        """Core metadata that is being fetched, by digest."""
        self._failed: Cache[tuple[float, ArrivalBrokenError]] = Cache(_FAILED)
        self._arrivals: dict[str, ArrivalOnDisk] = {}
        self._passages: set[Passage] = set()
        self._full_until = 0.0
        """Until when the disk counts as full, whatever it says: it does not tell a quota."""
        self._turns = asyncio.Semaphore(questions.at_once)
        self._metadata_turns = asyncio.Semaphore(questions.at_once)

    async def finish(self) -> None:
        """Wait until the files that are verified are placed, and counted."""
        while tasks := [each.task for each in self._arrivals.values() if each.is_verified]:
            await asyncio.wait(tasks)

    async def file(self, project: str, selected: SelectedFile, *, head: bool) -> Response:
        """Return a file as it arrives.

        :raises ArrivalBrokenError: it cannot be had now
        :raises HTTPException: too many files are being fetched
        """
        if head:
            return ArrivalResponse((), selected.file.size)
        arrival = self._arrivals.get(selected.file.filename) or self._start(project, selected)
        try:
            await arrival.begin(self._questions.patience)
        except ArrivalBrokenError as error:
            if error.late:
                self._outages.begin(selected.file.url)
            raise
        return ArrivalResponse(arrival.pieces(), arrival.length)

    def _start(self, project: str, selected: SelectedFile) -> Arrival:
        filename = selected.file.filename
        failed = self._failed.get(filename)
        if failed is not None and failed[0] > time.monotonic():
            raise failed[1]
        if self._outages.affect([selected.file.url]):
            raise ArrivalBrokenError(UNREACHABLE, late=True)
        if len(self._arrivals) >= _WAITING:
            raise HTTPException(503, "too many files are fetched at once; try again")
        expected = sum(each.length or 0 for each in self._arrivals.values()) + (selected.file.size or 0)
        is_full = time.monotonic() < self._full_until
        if is_full or expected > shutil.disk_usage(self._folder.state).free:
            return self._start_passage(selected)
        # Somebody who writes to the folder may have put it there since the server started.
        refuse_link(self._folder.arriving)
        path = self._folder.arriving / f"{filename}.{secrets.token_hex(4)}"
        arrival = self._arrivals[filename] = ArrivalOnDisk(selected, path, self._folder.path / filename)
        arrival.task = asyncio.create_task(self._keep(project, arrival))
        return arrival

    def _start_passage(self, selected: SelectedFile) -> Passage:
        if len(self._passages) >= _PASSAGES:
            raise HTTPException(507, "not enough disk space, and too many files are passed on; try again")
        passage = Passage(selected)
        self._passages.add(passage)
        passage.task = asyncio.create_task(self._pass_on(passage))
        return passage

    async def _keep(self, project: str, arrival: ArrivalOnDisk) -> None:
        selected = arrival.selected
        filename = selected.file.filename
        try:
            with self._explained(arrival):
                async with self._turns:
                    arrival.started.set()
                    found = await self._questions.fetch(selected, PartialFile(arrival.path), arrival.report)
                self._outages.end(selected.file.url)
                arrival.verify(found.size)
                row = file_row(project, selected, found.size, found.sha256)
                if await self._placer.place(StagedFile(row, str(arrival.path))):
                    log.info("fetched %s on demand", filename)
                    self._usage.fetched(filename, found.size, arrival.clients)
                else:
                    self._usage.failed()
        finally:
            del self._arrivals[filename]
            arrival.path.unlink(missing_ok=True)

    async def _pass_on(self, passage: Passage) -> None:
        try:
            with self._explained(passage):
                found = await self._questions.fetch(passage.selected, passage)
                self._outages.end(passage.selected.file.url)
                passage.verify(found.size)
                filename = printable(passage.selected.file.filename)
                log.warning("%s was passed on and not kept: the disk is full", filename)
                self._usage.failed()
        finally:
            self._passages.discard(passage)

    @contextmanager
    def _explained(self, arrival: Arrival) -> Iterator[None]:
        """Tell the clients of a file why it cannot be fetched, and do not try it again for a while."""
        file = arrival.selected.file
        try:
            yield
        except (MinimirrorError, OSError) as error:
            log.warning("%s: %s", printable(file.filename), error)
            self._usage.failed()
            silent = is_outage(error)
            if silent:
                self._outages.begin(file.url)
            if isinstance(error, OSError) and is_disk_full(error):
                self._full_until = time.monotonic() + LEFT_ALONE
            else:
                broken = ArrivalBrokenError(str(error), late=silent)
                self._failed.put(file.filename, (time.monotonic() + LEFT_ALONE, broken), 1)
            arrival.fail(str(error))

    async def metadata(self, selected: SelectedFile) -> Response:
        """Return the core metadata of a file.

        :raises ArrivalBrokenError: it cannot be had now
        """
        digest = announced_digest(selected.file.core_metadata)
        if digest is None:
            raise HTTPException(404, "the file has no core metadata")
        content = self._metadata.get(digest)
        if content is None:
            if self._outages.affect([selected.file.url]):
                raise ArrivalBrokenError(UNREACHABLE, late=True)
            task = self._asked.get(digest)
            if task is None:
                task = self._asked[digest] = asyncio.create_task(self._fetch_metadata(selected, digest))
                task.add_done_callback(lambda _: self._asked.pop(digest, None))
            # A client that leaves takes it from no other.
            content = await asyncio.shield(task)
        return metadata_response(Metadata(content, digest))

    async def _fetch_metadata(self, selected: SelectedFile, digest: str) -> bytes:
        try:
            async with self._metadata_turns:
                content = await asyncio.wait_for(self._questions.metadata(selected), self._questions.patience)
        except (FetchError, asyncio.TimeoutError) as error:
            silent = not isinstance(error, FetchError) or is_outage(error)
            if silent:
                self._outages.begin(selected.file.url)
            raise ArrivalBrokenError(str(error) or UNREACHABLE, late=silent) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArrivalBrokenError("its core metadata does not match the index")
        self._metadata.put(digest, content, len(content))
        return content
