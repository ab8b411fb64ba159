"""The rules that are the same for every project, and their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from minimirror.simple_api import QUARANTINED

if TYPE_CHECKING:
    from minimirror.config import Config
    from minimirror.distributions import Target

__all__ = ["RULES", "Rules"]

RULES: Mapping[str, str] = MappingProxyType(
    {
        "exclude_projects": "The project is not excluded.",
        "filename": "The name is valid for a distribution of the project, and unique.",
        "package_types": "The package type is listed.",
        "extensions": "The last extension is listed.",
        "python_versions": "The Python tag or a part of it is listed; for abi3, a newer one.",
        "platforms": "A platform tag, or its family, is listed.",
        "exclude_files": "The name matches none of the patterns.",
        "targets": "A target accepts the file's tags and its Requires-Python.",
        "yanked": "The file has not been yanked, or its release is pinned.",
        "max_file_size": "The file is not larger, if its size is known.",
        "uploaded_before": "The file was uploaded before that time.",
        "min_age": "The file has been on the index for that long.",
        "project_status": "The project's status on the index is listed.",
        "min_releases": "The project has at least that many releases.",
        "projects": "The project is listed and its specifier matches the release, or a target needs it.",
        "prereleases": "The release is final, or no final one has an acceptable file (for a target).",
        "vulnerable": "The index knows no vulnerability of the release.",
        "releases": "The release is one of the newest that have an acceptable file (for a target).",
        "max_project_size": "The release and all newer ones fit into that size.",
    }
)
"""The condition for a wanted file, by the rule's name, in the order in which the rules apply.

A rule's name is its config key, except for ``filename``.
"""

_VERSION = 2
"""Increased when the meaning of a rule changes, so that existing mirrors apply the rules again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that are the same for every project; None allows everything."""

    package_types: frozenset[str] | None
    extensions: frozenset[str] | None
    python_versions: frozenset[str] | None
    platforms: frozenset[str] | None
    releases: int | None
    """How many of the newest releases are wanted, for each target if there are targets."""

    prereleases: bool
    yanked: bool
    targets: tuple[Target, ...] = ()
    """The environments that will install from the mirror; any environment if empty."""

    exclude_files: tuple[str, ...] = ()
    max_file_size: int | None = None
    """Bytes."""

    uploaded_before: float | None = None
    """Seconds since the epoch."""

    min_age: float | None = None
    """Seconds."""

    min_age_exempt: tuple[str, ...] = ()
    project_status: frozenset[str] | None = None
    """Statuses (PEP 792); None for all except ``quarantined``, which must not be installed."""

    min_releases: int = 1
    """Of a project, yanked ones not counted. With 1, the rule refuses nothing."""

    vulnerable: bool = True
    """Whether releases with known vulnerabilities are wanted."""

    reports_vulnerable: bool = False
    """Whether they are wanted, but the index is asked which they are."""

    max_project_size: int | None = None
    """Bytes."""

    @classmethod
    def of(cls, config: Config) -> Rules:
        """Return the rules of a config."""
        return cls(
            package_types=_set(config.package_types),
            extensions=_set(config.extensions),
            python_versions=_set(config.python_versions),
            platforms=_set(config.platforms),
            releases=None if config.releases == "all" else config.releases,
            prereleases=config.prereleases,
            yanked=config.yanked,
            targets=config.targets,
            exclude_files=tuple(sorted(config.exclude_files)),
            max_file_size=config.max_file_size,
            uploaded_before=config.uploaded_before,
            min_age=config.min_age,
            min_age_exempt=tuple(sorted(config.min_age_exempt)),
            project_status=_set(config.project_status),
            min_releases=config.min_releases,
            vulnerable=config.vulnerable != "exclude",
            reports_vulnerable=config.vulnerable == "report",
            max_project_size=config.max_project_size,
        )

    def for_installers(self) -> Rules:
        """Return the rules for what installers may choose from: all releases, pre-releases, yanked files."""
        return replace(self, releases=None, prereleases=True, yanked=True, max_project_size=None)

    def for_resolver(self, target: int | None) -> Rules:
        """Return the rules for what a resolver may choose from.

        :param target: index of the target in :attr:`targets`; None for any environment
        """
        targets = () if target is None else (self.targets[target],)
        return replace(self.for_installers(), targets=targets)

    def allow_status(self, status: str) -> bool:
        """Return whether files of a project with this status (PEP 792) may be wanted."""
        return status != QUARANTINED if self.project_status is None else status in self.project_status

    def fingerprint(self, parts: Sequence[str]) -> str:
        """Return a short string that differs if the selection of a project's files may differ.

        :param parts: what else it depends on: :meth:`ProjectRequest.texts`, the index's URL
        """
        texts = [str(_VERSION), *parts]
        for rule in fields(self):
            value = getattr(self, rule.name)
            # A rule that was added later and is not used changes nothing for existing mirrors.
            if rule.default is MISSING or value != rule.default:
                texts.append(f"{rule.name}={sorted(value) if isinstance(value, frozenset) else value}")
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(str(value) for value in values)
