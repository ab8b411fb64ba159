"""The rules applied to a project's page, with what else they need to know from the index."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial

from minimirror.selection import Decision, ProjectRequest, Rules, newest_release, select, unmet
from minimirror.simple_api import File, Page
from minimirror.sync.workers.jobs import Evaluation
from minimirror.upstream import (
    ADVISORY_LIFETIME,
    AdvisoryError,
    FetchError,
    IndexReader,
    NoAdvisoriesError,
    vulnerabilities,
)

__all__ = ["evaluate"]

_MANY = 1000
"""Files of a long page."""


async def evaluate(  # noqa: PLR0913 - what a decision depends on
    index: IndexReader,
    rules: Rules,
    project: str,
    page: Page,
    request: ProjectRequest,
    *,
    held: Collection[str] = (),
) -> tuple[list[Decision], Evaluation]:
    """Decide on each file of a project's page.

    :param project: the project's normalized name
    :param held: as for :func:`select`
    :returns: one decision per file, in the page's order, and what else there is to say
    :raises AdvisoryError: the rules exclude vulnerable releases, and the index does not report them; one of
        several need not, as a private one knows none
    :raises FetchError: the index cannot be asked for sizes or vulnerabilities
    """
    now = time.time()
    questions = _Questions(index, rules, project)
    files = page.files
    while True:
        selects = partial(
            select,
            files,
            project,
            rules,
            request,
            now=now,
            status=page.status,
            vulnerable=questions.vulnerable,
            held=held,
        )
        # Other transfers must not wait for a long page.
        decisions = selects() if len(files) < _MANY else await index.http.aside(selects)
        # A response may exclude a release; the next round asks about the release that replaces it.
        if not await questions.ask([each for each in decisions if each.wanted]):
            break
        files = [questions.sized(file) for file in files]
    known = await questions.known(decisions, held)
    dues = [each.until for each in decisions if each.until is not None] + [now + ADVISORY_LIFETIME] * bool(
        questions.releases
    )
    return decisions, Evaluation(
        due=min(dues, default=None),
        untimed=sum(
            each.rule in {"min_age", "uploaded_before"} and each.file.upload_time is None
            for each in decisions
        ),
        unadvised=questions.unadvised,
        newest=newest_release(decisions, prereleases=rules.prereleases),
        vulnerable=known,
        unmet=tuple(reason for _, reason in unmet(decisions, request.pins, rules)),
        notes=() if rules.vulnerable else _vulnerable_but_needed(decisions, questions.vulnerable),
    )


class _Questions:
    """What the rules need to know about selected files and releases, but the page does not say."""

    def __init__(self, index: IndexReader, rules: Rules, project: str) -> None:
        self._index = index
        self._project = project
        self._asks_sizes = rules.max_file_size is not None or rules.max_project_size is not None
        self._asks_releases = not rules.vulnerable or rules.reports_vulnerable
        self._must_know = not rules.vulnerable
        self._sizes: dict[str, int | None] = {}
        self.releases: set[str] = set()
        """The releases whose vulnerabilities were queried."""
        self.vulnerable: dict[str, str] = {}
        """Their known vulnerabilities, if any."""
        self.unadvised = False
        """Whether the index does not report them."""

    async def ask(self, wanted: list[Decision]) -> bool:
        """Ask for what is not known yet. Return whether anything was."""
        files = [each.file for each in wanted if each.file.size is None and each.file.url not in self._sizes]
        releases = {_public(each) for each in wanted} - self.releases
        if self._asks_sizes:
            self._sizes |= {file.url: await self._index.size(file) for file in files}
        if self._asks_releases:
            await self._ask_about(releases)
        return bool(self._asks_sizes and files) or bool(self._asks_releases and releases)

    async def _ask_about(self, releases: set[str]) -> None:
        self.releases |= releases
        for version in sorted(releases):
            if found := await self._vulnerabilities(version):
                self.vulnerable[version] = found

    async def _vulnerabilities(self, version: str) -> str | None:
        try:
            return None if self.unadvised else await vulnerabilities(self._index, self._project, version)
        except NoAdvisoriesError:
            if self._must_know and self._index.alone:
                raise
        except (AdvisoryError, FetchError):
            if self._must_know:
                raise
        self.unadvised = True
        return None

    async def known(self, decisions: list[Decision], held: Collection[str]) -> dict[str, str] | None:
        """Return the known vulnerabilities of releases that are wanted or here, None if they are not known.

        What is here may stay although it is not wanted: a run may not delete much at once.
        """
        if not self._asks_releases:
            return None
        releases = {_public(each) for each in decisions if each.wanted or each.file.filename in held}
        await self._ask_about(releases - self.releases)
        if self.unadvised:
            return None
        return {version: found for version, found in sorted(self.vulnerable.items()) if version in releases}

    def sized(self, file: File) -> File:
        """Return the file with its size, if the index reported it."""
        return file if file.size is not None else file._replace(size=self._sizes.get(file.url))


def _vulnerable_but_needed(decisions: list[Decision], vulnerable: dict[str, str]) -> tuple[str, ...]:
    wanted = {_public(each) for each in decisions if each.wanted} & vulnerable.keys()
    return tuple(
        f"{version} is mirrored because a target needs it; known vulnerabilities: {vulnerable[version]}"
        for version in sorted(wanted)
    )


def _public(decision: Decision) -> str:
    """Return the version without its local part (PEP 440): a release is as vulnerable as its builds."""
    return decision.version.partition("+")[0]
