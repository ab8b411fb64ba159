"""The mirror on disk: the folder, the catalog, the lock and local files.

``folder`` holds the files, ``catalog/`` lists those that minimirror placed, ``lock`` prevents two runs at
the same time, ``opening`` brings these together, ``local_files`` reads the files that minimirror did not
place, and ``demand`` knows what clients of the server asked for.
"""

from minimirror.storage.catalog import (
    EMPTY,
    Arrivals,
    Catalog,
    CatalogDamagedError,
    CatalogError,
    CatalogReader,
    ChangedProject,
    EarlierExport,
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
from minimirror.storage.demand import (
    Demand,
    DemandedFile,
    KeptPage,
    MissedProject,
    read_demanded,
    read_missed,
)
from minimirror.storage.folder import (
    DiskFullError,
    FolderBusyError,
    FolderError,
    MirrorFolder,
    NoRoomError,
    sync_names,
)
from minimirror.storage.local_files import STILL, is_complete, read_local_file, record_local_files
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
    "MirrorFolder",
    "MissedProject",
    "NoRoomError",
    "ProjectRow",
    "ResolutionRow",
    "RunRow",
    "TrackedFile",
    "TwiceError",
    "attend",
    "damage_set_aside",
    "is_complete",
    "names_like",
    "open_mirror",
    "read_demanded",
    "read_local_file",
    "read_missed",
    "record_local_files",
    "sync_names",
]
