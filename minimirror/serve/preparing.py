"""What a server needs in the folder: a catalog, folders of its own, a record of what clients ask for."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from minimirror.common import MinimirrorError
from minimirror.config import ServeSettings
from minimirror.serve.usage import Usage
from minimirror.storage import (
    Catalog,
    CatalogError,
    Demand,
    FolderError,
    MirrorFolder,
    Repository,
    open_mirror,
)

__all__ = ["Demanded", "opened_demand", "prepared"]

log = logging.getLogger("minimirror")

_CLEAN_UP_EVERY = 60.0
"""Seconds between two clean-ups of deleted files, and of unfinished uploads and transfers."""

_REFRESH_EVERY = 2.0
"""Seconds between two looks whether the catalog in a bucket has changed."""


class Demanded(NamedTuple):
    """What clients ask for, as far as it can be recorded."""

    demand: Demand | None
    """None if the folder cannot be written, or is a bucket."""

    usage: Usage


@contextmanager
def opened_demand(folder: Repository, settings: ServeSettings) -> Iterator[Demanded]:
    """Open what records the requests of clients, as far as the folder can be written.

    :raises CatalogError: it cannot be read, and ``on_demand`` needs it
    """
    try:
        is_writable = isinstance(folder, MirrorFolder) and os.access(folder.path, os.W_OK)
        demand = Demand(folder.demand) if is_writable else None
    except CatalogError as error:
        if settings.on_demand:
            raise
        log.warning("requests are not counted: %s", error)
        demand = None
    usage = Usage(demand)
    try:
        yield Demanded(demand, usage)
    finally:
        usage.save()
        if demand is not None:
            demand.close()


@contextmanager
def prepared(folder: Repository, settings: ServeSettings) -> Iterator[Path]:
    """Prepare the folder or bucket, and what the server does from time to time; yield the catalog's path.

    :raises FolderError: it does not exist, or cannot be used
    """
    if isinstance(folder, MirrorFolder):
        with _prepared_folder(folder, settings) as path:
            yield path
        return
    _refuse(folder, settings, "a folder, not a bucket")
    folder.refresh()
    if not folder.has_catalog():
        Catalog(folder.catalog).close()
    with _repeated(folder.refresh, _REFRESH_EVERY):
        yield folder.catalog


@contextmanager
def _prepared_folder(folder: MirrorFolder, settings: ServeSettings) -> Iterator[Path]:
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
