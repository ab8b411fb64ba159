"""Place files that were fetched on demand, for a server, while runs come and go."""

from __future__ import annotations

import time
from collections.abc import Sequence

from minimirror.storage import Catalog, Demand, DemandedFile, MirrorFolder, ProjectRow
from minimirror.sync.placement import Placed, Placement, StagedFile

__all__ = ["place_on_demand"]


def place_on_demand(folder: MirrorFolder, demand: Demand, staged: Sequence[StagedFile]) -> list[Placed]:
    """Place complete and verified files, and record that clients use them.

    The catalog is never locked for longer than it takes to write some rows.

    :raises MinimirrorError: the catalog cannot be written, or the disk cannot be synced
    """
    now = time.time()
    rows = [each.row for each in staged]
    # This comes first: what a run finds in the catalog, it must know to be fetched on demand.
    for row in rows:
        demand.came(DemandedFile(row.filename, row.project, row.version, now, now, 0))
    with Catalog(folder.catalog) as catalog, Placement(catalog, folder, None) as placement:
        for project in {row.project for row in rows}:
            if catalog.projects.get(project) is None:
                # The next run reads its page, as other rules count then; it is no damage until then.
                catalog.projects.put(ProjectRow(project, etag="", rules=""))
        catalog.commit()
        for each in staged:
            placement.stage(each)
        placed = [each for step in placement.finish() for each in step.placed]
        catalog.commit()
    demand.drop([each.file.row.filename for each in placed if each.error is not None])
    return placed
