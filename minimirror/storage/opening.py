"""Open a mirror: to read it, or to hold it and change it; and set a damaged catalog aside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from minimirror.common import missing_extra
from minimirror.storage.catalog.catalog import Catalog, CatalogDamagedError
from minimirror.storage.folder import MirrorFolder
from minimirror.storage.repository import FolderError, Repository

__all__ = [
    "bucket_environment",
    "damage_set_aside",
    "open_folder",
    "open_mirror",
    "open_repository",
    "open_to_read",
]


def open_repository(repository: Path | str, state: Path | None = None) -> Repository:
    """Return the folder or bucket that a config names; nothing is read yet.

    :param repository: a folder, or the URL of a bucket
    :param state: the local folder for a bucket's catalog; None for the default
    :raises FolderError: obstore, which reaches buckets, is not installed
    """
    if not isinstance(repository, str):
        return MirrorFolder(repository)
    try:
        # Only here: a mirror in a folder needs no obstore.
        from minimirror.storage.bucket import MirrorBucket  # noqa: PLC0415
    except ImportError:
        scheme = repository.partition(":")[0]
        raise FolderError(missing_extra(f"a repository at {scheme}://", "obstore", "s3")) from None
    return MirrorBucket(repository, state)


def bucket_environment() -> dict[str, str]:
    """Return the variables of the environment that say how to reach a store, and with which credentials."""
    prefixes = ("AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST")
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


def open_folder(repository: Path | str, command: str) -> MirrorFolder:
    """Return the folder that a config names, for a command that cannot use a bucket.

    :raises FolderError: it names a bucket
    """
    if isinstance(repository, str):
        raise FolderError(f"repository {repository}: `minimirror {command}` needs a folder, not a bucket")
    return MirrorFolder(repository)


@contextmanager
def open_mirror(folder: Repository) -> Iterator[Catalog]:
    """Create what is missing of a folder, hold it, and open its catalog.

    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    folder.prepare()
    with folder.lock(), Catalog(folder.catalog) as catalog:
        yield catalog


@contextmanager
def open_to_read(repository: Path | str, state: Path | None) -> Iterator[tuple[Repository, Catalog]]:
    """Open a mirror to read it, without a lock; if it does not exist, open an empty one.

    The parameters are those of :func:`open_repository`.

    :raises FolderError: the folder or bucket cannot be used
    :raises CatalogError: the catalog cannot be read
    """
    with ExitStack() as stack:
        folder = open_repository(repository, state)
        if not folder.exists():
            empty = stack.enter_context(tempfile.TemporaryDirectory(prefix="minimirror-"))
            folder = open_repository(Path(empty))
        folder.refresh()
        yield folder, stack.enter_context(Catalog(folder.catalog, read_only=True))


@contextmanager
def damage_set_aside(folder: Repository, advice: str) -> Iterator[None]:
    """Set the catalog aside if it turns out to be damaged.

    :param advice: what the error tells the user to do next
    :raises CatalogDamagedError: it is damaged; the message says where it is kept
    """
    try:
        yield
    except CatalogDamagedError as error:
        aside = folder.set_catalog_aside()
        raise CatalogDamagedError(f"{error}; the damaged file is kept as {aside.name}. {advice}") from None
