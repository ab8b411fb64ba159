"""Read a root index and compare it with a catalog, in a separate process, through minimirror's library.

``root_probe.py prepare URL FOLDER`` makes a catalog in FOLDER that knows every name of the root at URL, with
its serial. ``root_probe.py compare URL FOLDER`` is what is measured: it reads the root again, finds which
projects changed, and prints how many names there are and how many changed.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.selection import Rules
from minimirror.storage import Catalog, MirrorFolder, ProjectRow
from minimirror.sync.changes import Changes, find_changes
from minimirror.sync.scope import found_scope
from minimirror.sync.session import Session

__all__ = ["compare", "prepare"]


@contextmanager
def _changes(url: str, path: Path, *, drop_etag: bool) -> Iterator[tuple[Changes, Catalog]]:
    config = Config(repository=path, index_url=url)
    folder = MirrorFolder(path)
    folder.prepare()
    with Catalog(folder.catalog) as catalog:
        if drop_etag:
            # Otherwise the ETag would avoid the reading that this measures.
            catalog.remember("root", None)
        session = Session(config, folder, catalog, Summary())
        with found_scope(session) as scope:
            yield find_changes(session, scope), catalog


def prepare(url: str, folder: Path) -> None:
    """Fill the catalog in *folder* with the names and serials of the root at *url*."""
    with _changes(url, folder, drop_etag=False) as (changes, catalog):
        changes.record(catalog)
        rules = Rules.of(Config(repository=folder, index_url=url)).fingerprint([url])
        for project in catalog.changes.to_read():
            catalog.projects.put(
                ProjectRow(project.name, listed=project.listed, serial=project.listed, rules=rules)
            )
        catalog.commit()


def compare(url: str, folder: Path) -> tuple[int, int]:
    """Return how many names the root at *url* has, and how many changed since the catalog in *folder*."""
    with _changes(url, folder, drop_etag=True) as (changes, catalog):
        return catalog.changes.selected_count(), changes.pages


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
