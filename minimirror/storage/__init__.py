"""The mirror on disk: the folder, the catalog, the lock and local files.

``folder`` holds the files, ``catalog/`` lists those that minimirror placed, ``lock`` prevents two runs at
the same time, ``opening`` brings these together, and ``local_files`` reads the files that minimirror did not
place.
"""

from minimirror.storage.catalog import (
    EMPTY,
    Arrivals,
    Catalog,
    CatalogDamagedError,
    CatalogError,
    CatalogReader,
    CatalogSummary,
    ChangedProject,
    ExportRow,
    Exports,
    FileRow,
    LastImport,
    ListedFile,
    LocalFileRow,
    MetadataRow,
    ProjectRow,
    ResolutionRow,
    RunRow,
    TrackedFile,
    TwiceError,
    names_like,
)
from minimirror.storage.folder import (
    DiskFullError,
    FolderBusyError,
    FolderError,
    MirrorFolder,
    NoRoomError,
    sync_names,
)
from minimirror.storage.local_files import STILL, read_local_file, record_local_files
from minimirror.storage.lock import attend
from minimirror.storage.opening import damage_set_aside, open_mirror

__all__ = [
    "EMPTY",
    "STILL",
    "Arrivals",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "CatalogReader",
    "CatalogSummary",
    "ChangedProject",
    "DiskFullError",
    "ExportRow",
    "Exports",
    "FileRow",
    "FolderBusyError",
    "FolderError",
    "LastImport",
    "ListedFile",
    "LocalFileRow",
    "MetadataRow",
    "MirrorFolder",
    "NoRoomError",
    "ProjectRow",
    "ResolutionRow",
    "RunRow",
    "TrackedFile",
    "TwiceError",
    "attend",
    "damage_set_aside",
    "names_like",
    "open_mirror",
    "read_local_file",
    "record_local_files",
    "sync_names",
]
