"""A mirror as runs have left it, to be exported: `bundle_folder.py FOLDER FILES BYTES`.

The bytes are shared evenly among the files, ten of which belong to each project. Needs minimirror, whose
catalog it makes.
"""

import hashlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from minimirror.storage import Catalog, FileRow, ProjectRow

FILES_A_PROJECT = 10

_UPLOADED = 1_700_000_000


def _rows(folder: Path, files: int, size: int) -> Iterator[FileRow]:
    """Write the files, and yield what the catalog says of each."""
    chance = random.Random(1)
    for number in range(files):
        project, minor = divmod(number, FILES_A_PROJECT)
        filename, content = f"project_{project:06}-1.{minor}-py3-none-any.whl", chance.randbytes(size)
        (folder / filename).write_bytes(content)
        os.utime(folder / filename, (_UPLOADED, _UPLOADED))
        digest = hashlib.sha256(content).hexdigest()
        url = f"https://example.org/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"
        metadata = f"sha256={hashlib.sha256(filename.encode()).hexdigest()}"
        yield FileRow(
            filename,
            f"project-{project:06}",
            f"1.{minor}",
            size,
            digest,
            float(_UPLOADED),
            ">=3.10",
            None,
            metadata,
            url,
            index_url="https://example.org/simple/",
        )


def make(folder: Path, files: int, size: int) -> None:
    """Make the folder and its catalog.

    Args:
        folder: a folder that does not exist yet
        files: how many, a multiple of ten
        size: bytes of all of them

    """
    (folder / ".minimirror").mkdir(parents=True)
    with Catalog(folder / ".minimirror" / "catalog.sqlite") as catalog:
        catalog.files.put(_rows(folder, files, size // files))
        for number in range(files // FILES_A_PROJECT):
            catalog.projects.put(
                ProjectRow(f"project-{number:06}", serial=number, etag=f'"{number}"', rules="0" * 64)
            )
        catalog.commit()


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
