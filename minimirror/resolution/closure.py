"""What the targets need, and what the catalog should remember of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minimirror.selection import PinnedRelease
    from minimirror.simple_api import File
    from minimirror.storage import Catalog, ResolutionRow

__all__ = ["Closure"]


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

    new: Sequence[ResolutionRow] = ()
    """Resolutions that the catalog should remember, so that the next run need not resolve again."""

    outdated: Collection[tuple[str, str]] = ()
    """Inputs and targets whose resolutions the catalog should forget."""

    def save_resolutions(self, catalog: Catalog) -> None:
        """Write the changes to the catalog, without a commit."""
        for row in self.new:
            catalog.put_resolution(row)
        catalog.delete_resolutions(self.outdated)
