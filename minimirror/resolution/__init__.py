"""The closure: every release that targets need, by requirement files, locks and what projects depend on.

``asked`` says what is to be resolved, ``terms`` what the resolver may choose from, ``memory`` what was found
before and still holds, ``private`` what is not the index's, ``finder`` brings them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minimirror.common import Summary
    from minimirror.config import Config
    from minimirror.selection import PinnedRelease
    from minimirror.storage import Catalog
    from minimirror.upstream import Index

__all__ = ["Closure", "find_closure"]


@dataclass(frozen=True)
class Closure:
    """What the targets need."""

    pins: Mapping[str, tuple[PinnedRelease, ...]] = field(default_factory=dict)
    """By the project's normalized name."""

    chains: Mapping[tuple[str, str, int], tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """By project, version and target, the ways by which the release came in, from an input's name to the
    project's."""

    validators: Mapping[str, str] = field(default_factory=dict)
    """By project, what stands for its page as it was when it was looked at just now."""


def find_closure(
    config: Config, index: Index, catalog: Catalog, summary: Summary, unknown: Mapping[str, Sequence[Path]]
) -> Closure:
    """Find what the targets of a config need.

    What cannot be resolved is a failure in the summary.

    :param unknown: the files in the folder that minimirror did not place, by the normalized name of the
        project that they may be of, which is private if they are not the index's
    :raises RequirementsError: a file of ``requirements`` is not there, or makes no sense
    :raises ResolveError: the resolver is needed, and not installed
    :raises ListingError: patterns of ``projects`` are to be followed, and the index's list of projects cannot
        be read
    """
    if not config.requirements and not config.dependencies:
        return Closure()
    # Most configs need none of it, and it takes a while to import.
    from minimirror.resolution.finder import Finder  # noqa: PLC0415

    return Finder(config, index, catalog, summary, unknown).find()
