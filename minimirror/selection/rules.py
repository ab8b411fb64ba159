"""The rules that are the same for every project: what they are, and their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minimirror.config import Config
    from minimirror.distributions import Target

__all__ = ["RULES", "Rules"]

RULES: Mapping[str, str] = MappingProxyType(
    {
        "exclude_projects": "The project is not excluded.",
        "filename": "The name is that of a distribution file of the project, and no other wanted file's.",
        "package_types": "The package type is listed.",
        "extensions": "The last extension is listed.",
        "python_versions": "The python tag, or a part of a wheel's, is listed.",
        "platforms": "A platform tag, or its family, is listed.",
        "exclude_files": "The name matches none of these patterns.",
        "targets": "A target accepts the wheel's tags, and the Requires-Python of the wheel or sdist.",
        "yanked": "Its author has not withdrawn the file.",
        "max_file_size": "The file is not bigger, as far as the index tells sizes.",
        "uploaded_before": "The file was uploaded before that time.",
        "min_age": "The file has been on the index for that long.",
        "project_status": "The index gives the project a status that is listed.",
        "min_releases": "The project has that many releases.",
        "projects": "The project is listed, and the release meets a specifier of it, or a target needs it.",
        "prereleases": "The release is no pre-release, or the project has no other.",
        "vulnerable": "The index knows of no vulnerability of the release.",
        "releases": "The release is among the newest that have a file left: for a target, if there are any.",
        "max_project_size": "The release, and all that are newer, fit into that many bytes.",
    }
)
"""What a file has to meet to be wanted, by the rule's name, in the order in which the rules are applied.

Each is named as its config key, but for ``filename``.
"""

_VERSION = 1
"""Raised when the same rules come to mean something else, so that existing mirrors apply them anew."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that are the same for every project; None allows everything."""

    package_types: frozenset[str] | None
    extensions: frozenset[str] | None
    python_versions: frozenset[str] | None
    platforms: frozenset[str] | None
    releases: int | None
    """How many of the newest releases are wanted; of each target, where there are targets."""

    prereleases: bool
    yanked: bool
    targets: tuple[Target, ...] = ()
    """The environments that will install from the mirror; none: files for any."""

    exclude_files: tuple[str, ...] = ()
    """Patterns of filenames."""

    max_file_size: int | None = None
    """Bytes."""

    uploaded_before: float | None = None
    """Seconds since the epoch."""

    min_age: float | None = None
    """Seconds."""

    min_age_exempt: tuple[str, ...] = ()
    """Patterns of projects."""

    project_status: frozenset[str] | None = None
    """Statuses (PEP 792); None for all but ``quarantined``, of which nothing may be installed."""

    min_releases: int = 1
    """Of a project; what was yanked does not count. With 1, no project has too few, not even of those."""

    vulnerable: bool = True
    """Whether releases with known vulnerabilities are wanted."""

    max_project_size: int | None = None
    """Bytes."""

    @classmethod
    def of(cls, config: Config) -> Rules:
        """The rules that a config states."""
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
            vulnerable=config.vulnerable == "include",
            max_project_size=config.max_project_size,
        )

    def for_resolver(self, target: int | None) -> Rules:
        """What a resolver may choose from for one of the targets: what is wanted, had it all the releases.

        :param target: which of :attr:`targets`, from 0; None for whatever machine
        """
        return replace(
            self,
            targets=() if target is None else (self.targets[target],),
            releases=None,
            prereleases=True,
            yanked=True,
            max_project_size=None,
        )

    def allow_status(self, status: str) -> bool:
        """Whether files are wanted of a project of that status (PEP 792)."""
        return status != "quarantined" if self.project_status is None else status in self.project_status

    def fingerprint(self, parts: Sequence[str]) -> str:
        """Short text that differs where the selection of a project's files may differ.

        :param parts: what it depends on besides: :meth:`ProjectRequest.texts`, the index's URL
        """
        texts = [str(_VERSION), *parts]
        for rule in fields(self):
            value = getattr(self, rule.name)
            # A rule that came later, and that is not used, changes nothing for the mirrors there are.
            if rule.default is MISSING or value != rule.default:
                texts.append(f"{rule.name}={sorted(value) if isinstance(value, frozenset) else value}")
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(str(value) for value in values)
