"""What is chosen of a project's page: the selection, and what the index has to be asked for its sake."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from minimirror.selection import Decision, ProjectRequest, Rules, select, unmet
from minimirror.simple_api import File, Page
from minimirror.upstream import ADVISORY_LIFETIME, Index, vulnerabilities

__all__ = ["Choice", "choose"]


@dataclass(slots=True)
class Choice:
    """What is chosen of a page, and what else its user should know."""

    decisions: list[Decision]
    """One a file, in the page's order."""

    due: float | None = None
    """When the same page may be decided on otherwise, in seconds since the epoch."""

    untimed: int = 0
    """Files that are refused since the index does not tell when they were uploaded."""

    unmet: list[str] = field(default_factory=list)
    """Releases that are needed, and of which there is no file, in words."""

    notes: list[str] = field(default_factory=list)
    """What is no failure, in words."""


def choose(index: Index, rules: Rules, project: str, page: Page, wants: ProjectRequest) -> Choice:
    """Decide on each file of a project's page.

    :param project: the project's normalized name
    :raises AdvisoryError: vulnerable releases are not wanted, and the index does not tell them
    :raises FetchError: or cannot be asked
    """
    now = time.time()
    questions = _Questions(index, rules, project)
    files = page.files
    while True:
        decisions = select(
            files, project, rules, wants, now=now, status=page.status, vulnerable=questions.vulnerable
        )
        # What takes the place of those that are refused for an answer comes with the next turn.
        if not questions.ask([each for each in decisions if each.wanted]):
            break
        files = [questions.sized(file) for file in files]
    dues = [each.until for each in decisions if each.until is not None] + [now + ADVISORY_LIFETIME] * bool(
        questions.releases
    )
    return Choice(
        decisions,
        due=min(dues, default=None),
        untimed=sum(_is_untimed(each) for each in decisions),
        unmet=[reason for _, reason in unmet(decisions, wants.pins, rules)],
        notes=_needed_though_vulnerable(decisions, questions.vulnerable),
    )


class _Questions:
    """What the rules have to know of wanted files and releases, and a page does not tell."""

    def __init__(self, index: Index, rules: Rules, project: str) -> None:
        self._index = index
        self._project = project
        self._asks_sizes = rules.max_file_size is not None or rules.max_project_size is not None
        self._asks_releases = not rules.vulnerable
        self._sizes: dict[str, int | None] = {}
        self.releases: set[str] = set()
        """The releases whose vulnerabilities were asked for."""
        self.vulnerable: dict[str, str] = {}
        """Those that have some, and which."""

    def ask(self, wanted: list[Decision]) -> bool:
        """Ask what is not known yet; answers whether anything was."""
        files = [each.file for each in wanted if each.file.size is None and each.file.url not in self._sizes]
        releases = {each.version for each in wanted} - self.releases
        if self._asks_sizes:
            self._sizes |= {file.url: self._index.size(file) for file in files}
        if self._asks_releases:
            self.releases |= releases
            for version in sorted(releases):
                if found := vulnerabilities(self._index, self._project, version):
                    self.vulnerable[version] = found
        return bool(self._asks_sizes and files) or bool(self._asks_releases and releases)

    def sized(self, file: File) -> File:
        """The same, with its size if that was asked for and told."""
        return file if file.size is not None else file._replace(size=self._sizes.get(file.url))


def _is_untimed(decision: Decision) -> bool:
    return decision.rule in {"min_age", "uploaded_before"} and decision.file.upload_time is None


def _needed_though_vulnerable(decisions: list[Decision], vulnerable: dict[str, str]) -> list[str]:
    wanted = {each.version for each in decisions if each.wanted} & vulnerable.keys()
    return [
        f"{version} is needed by name, and has known vulnerabilities: {vulnerable[version]}"
        for version in sorted(wanted)
    ]
