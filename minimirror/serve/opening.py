"""Open what is served. Only here is decided what a folder has and a bucket has not."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from minimirror.common import MinimirrorError
from minimirror.config import Config, ServeSettings
from minimirror.selection import ProjectRules
from minimirror.serve.bucket_files import BucketFiles
from minimirror.serve.files import Files, FolderFiles
from minimirror.serve.local_files import LocalFiles, RecordedFiles
from minimirror.serve.metadata import MetadataReader
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.passwords import Passwords
from minimirror.serve.uploads import Uploads
from minimirror.serve.usage import Usage
from minimirror.storage import (
    Catalog,
    CatalogError,
    CatalogReader,
    Demand,
    FolderError,
    MirrorFolder,
    Repository,
    open_mirror,
    open_repository,
)

if TYPE_CHECKING:
    from minimirror.serve.on_demand import OnDemand

    # A server of a folder needs no obstore.
    from minimirror.storage import MirrorBucket

__all__ = ["Opened", "opened"]

log = logging.getLogger("minimirror")

_CLEAN_UP_EVERY = 60.0
"""Seconds between two clean-ups of deleted files, and of unfinished uploads and transfers."""

_REFRESH_EVERY = 2.0
"""Seconds between two looks whether the catalog in a bucket has changed."""

_COUNT_EVERY = 2.0
"""Seconds after which the counts of requests are saved."""


class Opened(NamedTuple):
    """What is served."""

    mirror: ServedMirror
    files: Files
    usage: Usage
    uploads: Uploads | None = None
    """None if there are none."""

    on_demand: OnDemand | None = None
    """Gets what is not here; None if that is off."""


@contextmanager
def opened(config: Config) -> Iterator[Opened]:
    """Open the folder or the bucket of a config.

    :raises FolderError: it does not exist, cannot be used, or is not enough for the settings
    :raises CatalogError: its catalog cannot be read
    :raises ServeError: the password file cannot be read
    """
    repository = open_repository(config.repository, config.state)
    with ExitStack() as stack:
        if isinstance(repository, MirrorFolder):
            yield _folder(repository, config, stack)
        else:
            yield _bucket(cast("MirrorBucket", repository), config.serve, stack)


def _bucket(bucket: MirrorBucket, settings: ServeSettings, stack: ExitStack) -> Opened:
    _refuse(bucket, settings, "a folder, not a bucket")
    bucket.refresh()
    if not bucket.has_catalog():
        Catalog(bucket.catalog).close()
    _repeat(bucket.refresh, _REFRESH_EVERY, stack)
    catalog = CatalogReader(bucket.catalog, bucket.catalog)
    # To read all wheels of a page takes too long; an installer reads it from a part of the wheel.
    metadata = MetadataReader(bucket, reads_all=False)
    mirror = ServedMirror(bucket, catalog, RecordedFiles(catalog), metadata, threading.Lock())
    return Opened(mirror, BucketFiles(mirror, bucket, redirect=settings.redirect), Usage(None))


def _folder(folder: MirrorFolder, config: Config, stack: ExitStack) -> Opened:
    settings = config.serve
    demand = None
    if _is_writable(folder, settings):
        _prepare(folder, stack)
        demand = _demand(folder, settings, stack)
    catalog = _catalog(folder, stack)
    metadata = MetadataReader(folder)
    local = LocalFiles(folder, catalog, metadata)
    mirror = ServedMirror(folder, catalog, local, metadata, threading.Lock())
    local.refresh(wait=True)
    usage = Usage(demand)
    stack.callback(usage.save)
    _repeat(usage.save, _COUNT_EVERY, stack)
    uploads = on_demand = None
    if settings.htpasswd is not None:
        named = ProjectRules(config.projects, config.exclude_projects).named()
        uploads = Uploads(folder, local, mirror, Passwords(settings.htpasswd), named)
    if demand is not None and settings.on_demand_keep:
        limit = time.time() - settings.on_demand_keep
        demand.drop_expired(limit, lambda name: catalog.file(name) is not None)
    if demand is not None and settings.on_demand:
        # Other servers need no libcurl.
        from minimirror.serve.on_demand import OnDemand  # noqa: PLC0415

        on_demand = OnDemand(config, mirror, folder, demand, usage)
    return Opened(mirror, FolderFiles(mirror, folder), usage, uploads, on_demand)


def _is_writable(folder: MirrorFolder, settings: ServeSettings) -> bool:
    """Return whether the server may write to a folder; if not, refuse settings that need it."""
    if settings.on_demand and not folder.path.exists():
        # It need not wait for a run, as it fills itself.
        folder.prepare()
    folder.require()
    if os.access(folder.path, os.W_OK):
        return True
    _refuse(folder, settings, "permission to write in it")
    return False


def _refuse(folder: Repository, settings: ServeSettings, need: str) -> None:
    """Refuse settings for which the folder is not enough."""
    needs = {"uploads need": settings.htpasswd is not None, "`on_demand` needs": settings.on_demand}
    for what in (key for key, is_set in needs.items() if is_set):
        raise FolderError(f"repository {folder}: {what} {need}")


def _prepare(folder: MirrorFolder, stack: ExitStack) -> None:
    """Create what is missing in a folder, and clean it up from time to time."""
    if folder.has_catalog():
        folder.prepare()
    else:
        with open_mirror(folder):
            pass
    for path in (folder.retired, folder.uploads, folder.arriving):
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"cannot create {path}: {error.strerror}") from None

    def clean_up() -> None:
        folder.keep_deleted()
        folder.delete_expired()

    clean_up()
    _repeat(clean_up, _CLEAN_UP_EVERY, stack)


def _demand(folder: MirrorFolder, settings: ServeSettings, stack: ExitStack) -> Demand | None:
    """Open what records the requests of clients; None if that cannot be read.

    :raises CatalogError: it cannot be read, and ``on_demand`` needs it
    """
    try:
        return stack.enter_context(closing(Demand(folder.demand)))
    except CatalogError as error:
        if settings.on_demand:
            raise
        log.warning("requests are not counted: %s", error)
        return None


def _catalog(folder: MirrorFolder, stack: ExitStack) -> CatalogReader:
    """Open a folder's catalog; until it has one, an empty one elsewhere."""
    if folder.has_catalog():
        return CatalogReader(folder.catalog)
    empty = Path(stack.enter_context(tempfile.TemporaryDirectory()), "catalog.sqlite")
    Catalog(empty).close()
    return CatalogReader(empty, folder.catalog)


def _repeat(do: Callable[[], None], seconds: float, stack: ExitStack) -> None:
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
    stack.callback(stop.set)
