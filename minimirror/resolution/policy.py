"""What the resolver may choose: the config's rules, applied to the index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path

from minimirror.config import Config
from minimirror.selection import ProjectRequest, ProjectRules, Rules, project_patterns, select
from minimirror.simple_api import File, Page
from minimirror.upstream import ADVISORY_LIFETIME, Indexes, NoAdvisoriesError, completed, vulnerabilities

__all__ = ["ResolutionPolicy"]


class ResolutionPolicy:
    """Decides which files and releases the resolver may choose. Used by many threads."""

    connections = 32
    """Requests to the index at once."""

    def __init__(
        self, config: Config, indexes: Indexes, local_files: Callable[[str], Collection[Path]], now: float
    ) -> None:
        """Prepare the rules.

        :param local_files: as :meth:`LocalProjects.files`
        :param now: the time of the run, in seconds since the epoch
        """
        self._indexes = indexes
        self._now = now
        self._rules = Rules.of(config)
        self._due: list[float] = []
        self.local_files = local_files
        """Returns the files of a local project, which takes nothing from the index; none for others."""

        self.is_mirrored: Callable[[str], bool] = ProjectRules(None, config.exclude_projects).selects
        """Checks whether a project, by its normalized name, may be mirrored at all."""

        self.is_ignored: Callable[[str], bool] = project_patterns(config.ignore).match
        """Checks whether a project, by its normalized name, comes from elsewhere than the index."""

        self.why_refused: Callable[[str, str], str | None] = lambda *_: None
        """Returns why a release, by project and version, must not be chosen, or None if it may."""

        if config.vulnerable == "exclude":
            self.why_refused = cache(self._vulnerabilities)
        self.prereleases = config.prereleases
        """Allow pre-releases everywhere, not only where nothing else matches."""

        self.build = config.build
        """Let uv build sdists to learn their dependencies, which runs code of the index."""

        self.timeout = config.file_timeout
        """Seconds that one call of uv may take."""

    @property
    def due(self) -> float | None:
        """When the rules will allow more than they did, in seconds since the epoch."""
        return min(self._due, default=None)

    def allowed(self, project: str, page: Page, target: int | None) -> Iterable[File]:
        """Return the files of a page that the rules allow.

        :param target: the target's number, or None for any
        """
        rules = self._rules.for_resolver(target)
        decisions = select(page.files, project, rules, ProjectRequest(), now=self._now, status=page.status)
        self._due += (each.until for each in decisions if each.until is not None)
        return [each.file for each in decisions if each.wanted]

    def _vulnerabilities(self, project: str, version: str) -> str | None:
        self._due.append(self._now + ADVISORY_LIFETIME)
        index = self._indexes.of(project)
        try:
            found = completed(vulnerabilities(index.reader, project, version))
        except NoAdvisoriesError:
            if index.reader.alone:
                raise
            return None  # the summary says so when the project's page is read
        return found and f"known vulnerabilities: {found}"
