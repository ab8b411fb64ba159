"""Projects that are not here: ask their index when a client asks, and keep what clients get.

A page is asked for once, whoever waits for it, and counts as current for a while. While a server does not
answer, what is here is served.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from minimirror.common import MinimirrorError
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.publish.static import SUFFIX
from minimirror.serve.arrivals import ArrivalBrokenError
from minimirror.serve.cache import Cache
from minimirror.serve.fetching import FileFetcher
from minimirror.serve.metadata import announced_digest
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.outages import LEFT_ALONE, UNREACHABLE, Outages, is_outage
from minimirror.serve.placing import Placer
from minimirror.serve.usage import Usage
from minimirror.simple_api import Entry
from minimirror.storage import UNKNOWN, Demand, KeptPage, MirrorFolder
from minimirror.sync import IndexQuestions, OfferedPage, SelectedFile
from minimirror.upstream import FetchError

__all__ = ["Offer", "OnDemand"]

log = logging.getLogger("minimirror")

_WAITING = 2000
"""Questions that wait, at most."""

_KNOWN = 32 << 20
"""Bytes of pages in memory."""

_ENTRY = 600
"""Bytes that a file of a page takes, roughly."""


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


class OnDemand:
    """Gets what is not here, for the clients of one server."""

    def __init__(
        self, config: Config, mirror: ServedMirror, folder: MirrorFolder, demand: Demand, usage: Usage
    ) -> None:
        """Prepare. Everything else must be called in one asyncio loop."""
        self._mirror = mirror
        self._demand = demand
        self._questions = questions = IndexQuestions(config)
        self._outages = Outages()
        placer = Placer(mirror, folder, demand)
        self._fetcher = FileFetcher(folder, questions, placer, self._outages, usage)
        self._fresh = config.serve.on_demand_fresh
        self._offers: Cache[Offer] = Cache(_KNOWN)
        self._asked: dict[str, asyncio.Task[Offer]] = {}
        self._awaited: set[str] = set()
        """Projects whose index has been asked and has not answered yet."""
        self._turns = asyncio.Semaphore(questions.at_once)

    async def finish(self) -> None:
        """Place the files that are verified, and count what clients got, before the server ends."""
        await self._fetcher.finish()

    def why_not(self, project: str, offer: Offer | None) -> str:
        """Return why a client does not get a project."""
        if offer is not None:
            return offer.page.why
        is_excluded = self._questions.excludes(project)
        return "the config excludes it" if is_excluded else "it is mirrored by runs alone"

    # Pages

    def current(self, project: str) -> Offer | None:
        """Return what is offered of a project, if that is known and no local file speaks against it."""
        offer = self._offers.get(project)
        if offer is None or time.monotonic() > offer.until or self._mirror.local.names(project):
            return None
        # Whether it is stale changes when a server becomes silent, or may be asked again.
        was_unreachable = offer.stale and offer.page.why == UNREACHABLE
        return offer if self._is_unreachable(project, offer.page) is was_unreachable else None

    async def offer(self, project: str) -> Offer | None:
        """Find what is offered of a project; None if the mirror holds it, or must not get it.

        :param project: normalized name
        :raises HTTPException: too many clients ask at once
        """
        if offer := self.current(project):
            return offer
        questions = self._questions
        if questions.excludes(project) or not await run_in_threadpool(self._is_open, project):
            return None
        task = self._asked.get(project)
        if task is None:
            if len(self._asked) >= _WAITING:
                raise HTTPException(503, "too many projects are asked for at once; try again")
            task = self._asked[project] = asyncio.create_task(self._ask(project))
            task.add_done_callback(lambda _: self._asked.pop(project, None))
        done, _ = await asyncio.wait({task}, timeout=questions.patience)
        if not done:
            if project in self._awaited:
                self._outages.begin(questions.url_of(project))
            return self._stale(project, UNREACHABLE)
        return task.result()

    def _is_open(self, project: str) -> bool:
        """Return whether a project is for its index to tell about: neither local, nor mirrored by runs."""
        mirror = self._mirror
        if mirror.catalog.files(project) and not self._demand.has(project):
            return False
        mirror.local.refresh(wait=True)
        return not mirror.local.names(project)

    async def _ask(self, project: str) -> Offer:
        questions = self._questions
        rules, now = questions.rules_of(project), time.time()
        kept, known = await run_in_threadpool(self._read_kept, project)
        if self._is_unreachable(project, known):
            return self._stale(project, UNREACHABLE)
        is_valid = kept is not None and kept.rules == rules and not (kept.due and kept.due <= now)
        if kept and is_valid and 0 <= now - kept.fetched < self._fresh:
            return self._remember_current(project, known, now - kept.fetched)
        try:
            async with self._turns:
                self._awaited.add(project)
                held = [row.filename for row in self._mirror.catalog.files(project)]
                page = await questions.page(project, held, known.validator if is_valid else None)
        except MinimirrorError as error:
            return self._refused(project, error)
        finally:
            self._awaited.discard(project)
        self._outages.end(questions.url_of(project))
        await run_in_threadpool(self._keep, project, page, now)
        return self._remember_current(project, page or known)

    def _read_kept(self, project: str) -> tuple[KeptPage | None, OfferedPage]:
        kept = self._demand.page(project)
        return kept, OfferedPage.read(kept.content, kept.validator, kept.due) if kept else OfferedPage()

    def _keep(self, project: str, page: OfferedPage | None, now: float) -> None:
        """Keep a page, or go on with the one that is kept if there is no new one.

        If that fails, clients get it all the same.
        """
        rules = self._questions.rules_of(project)
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
        if is_outage(error):
            self._outages.begin(self._questions.url_of(project))
            return self._stale(project, UNREACHABLE)
        return self._stale(project, f"its page cannot be read: {error}")

    def _stale(self, project: str, why: str) -> Offer:
        """Offer only what is here, for a while."""
        return self._remember(project, OfferedPage(why=why), LEFT_ALONE, stale=True)

    def _remember_current(self, project: str, page: OfferedPage, age: float = 0.0) -> Offer:
        lasts = self._fresh - age
        if page.due is not None:
            lasts = min(lasts, max(1.0, page.due - time.time()))
        return self._remember(project, page, lasts)

    def _remember(self, project: str, page: OfferedPage, lasts: float, *, stale: bool = False) -> Offer:
        offer = Offer(page, time.monotonic() + lasts, stale)
        self._offers.put(project, offer, _ENTRY * (1 + len(page.files)))
        return offer

    def _is_unreachable(self, project: str, page: OfferedPage) -> bool:
        """Return whether one of the servers is left alone that an offer depends on."""
        files = [each.file.url for each in page.files.values()]
        return self._outages.affect([self._questions.url_of(project), *files[:1]])

    # Files

    async def file(self, filename: str, *, head: bool) -> Response | None:
        """Return a file that is not here, or its core metadata, as it arrives; None if nothing offers it.

        :raises HTTPException: it cannot be had now
        """
        name = filename.removesuffix(SUFFIX)
        for project in projects_named(name):
            offer = await self.offer(project)
            if offer is None:
                continue
            if offer.stale:
                raise HTTPException(504, f"{filename} is not here, and {offer.page.why}")
            selected = offer.page.files.get(name)
            if selected is None:
                continue
            try:
                if name == filename:
                    return await self._fetcher.file(project, selected, head=head)
                return await self._fetcher.metadata(selected)
            except ArrivalBrokenError as error:
                status = 502
                if name != filename:
                    # Then installers read the file itself.
                    self._withdraw_metadata(project, offer, selected)
                    status = 404
                why = f"{filename} cannot be fetched from its index: {error}"
                raise HTTPException(504 if error.late else status, why) from None
        return None

    def _withdraw_metadata(self, project: str, offer: Offer, selected: SelectedFile) -> None:
        """Offer a file without the core metadata that its index announces."""
        file = selected.file._replace(core_metadata=None)
        files = {**offer.page.files, file.filename: selected._replace(file=file)}
        page = replace(offer.page, files=files)
        self._remember(project, page, offer.until - time.monotonic())


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
