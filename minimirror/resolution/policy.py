"""What the resolver may choose from: what minimirror's own rules let through."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from minimirror.config import Config
from minimirror.resolution.uv import Terms
from minimirror.selection import ProjectRequest, ProjectRules, Rules, select
from minimirror.simple_api import File, Page
from minimirror.upstream import ADVISORY_LIFETIME, Index, vulnerabilities

__all__ = ["Offer"]


class Offer:
    """The files that the rules let through. Used by many threads."""

    def __init__(self, config: Config, index: Index, now: float) -> None:
        self._rules = Rules.of(config)
        self._exclude = ProjectRules(None, config.exclude_projects)
        self._index = index
        self._config = config
        self._now = now
        self._dues: list[float] = []

    @property
    def due(self) -> float | None:
        """When, in seconds since the epoch, the rules let more through than they did."""
        return min(self._dues, default=None)

    def terms(self, local: Callable[[str], Collection[Path]]) -> Terms:
        """The resolver's terms.

        :param local: the folder's own files of a private project
        """
        return Terms(
            allowed=self._allowed,
            mirrored=self._exclude.wants,
            local=local,
            refused=cache(self._refused) if self._config.vulnerable == "exclude" else lambda *_: None,
            prereleases=self._config.prereleases,
            build=self._config.build,
            timeout=self._config.file_timeout,
        )

    def _allowed(self, project: str, page: Page, target: int | None) -> list[File]:
        rules = self._rules.for_resolver(target)
        decisions = select(page.files, project, rules, ProjectRequest(), now=self._now, status=page.status)
        self._dues += (each.until for each in decisions if each.until is not None)
        return [each.file for each in decisions if each.wanted]

    def _refused(self, project: str, version: str) -> str | None:
        self._dues.append(self._now + ADVISORY_LIFETIME)
        found = vulnerabilities(self._index, project, version)
        return found and f"known vulnerabilities: {found}"
