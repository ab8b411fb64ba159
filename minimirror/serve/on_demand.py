"""Projects that are not here: ask their index when a client asks, and keep what clients get.

A page is asked for once, whoever waits for it, and counts as current for a while. A server that cannot be
reached, or does not answer in time, is left alone for a minute; meanwhile, what is here is served.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import shutil
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from minimirror.common import MinimirrorError, printable
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.publish.static import SUFFIX
from minimirror.serve.arrivals import Arrival, ArrivalBrokenError, ArrivalHead, ArrivalResponse
from minimirror.serve.cache import Cache
from minimirror.serve.files import metadata_response
from minimirror.serve.metadata import Metadata, announced_digest
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.usage import Usage
from minimirror.simple_api import Entry
from minimirror.storage import UNKNOWN, Demand, KeptPage
from minimirror.sync import (
    IndexQuestions,
    OfferedPage,
    SelectedFile,
    StagedFile,
    file_row,
    place_on_demand,
)
from minimirror.upstream import FetchError

__all__ = ["Offer", "OnDemand"]

log = logging.getLogger("minimirror")

_LEFT_ALONE = 60.0
"""Seconds for which a server that does not answer is not asked again."""

_WAITING = 2000
"""Questions or files that wait, at most."""

_KNOWN = 32 << 20
"""Bytes of pages in memory."""

_ENTRY = 600
"""Bytes that a file of a page takes, roughly."""

_FAILED = 1000
"""Files that cannot be fetched and are remembered, at most."""

_METADATA = 16 << 20
"""Bytes of core metadata in memory."""

_TRIES = 6
"""How often to try to place a file while a run keeps the catalog locked."""

_SERVER_ERROR = 500

_UNREACHABLE = "its index cannot be reached"


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be offered of a project besides the files that are here."""

    page: OfferedPage
    until: float
    """In seconds of the monotonic clock."""

    stale: bool = False
    """Whether its index cannot be asked, so that only what is here can be had."""

    def entries(self) -> list[Entry]:
        """Return the entries of its files for its page."""
        return [_entry(each) for each in self.page.files.values()]


@dataclass(slots=True)
class _Batch:
    """Verified files that are placed together."""

    files: list[StagedFile] = field(default_factory=list)
    placed: list[StagedFile] = field(default_factory=list)
    """Those that are here."""


class OnDemand:
    """Gets what is not here, for the clients of one server."""

    def __init__(self, config: Config, mirror: ServedMirror, demand: Demand, usage: Usage) -> None:
        """Prepare. Everything else must be called in one asyncio loop."""
        self._config = config
        self._mirror = mirror
        self._demand = demand
        self._usage = usage
        self._fresh = config.serve.on_demand_fresh
        self._offers: Cache[Offer] = Cache(_KNOWN)
        self._metadata: Cache[bytes] = Cache(_METADATA)
        self._left_alone: dict[str, float] = {}
        self._failed: Cache[tuple[float, ArrivalBrokenError]] = Cache(_FAILED)
        self._arrivals: dict[str, Arrival] = {}
        self._asked: dict[str, asyncio.Task[Offer]] = {}
        self._under_way: set[str] = set()
        """Projects whose index has been asked and has not answered yet."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keeping: set[asyncio.Task[Any]] = set()
        """What places verified files."""
        self._batch = _Batch()
        self._questions: IndexQuestions | None = None

    def _begin(self) -> IndexQuestions:
        if self._questions is None:
            self._questions = IndexQuestions(self._config)
            self._asking = asyncio.Semaphore(self._questions.at_once)
            self._arriving = asyncio.Semaphore(self._questions.at_once)
            self._placing = asyncio.Lock()
        return self._questions

    async def finish(self) -> None:
        """Place the files that are verified, and count what clients got, before the server ends."""
        while self._keeping:
            await asyncio.wait({*self._keeping})
            # Let those that wait for them count.
            await asyncio.sleep(0)

    def why_not(self, project: str, offer: Offer | None) -> str:
        """Return why a client does not get a project."""
        if offer is not None:
            return offer.page.why
        return "the config excludes it" if self._begin().excludes(project) else "it is mirrored by runs alone"

    # Pages

    def current(self, project: str) -> Offer | None:
        """Return what is offered of a project, if that is known and no local file speaks against it."""
        offer = self._offers.get(project)
        if offer is None or time.monotonic() > offer.until or self._mirror.local.names(project):
            return None
        # Whether it is stale changes when a server becomes silent, or may be asked again.
        is_reachable = not any(map(self._is_left_alone, self._servers(project, offer.page)))
        return None if is_reachable is (offer.stale and offer.page.why == _UNREACHABLE) else offer

    async def offer(self, project: str) -> Offer | None:
        """Find what is offered of a project; None if the mirror holds it, or must not get it.

        :param project: normalized name
        :raises HTTPException: too many clients ask at once
        """
        if offer := self.current(project):
            return offer
        questions = self._begin()
        if questions.excludes(project) or not await run_in_threadpool(self._is_open, project):
            return None
        task = self._asked.get(project)
        if task is None:
            if len(self._asked) >= _WAITING:
                raise HTTPException(503, "too many projects are asked for at once; try again")
            task = self._asked[project] = self._start(self._ask(project))
            task.add_done_callback(lambda _: self._asked.pop(project, None))
        done, _ = await asyncio.wait({task}, timeout=questions.patience)
        if not done:
            if project in self._under_way:
                self._leave_alone(questions.url_of(project))
            return self._remember(project, OfferedPage(why=_UNREACHABLE), _LEFT_ALONE, stale=True)
        return task.result()

    def _is_open(self, project: str) -> bool:
        """Return whether a project is for its index to tell about: neither local, nor mirrored by runs."""
        mirror = self._mirror
        if mirror.catalog.files(project) and not self._demand.has(project):
            return False
        mirror.local.refresh(wait=True)
        return not mirror.local.names(project)

    async def _ask(self, project: str) -> Offer:
        questions = self._begin()
        rules, now = questions.rules_of(project), time.time()
        kept, known = await run_in_threadpool(self._read_kept, project)
        if any(map(self._is_left_alone, self._servers(project, known))):
            return self._remember(project, OfferedPage(why=_UNREACHABLE), _LEFT_ALONE, stale=True)
        is_valid = kept is not None and kept.rules == rules and not (kept.due and kept.due <= now)
        if kept and is_valid and 0 <= now - kept.fetched < self._fresh:
            return self._remember(project, known, self._fresh - (now - kept.fetched))
        try:
            async with self._asking:
                self._under_way.add(project)
                held = [row.filename for row in self._mirror.catalog.files(project)]
                page = await questions.page(project, held, known.validator if is_valid else None)
        except MinimirrorError as error:
            return self._refused(project, error)
        finally:
            self._under_way.discard(project)
        self._answers(questions.url_of(project))
        if page is None:
            await run_in_threadpool(self._keep, project, None, now)
            return self._remember(project, known, self._fresh)
        await run_in_threadpool(self._keep, project, page, now)
        lasts = self._fresh if page.due is None else min(self._fresh, max(1.0, page.due - now))
        return self._remember(project, page, lasts)

    def _read_kept(self, project: str) -> tuple[KeptPage | None, OfferedPage]:
        kept = self._demand.page(project)
        return kept, OfferedPage.read(kept.content, kept.validator, kept.due) if kept else OfferedPage()

    def _keep(self, project: str, page: OfferedPage | None, now: float) -> None:
        """Keep a page, or the one that is kept if there is no other; clients get it all the same."""
        rules = self._begin().rules_of(project)
        try:
            if page is None:
                self._demand.confirm(project, now)
            else:
                self._demand.keep(KeptPage(project, now, page.due, page.validator, rules, page.written()))
        except MinimirrorError as error:
            log.warning("%s: its page cannot be kept: %s", project, error)

    def _refused(self, project: str, error: MinimirrorError) -> Offer:
        """Take that an index has no page of a project, or none that can be read."""
        if isinstance(error, FetchError) and error.not_found:
            return self._remember(project, OfferedPage(why=UNKNOWN), self._fresh)
        log.warning("%s: its page cannot be read: %s", project, error)
        if _is_silence(error):
            self._leave_alone(self._begin().url_of(project))
            return self._remember(project, OfferedPage(why=_UNREACHABLE), _LEFT_ALONE, stale=True)
        why = f"its page cannot be read: {error}"
        return self._remember(project, OfferedPage(why=why), _LEFT_ALONE, stale=True)

    def _remember(self, project: str, page: OfferedPage, lasts: float, *, stale: bool = False) -> Offer:
        offer = Offer(page, time.monotonic() + lasts, stale)
        self._offers.put(project, offer, _ENTRY * (1 + len(page.files)))
        return offer

    # Servers that do not answer

    def _servers(self, project: str, page: OfferedPage) -> list[str]:
        """Return URLs on the servers that an offer depends on."""
        files = [each.file.url for each in page.files.values()]
        return [self._begin().url_of(project), *files[:1]]

    def _leave_alone(self, url: str) -> None:
        self._left_alone[urlsplit(url).netloc] = time.monotonic() + _LEFT_ALONE

    def _answers(self, url: str) -> None:
        self._left_alone.pop(urlsplit(url).netloc, None)

    def _is_left_alone(self, url: str) -> bool:
        return self._left_alone.get(urlsplit(url).netloc, 0.0) > time.monotonic()

    # Files

    async def file(self, filename: str, *, head: bool) -> Response | None:
        """Return a file that is not here, or its core metadata, as it arrives; None if nothing offers it.

        :raises HTTPException: it cannot be had now
        """
        name = filename.removesuffix(SUFFIX)
        for project in projects_named(name):
            offer = await self.offer(project)
            selected = offer.page.files.get(name) if offer else None
            if offer is not None and offer.stale:
                raise HTTPException(504, f"{filename} is not here, and {offer.page.why}")
            if selected is not None:
                found = self._get_metadata if name != filename else self._get_file
                try:
                    return await found(project, selected, head=head)
                except ArrivalBrokenError as error:
                    why = f"{filename} cannot be fetched from its index: {error}"
                    raise HTTPException(504 if error.late else 502, why) from None
        return None

    async def _get_file(self, project: str, selected: SelectedFile, *, head: bool) -> Response:
        filename = selected.file.filename
        if head:
            return ArrivalHead(selected.file.size)
        arrival = self._arrivals.get(filename) or self._start_arrival(project, selected)
        arrival.clients += 1
        try:
            await arrival.begin(self._begin().patience)
        except ArrivalBrokenError as error:
            if error.late:
                self._leave_alone(selected.file.url)
            raise
        return ArrivalResponse(arrival)

    def _start_arrival(self, project: str, selected: SelectedFile) -> Arrival:
        filename = selected.file.filename
        failed = self._failed.get(filename)
        if failed is not None and failed[0] > time.monotonic():
            raise failed[1]
        if self._is_left_alone(selected.file.url):
            raise ArrivalBrokenError(_UNREACHABLE, late=True)
        if len(self._arrivals) >= _WAITING:
            raise HTTPException(503, "too many files are fetched at once; try again")
        folder = self._mirror.folder
        expected = sum(each.size or 0 for each in self._arrivals.values()) + (selected.file.size or 0)
        if expected > shutil.disk_usage(folder.state).free:
            raise HTTPException(507, "not enough disk space")
        path = folder.arriving / f"{filename}.{secrets.token_hex(4)}"
        arrival = self._arrivals[filename] = Arrival(selected, path, folder.path / filename)
        self._start(self._fetch(project, arrival))
        return arrival

    async def _fetch(self, project: str, arrival: Arrival) -> None:
        filename = arrival.selected.file.filename
        try:
            async with self._arriving:
                arrival.started.set()
                found = await self._begin().fetch(arrival.selected, arrival.path, arrival.report)
            self._answers(arrival.selected.file.url)
            row = file_row(project, arrival.selected, found.size, found.sha256)
            keeping = self._start(self._place(StagedFile(row, str(arrival.path))))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
            arrival.verify(found.size)
            if await keeping:
                log.info("fetched %s on demand", filename)
                self._usage.come(filename, found.size, arrival.clients)
            else:
                self._usage.fail()
        except (MinimirrorError, OSError) as error:
            log.warning("%s: %s", printable(filename), error)
            self._usage.fail()
            if _is_silence(error):
                self._leave_alone(arrival.selected.file.url)
            broken = ArrivalBrokenError(str(error), late=_is_silence(error))
            self._failed.put(filename, (time.monotonic() + _LEFT_ALONE, broken), 1)
            arrival.fail(str(error))
            arrival.started.set()
        finally:
            del self._arrivals[filename]
            arrival.path.unlink(missing_ok=True)

    async def _place(self, file: StagedFile) -> bool:
        """Place a verified file, together with others that wait for the disk; return whether it is here."""
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
                    placed = place_on_demand(self._mirror.folder, self._demand, mirrored)
            except (MinimirrorError, OSError) as error:
                if not left:
                    log.warning("could not keep what clients got: %s", error)
            else:
                for each in placed:
                    if each.error is not None:
                        log.warning("%s: %s", printable(each.file.row.filename), each.error)
                return [each.file for each in placed if each.error is None]
        return []

    async def _get_metadata(self, project: str, selected: SelectedFile, *, head: bool) -> Response:  # noqa: ARG002
        digest = announced_digest(selected.file.core_metadata)
        if digest is None:
            raise HTTPException(404, "the file has no core metadata")
        content = self._metadata.get(digest)
        if content is None:
            if self._is_left_alone(selected.file.url):
                raise ArrivalBrokenError(_UNREACHABLE, late=True)
            content = await self._fetch_metadata(selected, digest)
            self._metadata.put(digest, content, len(content))
        return metadata_response(Metadata(content, digest))

    async def _fetch_metadata(self, selected: SelectedFile, digest: str) -> bytes:
        questions = self._begin()
        try:
            async with self._asking:
                content = await asyncio.wait_for(questions.metadata(selected), questions.patience)
        except (FetchError, asyncio.TimeoutError) as error:
            silent = not isinstance(error, FetchError) or _is_silence(error)
            if silent:
                self._leave_alone(selected.file.url)
            raise ArrivalBrokenError(str(error) or _UNREACHABLE, late=silent) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArrivalBrokenError("its core metadata does not match the index")
        return content

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        # asyncio itself would not keep it.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_silence(error: Exception) -> bool:
    """Return whether a server cannot be reached, or does not answer."""
    return isinstance(error, FetchError) and error.passes and (error.status or _SERVER_ERROR) >= _SERVER_ERROR


def _entry(selected: SelectedFile) -> Entry:
    file = selected.file
    return Entry(
        filename=file.filename,
        version=selected.version,
        size=file.size,
        sha256=file.digests.get("sha256", ""),
        upload_time=file.upload_time,
        requires_python=file.requires_python,
        yanked=file.yanked,
        metadata=announced_digest(file.core_metadata),
        provenance=file.provenance,
    )
