"""Read a root index and compare it with a catalog, in a process of its own, through minimirror's library.

``root_probe.py prepare URL FOLDER`` makes a catalog in FOLDER that knows every name of the root at URL, with
its serial. ``root_probe.py compare URL FOLDER`` is what is measured: it reads the root again, finds which
projects changed, and prints how many names there are and how many changed.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimirror.selection import ProjectRules, Rules
from minimirror.storage.catalog import Catalog
from minimirror.sync.discover import Listing
from minimirror.upstream.index import Index

__all__ = ["compare", "prepare"]


@contextmanager
def _listing(url: str, folder: Path) -> Iterator[tuple[Listing, Catalog]]:
    with Catalog(folder / "catalog.sqlite") as catalog:
        rules = Rules(None, None, None, None, releases=1, prereleases=False, yanked=False)
        yield Listing(Index(url), catalog, ProjectRules(None, ()), rules, {}), catalog


def prepare(url: str, folder: Path) -> None:
    """Fill the catalog in *folder* with the names and serials of the root at *url*."""
    with _listing(url, folder) as (listing, catalog):
        listing.refresh()
        for project in catalog.changed_projects():
            catalog.mirrored(project._replace(serial=project.listed))
        catalog.commit()


def compare(url: str, folder: Path) -> tuple[int, int]:
    """Return how many names the root at *url* has, and how many changed since the catalog in *folder*."""
    with _listing(url, folder) as (listing, catalog):
        # Or the ETag would spare the reading that is to be measured.
        catalog.remember("root", None)
        listing.refresh()
        return catalog.project_count(), catalog.changed_count()


def main(arguments: list[str]) -> int:
    """Do one of the two steps."""
    step, url, folder = arguments
    if step == "prepare":
        prepare(url, Path(folder))
    else:
        names, changed = compare(url, Path(folder))
        print(json.dumps({"names": names, "changed": changed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
