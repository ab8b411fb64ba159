"""A folder as runs have left it, with as many files as are asked for: `serve_folder.py FOLDER FILES`.

Ten files a project, of a byte each, and one big one: what a page costs does not depend on the size of files,
and what a download costs does not depend on their number. Needs minimirror, whose catalog it makes.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from minimirror.storage import Catalog, FileRow, ProjectRow

FILES_A_PROJECT = 10
BIG = "big-1.0-py3-none-any.whl"
BIG_SIZE = 1 << 30

_UPLOADED = 1_700_000_000.0


def _row(filename: str, project: str, version: str, content: bytes) -> FileRow:
    digest = hashlib.sha256(content).hexdigest()
    url = f"https://example.org/{filename}"
    metadata = f"sha256={digest}"
    return FileRow(filename, project, version, len(content), digest, _UPLOADED, ">=3.10", None, metadata, url)


def _rows(files: int) -> Iterator[FileRow]:
    for number in range(files // FILES_A_PROJECT):
        for minor in range(FILES_A_PROJECT):
            filename = f"project_{number:06}-1.{minor}-py3-none-any.whl"
            yield _row(filename, f"project-{number:06}", f"1.{minor}", b"x")


def make(folder: Path, files: int) -> None:
    """Make the folder and its catalog."""
    (folder / ".minimirror").mkdir(parents=True)
    with Catalog(folder / ".minimirror" / "catalog.sqlite") as catalog:
        for row in _rows(files):
            (folder / row.filename).write_bytes(b"x")
            catalog.files.put([row])
            catalog.projects.put(ProjectRow(row.project))
        catalog.files.put([_row(BIG, "big", "1.0", b"")._replace(size=BIG_SIZE)])
        catalog.commit()
    with (folder / BIG).open("wb") as big:
        for _ in range(BIG_SIZE >> 20):
            big.write(bytes(1 << 20))


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
