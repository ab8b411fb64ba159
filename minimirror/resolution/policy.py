"""What the resolver may choose: the config's rules, applied to the index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path

from minimirror.config import Config
from minimirror.selection import ProjectRequest, ProjectRules, Rules, select
from minimirror.simple_api import File, Page
from minimirror.upstream import KEPT, Index, vulnerabilities

__all__ = ["ResolutionPolicy"]


class ResolutionPolicy:
    """Decides which files and releases the resolver may choose. Used by many threads."""

    connections = 32
    """Requests to the index at once."""

    prereleases: bool
    """Allow pre-releases everywhere, not only where nothing else matches."""

    build: bool
    """Let uv build sdists to learn their dependencies, which runs code of the index."""

    timeout: float
    """Seconds that one call of uv may take."""

    def __init__(
        self, config: Config, index: Index, local_files: Callable[[str], Collection[Path]], now: float
    ) -> None:
        """Prepare the rules.

        :param local_files: returns the files of a local project, or none
        :param now: the time of the run, in seconds since the epoch
        """
        self.prereleases, self.build, self.timeout = config.prereleases, config.build, config.file_timeout
        self._index = index
        self._local_files = local_files
        self._now = now
        self._rules = Rules.of(config)
        self._projects = ProjectRules(None, config.exclude_projects)
        self._excludes_vulnerable = config.vulnerable == "exclude"
        self._vulnerabilities = cache(self._find_vulnerabilities)
        self._due: list[float] = []

    @property
    def due(self) -> float | None:
        """When the rules will allow more than they did, in seconds since the epoch."""
        return min(self._due, default=None)

    def is_mirrored(self, project: str) -> bool:
        """Check whether a project, by its normalized name, may be mirrored at all."""
        return self._projects.wants(project)

    def local_files(self, project: str) -> Collection[Path]:
        """Return the files of a local project, of which nothing comes from the index; none for others.

        :raises MinimirrorError: the index cannot be asked for the project
        """
        return self._local_files(project)

    def allowed(self, project: str, page: Page, target: int | None) -> Iterable[File]:
        """Return the files of a page that the rules allow.

        :param target: the target's number, or None for any
        """
        rules = self._rules.for_resolver(target)
        decisions = select(page.files, project, rules, ProjectRequest(), now=self._now, status=page.status)
        self._due += (each.until for each in decisions if each.until is not None)
        return [each.file for each in decisions if each.wanted]

    def why_refused(self, project: str, version: str) -> str | None:
        """Return why a release must not be chosen, or None if it may.

        :raises MinimirrorError: its vulnerabilities cannot be queried
        """
        return self._vulnerabilities(project, version) if self._excludes_vulnerable else None

    def _find_vulnerabilities(self, project: str, version: str) -> str | None:
        self._due.append(self._now + KEPT)
        found = vulnerabilities(self._index, project, version)
        return found and f"known vulnerabilities: {found}"
