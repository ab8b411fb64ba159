"""What the resolver finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minimirror.common import MinimirrorError

__all__ = ["NeededRelease", "Resolution", "ResolveError", "UnsolvableError"]


class ResolveError(MinimirrorError):
    """The resolver cannot be run, or takes too long."""

    exit_code = 2


class UnsolvableError(MinimirrorError):
    """uv finds no solution."""


class NeededRelease(NamedTuple):
    """A release that requirements need on a target."""

    project: str
    """The normalized name."""

    version: str
    """The version as the resolver writes it, normalized (PEP 440)."""

    chain: tuple[str, ...]
    """The shortest way to it, from the name of the requirements to the project's."""

    digests: tuple[str, ...] = ()
    """Its file must have one of these, such as ``sha256:…``; empty if any file will do."""


@dataclass(frozen=True)
class Resolution:
    """The releases that requirements need on one target."""

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
    """Why there is no resolution, in lines of text. Then :attr:`needed` is empty."""
