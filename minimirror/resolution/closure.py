"""The closure, and the functions that find it. They import the resolver only if the config needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minimirror.common import StoredFile, Summary
    from minimirror.config import Config
    from minimirror.selection import PinnedRelease
    from minimirror.simple_api import File
    from minimirror.storage import Catalog, ResolutionRow
    from minimirror.upstream import Indexes

__all__ = ["Closure", "ResolutionChanges", "find_closure"]


@dataclass(frozen=True)
class ResolutionChanges:
    """What the catalog should remember of a closure, so that the next run need not resolve it again."""

    new: Sequence[ResolutionRow] = ()
    outdated: Collection[tuple[str, str]] = ()
    """Inputs and targets that are no longer requested."""

    def save(self, catalog: Catalog) -> None:
        """Write the changes to the catalog, without a commit."""
        for row in self.new:
            catalog.put_resolution(row)
        catalog.delete_resolutions(self.outdated)


@dataclass(frozen=True)
class Closure:
    """The releases that the targets need."""

    pins: Mapping[str, tuple[PinnedRelease, ...]] = field(default_factory=dict)
    """By normalized project."""

    chains: Mapping[tuple[str, str, int], tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """Why a release is needed, by project, version and target: names from an input to the project."""

    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)
    """Files that come from URLs instead of the index, by project."""

    local: Collection[str] = frozenset()
    """Projects whose need local files meet."""

    of_index: Collection[str] = frozenset()
    """Projects that need a release from the index, even if some of their files come from URLs."""

    validators: Mapping[str, str] = field(default_factory=dict)
    """By project, the validator of its current page."""

    resolutions: ResolutionChanges = field(default_factory=ResolutionChanges)


def find_closure(  # noqa: PLR0913 - the step's inputs, each a value of its own
    config: Config,
    indexes: Indexes,
    catalog: Catalog,
    summary: Summary,
    local_files: Mapping[str, Sequence[StoredFile]],
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> Closure:
    """Find the releases that the targets of a config need. Write nothing.

    Requirements that cannot be resolved are failures in the summary.

    :param local_files: files in the folder that minimirror did not place, by normalized project
    :param tell: called with what is being done
    :raises RequirementsError: a file of ``requirements`` is missing or invalid
    :raises ResolveError: the resolver is needed, but not installed
    :raises ListingError: ``dependencies`` needs the index's list of projects, which cannot be read
    """
    if not config.requirements and not config.dependencies:
        return Closure()
    # Most configs do not need it, and its import is slow.
    from minimirror.resolution.finder import ClosureFinder  # noqa: PLC0415

    return ClosureFinder(config, indexes, catalog, summary, local_files, tell).find()
