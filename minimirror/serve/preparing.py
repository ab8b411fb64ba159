"""What a server needs in the folder or bucket: a catalog, and folders of its own."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minimirror.common import MinimirrorError
from minimirror.config import ServeSettings
from minimirror.storage import (
    Catalog,
    FolderError,
    MirrorFolder,
    Repository,
    open_mirror,
)

__all__ = ["prepared_bucket", "prepared_folder"]

log = logging.getLogger("minimirror")

_CLEAN_UP_EVERY = 60.0
"""Seconds between two clean-ups of deleted files, and of unfinished uploads and transfers."""

_REFRESH_EVERY = 2.0
"""Seconds between two looks whether the catalog in a bucket has changed."""


@contextmanager
def prepared_bucket(bucket: Repository, settings: ServeSettings) -> Iterator[None]:
    """Get the catalog of a bucket, and keep it up to date.

    :raises FolderError: it cannot be used, or is not enough for the settings
    """
    _refuse(bucket, settings, "a folder, not a bucket")
    bucket.refresh()
    if not bucket.has_catalog():
        Catalog(bucket.catalog).close()
    with _repeated(bucket.refresh, _REFRESH_EVERY):
        yield


@contextmanager
def prepared_folder(folder: MirrorFolder, settings: ServeSettings) -> Iterator[Path]:
    """Create what is missing in a folder, and clean it up from time to time; yield the catalog's path.

    :raises FolderError: it does not exist, cannot be used, or is not enough for the settings
    """
    if settings.on_demand and not folder.path.exists():
        # It need not wait for a run, as it fills itself.
        folder.prepare()
    if not folder.path.is_dir():
        raise FolderError(f"repository {folder.path}: no such folder; create it, or run `minimirror run`")
    if not os.access(folder.path, os.W_OK):
        _refuse(folder, settings, "permission to write in it")
        with _catalog_of(folder) as catalog:
            yield catalog
        return
    if folder.has_catalog():
        folder.prepare()
    else:
        with open_mirror(folder):
            pass
    _create_folders(folder)

    def clean_up() -> None:
        folder.keep_deleted()
        folder.delete_expired()

    clean_up()
    with _repeated(clean_up, _CLEAN_UP_EVERY):
        yield folder.catalog


def _refuse(folder: Repository, settings: ServeSettings, need: str) -> None:
    """Refuse settings for which the folder is not enough."""
    needs = {"uploads need": settings.htpasswd is not None, "`on_demand` needs": settings.on_demand}
    for what in (key for key, is_set in needs.items() if is_set):
        raise FolderError(f"repository {folder}: {what} {need}")


@contextmanager
def _repeated(do: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do something from time to time, in a thread."""
    stop = threading.Event()

    def repeat() -> None:
        said = ""
        while not stop.wait(seconds):
            try:
                do()
                said = ""
            except (MinimirrorError, OSError) as error:
                if str(error) != said:
                    log.warning("%s", error)
                said = str(error)

    threading.Thread(target=repeat, name="from time to time", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _create_folders(folder: MirrorFolder) -> None:
    for path in (folder.retired, folder.uploads, folder.arriving):
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"cannot create {path}: {error.strerror}") from None


@contextmanager
def _catalog_of(folder: MirrorFolder) -> Iterator[Path]:
    """Yield the path of the catalog of a folder that cannot be written, which may have none."""
    if folder.has_catalog():
        yield folder.catalog
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "catalog.sqlite")
        Catalog(path).close()
        yield path
