"""Files that are not here, and their core metadata: each is fetched once for all clients that want it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import shutil
import time
from collections.abc import Coroutine

from starlette.exceptions import HTTPException
from starlette.responses import Response

from minimirror.common import MinimirrorError, is_disk_full, printable, refuse_link
from minimirror.serve.arrivals import Arrival, ArrivalBrokenError, ArrivalHead, ArrivalResponse
from minimirror.serve.cache import Cache
from minimirror.serve.files import metadata_response
from minimirror.serve.keeping import Keeper
from minimirror.serve.metadata import Metadata, announced_digest
from minimirror.serve.passing import Passage
from minimirror.serve.silence import LEFT_ALONE, UNREACHABLE, Silence, is_silence
from minimirror.serve.usage import Usage
from minimirror.storage import MirrorFolder
from minimirror.sync import IndexQuestions, SelectedFile, StagedFile, file_row
from minimirror.upstream import FetchError, PartialFile

__all__ = ["FileFetcher"]

log = logging.getLogger("minimirror")

_WAITING = 2000
"""Files under way, at most."""

_PASSAGES = 100
"""Files that are passed on and not kept, at once, at most: their clients decide how long each takes."""

_FAILED = 1000
"""Files that cannot be fetched and are remembered, at most."""

_METADATA = 16 << 20
"""Bytes of core metadata in memory."""


class FileFetcher:
    """Fetches files that an index offers, and has them kept."""

    def __init__(
        self, folder: MirrorFolder, questions: IndexQuestions, keeper: Keeper, silence: Silence, usage: Usage
    ) -> None:
        self._folder = folder
        self._questions = questions
        self._keeper = keeper
        self._silence = silence
        self._usage = usage
        self._metadata: Cache[bytes] = Cache(_METADATA)
        self._asked: dict[str, asyncio.Task[bytes]] = {}
        """Core metadata under way, by digest."""
        self._failed: Cache[tuple[float, ArrivalBrokenError]] = Cache(_FAILED)
        self._arrivals: dict[str, Arrival] = {}
        self._passages = 0
        self._full_until = 0.0
        """Until when the disk counts as full, whatever it says: it does not tell a quota."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(questions.at_once)
        self._metadata_turns = asyncio.Semaphore(questions.at_once)

    async def file(self, project: str, selected: SelectedFile, *, head: bool) -> Response:
        """Return a file as it arrives.

        :raises ArrivalBrokenError: it cannot be had now
        :raises HTTPException: too much is under way
        """
        filename = selected.file.filename
        if head:
            return ArrivalHead(selected.file.size)
        coming = self._arrivals.get(filename) or self._start(project, selected)
        try:
            await coming.begin(self._questions.patience)
        except ArrivalBrokenError as error:
            if error.late:
                self._silence.begins(selected.file.url)
            raise
        return ArrivalResponse(coming.pieces(), coming.length)

    def _start(self, project: str, selected: SelectedFile) -> Arrival | Passage:
        filename = selected.file.filename
        failed = self._failed.get(filename)
        if failed is not None and failed[0] > time.monotonic():
            raise failed[1]
        if self._silence.of_any([selected.file.url]):
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
        arrival = self._arrivals[filename] = Arrival(selected, path, self._folder.path / filename)
        self._begin(self._fetch(project, arrival))
        return arrival

    def _start_passage(self, selected: SelectedFile) -> Passage:
        if self._passages >= _PASSAGES:
            raise HTTPException(507, "not enough disk space, and too many files are passed on; try again")
        self._passages += 1
        passage = Passage(selected.file.size)
        self._begin(self._pass_on(selected, passage))
        return passage

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        # asyncio itself would not keep it.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, project: str, arrival: Arrival) -> None:
        filename = arrival.selected.file.filename
        try:
            async with self._turns:
                arrival.started.set()
                target = PartialFile(arrival.path)
                found = await self._questions.fetch(arrival.selected, target, arrival.report)
            self._silence.ends(arrival.selected.file.url)
            row = file_row(project, arrival.selected, found.size, found.sha256)
            keeping = self._keeper.keep(StagedFile(row, str(arrival.path)))
            arrival.verify(found.size)
            if await keeping:
                log.info("fetched %s on demand", filename)
                self._usage.come(filename, found.size, arrival.clients)
            else:
                self._usage.fail()
        except (MinimirrorError, OSError) as error:
            self._note_failure(arrival.selected, error)
            arrival.fail(str(error))
            arrival.started.set()
        finally:
            del self._arrivals[filename]
            arrival.path.unlink(missing_ok=True)

    async def _pass_on(self, selected: SelectedFile, passage: Passage) -> None:
        try:
            await self._questions.fetch(selected, passage)
        except (MinimirrorError, OSError) as error:
            self._note_failure(selected, error)
            passage.fail(str(error))
        else:
            self._silence.ends(selected.file.url)
            passage.verify()
            log.warning("%s was passed on and not kept: the disk is full", printable(selected.file.filename))
            self._usage.fail()
        finally:
            self._passages -= 1

    def _note_failure(self, selected: SelectedFile, error: Exception) -> None:
        """Note that a file cannot be fetched, which is not tried again for a while."""
        filename, is_silent = selected.file.filename, is_silence(error)
        log.warning("%s: %s", printable(filename), error)
        self._usage.fail()
        if is_silent:
            self._silence.begins(selected.file.url)
        if isinstance(error, OSError) and is_disk_full(error):
            self._full_until = time.monotonic() + LEFT_ALONE
            return
        broken = ArrivalBrokenError(str(error), late=is_silent)
        self._failed.put(filename, (time.monotonic() + LEFT_ALONE, broken), 1)

    async def metadata(self, selected: SelectedFile) -> Response:
        """Return the core metadata of a file.

        :raises ArrivalBrokenError: it cannot be had now
        """
        digest = announced_digest(selected.file.core_metadata)
        if digest is None:
            raise HTTPException(404, "the file has no core metadata")
        content = self._metadata.get(digest)
        if content is None:
            if self._silence.of_any([selected.file.url]):
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
            silent = not isinstance(error, FetchError) or is_silence(error)
            if silent:
                self._silence.begins(selected.file.url)
            raise ArrivalBrokenError(str(error) or UNREACHABLE, late=silent) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArrivalBrokenError("its core metadata does not match the index")
        self._metadata.put(digest, content, len(content))
        return content
