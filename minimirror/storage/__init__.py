"""Where the mirror is: the folder or bucket, the catalog, the lock and local files.

``repository`` is what the rest of minimirror sees of a ``folder`` or a ``bucket``, which hold the files.
``catalog/`` lists those that minimirror placed, ``lock`` prevents two runs at the same time, ``opening``
brings these together, ``local_files`` reads the files that minimirror did not place, and ``demand`` knows
what clients of the server asked for.

``object_store`` opens a bucket's store, ``objects`` reads from it, and ``store_errors`` explains its errors.
Workers stream files into it with ``upload``, ``lease`` keeps runs on two machines apart, and
``saved_catalog`` is how another machine goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror.common import lazy
from minimirror.storage.catalog.catalog import Catalog, CatalogDamagedError, CatalogError, is_catalog_full
from minimirror.storage.catalog.changes import ChangedProject
from minimirror.storage.catalog.exports import EMPTY, Exports
from minimirror.storage.catalog.files import TrackedFile
from minimirror.storage.catalog.imports import Arrivals, LastImport, TwiceError
from minimirror.storage.catalog.projects import names_like
from minimirror.storage.catalog.reader import CatalogReader, CatalogSummary
from minimirror.storage.catalog.rows import (
    EarlierExport,
    ExportRow,
    FileRow,
    ListedFile,
    LocalFileRow,
    MetadataRow,
    ProjectRow,
    ResolutionRow,
    UpstreamRow,
)
from minimirror.storage.catalog.runs import RunRow
from minimirror.storage.demand import (
    UNKNOWN,
    Demand,
    DemandedFile,
    KeptPage,
    MissedProject,
    read_demanded,
    read_missed,
)
from minimirror.storage.folder import MirrorFolder, sync_names
from minimirror.storage.local_files import STILL, is_complete, read_local_file, record_local_files
from minimirror.storage.lock import attend
from minimirror.storage.opening import (
    bucket_environment,
    damage_set_aside,
    open_folder,
    open_mirror,
    open_repository,
    open_to_read,
)
from minimirror.storage.repository import (
    DiskFullError,
    FolderBusyError,
    FolderError,
    NoRoomError,
    Repository,
)

if TYPE_CHECKING:
    from minimirror.storage.bucket import MirrorBucket
    from minimirror.storage.upload import Upload

__all__ = [
    "EMPTY",
    "STILL",
    "UNKNOWN",
    "Arrivals",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "CatalogReader",
    "CatalogSummary",
    "ChangedProject",
    "Demand",
    "DemandedFile",
    "DiskFullError",
    "EarlierExport",
    "ExportRow",
    "Exports",
    "FileRow",
    "FolderBusyError",
    "FolderError",
    "KeptPage",
    "LastImport",
    "ListedFile",
    "LocalFileRow",
    "MetadataRow",
    "MirrorBucket",
    "MirrorFolder",
    "MissedProject",
    "NoRoomError",
    "ProjectRow",
    "Repository",
    "ResolutionRow",
    "RunRow",
    "TrackedFile",
    "TwiceError",
    "Upload",
    "UpstreamRow",
    "attend",
    "bucket_environment",
    "damage_set_aside",
    "is_catalog_full",
    "is_complete",
    "names_like",
    "open_folder",
    "open_mirror",
    "open_repository",
    "open_to_read",
    "read_demanded",
    "read_local_file",
    "read_missed",
    "record_local_files",
    "sync_names",
]

__getattr__ = lazy(__name__, {"bucket": "MirrorBucket", "upload": "Upload"})
