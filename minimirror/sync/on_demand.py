"""Ask the indexes for what clients of the server want: the same questions as a run, one project at a time."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

from minimirror.config import Config
from minimirror.distributions import MAX_METADATA
from minimirror.selection import IndexRules, ProjectRequest, ProjectRules
from minimirror.simple_api import ACTIVE, QUARANTINED, File, PageError
from minimirror.sync.evaluate import evaluate
from minimirror.sync.workers.jobs import SelectedFile
from minimirror.sync.workers.readers import Readers
from minimirror.sync.workers.settings import WorkerSettings
from minimirror.upstream import (
    AdvisoryError,
    Downloaded,
    FetchError,
    IndexReader,
    ProjectReply,
    Request,
    Retry,
    Target,
    download,
    reader_of,
)

__all__ = ["IndexQuestions", "OfferedPage"]

_TRIES = 2
"""How often to ask for a page, while a client waits."""


@dataclass(frozen=True, slots=True)
class OfferedPage:
    """What the rules select of an index's page, for any client."""

    files: dict[str, SelectedFile] = field(default_factory=dict)
    """By filename."""

    status: str | None = None
    """The project's status (PEP 792); None for active."""

    why: str = ""
    """Why there are no files; empty if there are some."""

    validator: str = ""
    due: float | None = None
    """When the rules may select something else of the same page, in seconds since the epoch."""

    def written(self) -> str:
        """Return the page as JSON."""
        files = [(each.version, each.index_url, *each.file[:-1]) for each in self.files.values()]
        return json.dumps([self.status, self.why, files])

    @classmethod
    def read(cls, text: str, validator: str, due: float | None) -> OfferedPage:
        """Return the page that was written."""
        status, why, rows = json.loads(text)
        found = (SelectedFile(File(*row), version, index) for version, index, *row in rows)
        return cls({each.file.filename: each for each in found}, status, why, validator, due)


class IndexQuestions:
    """Asks the indexes of a config, in the running asyncio loop. Each project comes from one of them."""

    def __init__(self, config: Config) -> None:
        """Prepare; connections are opened when they are needed first."""
        self._settings = settings = WorkerSettings.of(config)
        # While a client waits, the index is not asked for what only a report shows.
        self._rules = replace(settings.rules.for_installers(), reports_vulnerable=False)
        self._projects = ProjectRules(config.projects, (*config.exclude_projects, *config.ignore))
        self._index_rules = IndexRules.of(config)
        # Questions do not wait behind files.
        self._pages, self._files = Readers(settings), Readers(settings)
        self._retry = Retry(attempts=_TRIES, total=settings.retry.total)
        self._readers: dict[int, tuple[float, IndexReader]] = {}
        self._lifetime = config.serve.on_demand_fresh
        self.patience = config.connect_timeout
        """Seconds that a client should wait for a server to answer at all."""
        self.at_once = settings.connections
        """How many questions, and how many transfers, may be in progress."""

    def excludes(self, project: str) -> bool:
        """Return whether the config excludes a project, by its normalized name: it is never asked for."""
        return self._projects.excludes(project)

    def url_of(self, project: str) -> str:
        """Return the URL, without credentials, of the index that a project comes from."""
        return self._settings.indexes[self._index_rules.number_of(project)].plain_url

    def rules_of(self, project: str) -> str:
        """Return a digest of what decides on the files of a project."""
        return self._rules.fingerprint([self.url_of(project), *self._projects.specifiers(project)])

    def _reader(self, project: str) -> IndexReader:
        number = self._index_rules.number_of(project)
        since, reader = self._readers.get(number, (0.0, None))
        # A flat page of links is read once by its reader.
        if reader is None or time.monotonic() - since > self._lifetime:
            address = self._settings.indexes[number]
            http = self._pages.of(address.plain_url).http
            reader = reader_of(address, http, self._retry)
            self._readers[number] = time.monotonic(), reader
        return reader

    async def page(self, project: str, held: Collection[str], validator: str | None) -> OfferedPage | None:
        """Read a project's page, and select from it; None if it has not changed.

        :param held: the names of its files that are here, as for :func:`evaluate`
        :param validator: of the page that is known, if the rules would select the same of it
        :raises FetchError: the index has no such project, or cannot be asked
        :raises PageError: the page cannot be read
        """
        reader = self._reader(project)
        if validator and not await reader.changed(project, validator):
            return None
        return await reader.project(project, partial(self._select, reader, project, held))

    async def _select(
        self, reader: IndexReader, project: str, held: Collection[str], reply: ProjectReply
    ) -> OfferedPage:
        request = ProjectRequest(specifiers=self._projects.specifiers(project))
        page = reply.page
        try:
            decisions, found = await evaluate(reader, self._rules, project, page, request, held=held)
        except AdvisoryError as error:
            raise PageError(f"could not query known vulnerabilities: {error}") from None
        wanted = [each for each in decisions if each.wanted]
        refused = Counter(each.rule for each in decisions if not each.wanted)
        rules = ", ".join(f"{rule} {count:,}" for rule, count in refused.items())
        why = "the index has quarantined it" * (page.status == QUARANTINED)
        why = why or (f"its files are refused by rule: {rules}" if rules else "its page lists no files")
        return OfferedPage(
            {each.file.filename: SelectedFile(each.file, each.version, reader.url) for each in wanted},
            None if page.status == ACTIVE else page.status,
            "" if wanted else why,
            reply.validator,
            found.due,
        )

    async def fetch(
        self, selected: SelectedFile, target: Target, report: Callable[[int], None] = lambda _: None
    ) -> Downloaded:
        """Download and verify a file, as :func:`download`."""
        reader = self._files.of(selected.index_url)
        most = self._rules.max_file_size
        return await download(
            reader.http, selected.file, target, retry=reader.retry, report=report, most=most
        )

    async def metadata(self, selected: SelectedFile) -> bytes:
        """Fetch the core metadata beside a file (PEP 658); its digest is for the caller to check.

        :raises FetchError: it cannot be fetched
        """
        http = self._pages.of(selected.index_url).http

        async def ask(deadline: float) -> bytes:
            headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
            url = f"{selected.file.url}.metadata"
            response = await http.get(Request(url, headers, deadline, limit=MAX_METADATA))
            if not response.head.whole:
                raise FetchError(f"HTTP {response.head.status} instead of the metadata")
            return response.body

        return await self._retry.call(ask, http.pause)
