"""Open what is served. Only here is decided what a folder has and a bucket has not."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, cast

from minimirror.config import Config, ServeSettings
from minimirror.serve.bucket_files import BucketFiles
from minimirror.serve.files import Files, FolderFiles
from minimirror.serve.local_files import LocalFiles
from minimirror.serve.metadata import MetadataReader
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.preparing import prepared_bucket, prepared_folder
from minimirror.serve.recorded_files import RecordedFiles
from minimirror.serve.usage import Usage
from minimirror.storage import (
    CatalogError,
    CatalogReader,
    Demand,
    MirrorFolder,
    open_repository,
)

if TYPE_CHECKING:
    # A server of a folder needs no obstore.
    from minimirror.storage import MirrorBucket

__all__ = ["Opened", "Writable", "opened"]

log = logging.getLogger("minimirror")


class Writable(NamedTuple):
    """What uploads and files that come on demand need."""

    folder: MirrorFolder
    local: LocalFiles
    demand: Demand | None
    """Where it is recorded what clients ask for; None if it cannot be."""


class Opened(NamedTuple):
    """What is served."""

    mirror: ServedMirror
    files: Files
    usage: Usage
    writable: Writable | None
    """None for a bucket, and for a folder that cannot be written."""


@contextmanager
def opened(config: Config) -> Iterator[Opened]:
    """Open the folder or the bucket of a config.

    :raises FolderError: it does not exist, cannot be used, or is not enough for the settings
    :raises CatalogError: its catalog cannot be read
    """
    repository = open_repository(config.repository, config.state)
    if isinstance(repository, MirrorFolder):
        with _opened_folder(repository, config.serve) as found:
            yield found
    else:
        with prepared_bucket(repository, config.serve):
            yield _opened_bucket(cast("MirrorBucket", repository), config.serve)


@contextmanager
def _opened_folder(folder: MirrorFolder, settings: ServeSettings) -> Iterator[Opened]:
    with prepared_folder(folder, settings) as path, _demand(folder, settings) as demand:
        catalog, metadata = CatalogReader(path, folder.catalog), MetadataReader(folder)
        local, usage = LocalFiles(folder, catalog, metadata), Usage(demand)
        mirror = ServedMirror(folder, catalog, local, metadata, Lock(), is_local=True)
        local.refresh(wait=True)
        if demand is not None and settings.on_demand_keep:
            limit = time.time() - settings.on_demand_keep
            demand.drop_expired(limit, lambda name: catalog.file(name) is not None)
        writable = Writable(folder, local, demand) if os.access(folder.path, os.W_OK) else None
        try:
            yield Opened(mirror, FolderFiles(mirror, folder), usage, writable)
        finally:
            usage.save()


@contextmanager
def _demand(folder: MirrorFolder, settings: ServeSettings) -> Iterator[Demand | None]:
    """Open what records the requests of clients, as far as the folder can be written.

    :raises CatalogError: it cannot be read, and ``on_demand`` needs it
    """
    try:
        demand = Demand(folder.demand) if os.access(folder.path, os.W_OK) else None
    except CatalogError as error:
        if settings.on_demand:
            raise
        log.warning("requests are not counted: %s", error)
        demand = None
    try:
        yield demand
    finally:
        if demand is not None:
            demand.close()


def _opened_bucket(bucket: MirrorBucket, settings: ServeSettings) -> Opened:
    catalog = CatalogReader(bucket.catalog, bucket.catalog)
    # To read all wheels of a page takes too long; an installer reads it from a part of the wheel.
    metadata = MetadataReader(bucket, reads_all=False)
    mirror = ServedMirror(bucket, catalog, RecordedFiles(catalog), metadata, Lock(), is_local=False)
    return Opened(mirror, BucketFiles(mirror, bucket, redirect=settings.redirect), Usage(None), None)
