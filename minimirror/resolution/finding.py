"""Finds the closure, and imports the resolver only if the config needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from minimirror.resolution.closure import Closure

if TYPE_CHECKING:
    from minimirror.common import StoredFile, Summary
    from minimirror.config import Config
    from minimirror.storage import Catalog
    from minimirror.upstream import Indexes

__all__ = ["find_closure"]


def find_closure(  # noqa: PLR0913 - the step's inputs, each a separate value
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

    return ClosureFinder(config, indexes, catalog, summary, local_files, tell=tell).find()
