"""The resolver's input and output."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minimirror.common import MinimirrorError
from minimirror.resolution.inputs import OutsideProject

__all__ = ["NeededRelease", "Resolution", "ResolutionRequest", "ResolveError"]


class ResolveError(MinimirrorError):
    """The resolver cannot be run, or takes too long."""

    exit_code = 2


@dataclass(frozen=True)
class ResolutionRequest:
    """Requirements to resolve together: an input file, or one entry of ``projects``."""

    name: str
    """The name in messages and chains. Each request has a different one."""

    source: str
    """Requirements (PEP 508), one per line."""

    constraints: Collection[str] = ()
    """Requirements (PEP 508) that limit which releases may be chosen."""

    overrides: Collection[str] = ()
    """Requirements (PEP 508) that replace all others of the same project."""

    hashes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Pinned hashes, such as ``sha256:…`` in lower case, by normalized project."""

    outside: Mapping[str, Collection[OutsideProject]] = field(default_factory=dict)
    """Projects that do not come from the index, by normalized name."""

    choices: Mapping[str, str] = field(default_factory=dict)
    """uv's options ``prerelease`` and ``resolution``."""

    environments: Collection[str] = ()
    """Markers: targets for which none of them holds need nothing. All do if there are none."""

    key: str = ""
    """The name in the cache: an absolute path, so that the working directory does not matter."""

    @property
    def fingerprint(self) -> str:
        """Changes with the content of the request."""
        hashes = sorted((name, sorted(values)) for name, values in self.hashes.items())
        return repr(
            [
                self.source,
                self.constraints,
                self.overrides,
                hashes,
                self.outside,
                self.choices,
                self.environments,
            ]
        )


class NeededRelease(NamedTuple):
    """A release that a request needs on a target."""

    project: str
    """The normalized name."""

    version: str
    """The version as the resolver writes it, normalized (PEP 440)."""

    chain: tuple[str, ...]
    """The shortest way to it, from the request's name to the project's."""

    digests: tuple[str, ...] = ()
    """Its file must have one of these, such as ``sha256:…``; empty if any file will do."""


@dataclass(frozen=True)
class Resolution:
    """The releases that one request needs on one target."""

    request: str
    """The request's name."""

    target: int
    """The target's number, from 0."""

    needed: tuple[NeededRelease, ...] = ()
    """Sorted by name. Several of one project only if some are needed to build others."""

    consulted: Mapping[str, str | None] = field(default_factory=dict)
    """The projects whose pages were read, each with its validator for :meth:`Index.changed`, or None if the
    index has no such project. The resolution is valid until a page or the rules change."""

    local: tuple[str, ...] = ()
    """The projects whose need local files meet, sorted."""

    stamps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What the local files of the projects that it depends on were, by project."""

    warnings: tuple[str, ...] = ()
    """The resolver's warnings, such as about a misspelt extra."""

    failure: str | None = None
    """Why the request cannot be resolved, in lines of text. Then :attr:`needed` is empty."""
