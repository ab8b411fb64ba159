"""The catalog: an SQLite database in ``.minimirror/`` that lists what the mirror holds.

Only one process writes it; others may read it at any time. ``schema`` has the tables, ``rows`` their rows,
``sql`` what several tables share. ``catalog`` opens it; ``projects``, ``files``, ``runs``, ``pages`` and
``upstream`` read and write the tables. ``changes`` finds what has changed since the last run, ``exports`` has
what bundles carried, ``imports`` what a bundle lists and the folder lacks. ``reader`` is for processes that
only read, such as a server.
"""

from minimirror.storage.catalog.catalog import (
    PATIENCE,
    Catalog,
    CatalogDamagedError,
    CatalogError,
    connect,
)
from minimirror.storage.catalog.changes import ChangedProject
from minimirror.storage.catalog.exports import EMPTY, Exports
from minimirror.storage.catalog.files import TrackedFile
from minimirror.storage.catalog.imports import Arrivals, LastImport, TwiceError
from minimirror.storage.catalog.pages import Pages
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
from minimirror.storage.catalog.schema import SCHEMA_VERSION

__all__ = [
    "EMPTY",
    "PATIENCE",
    "SCHEMA_VERSION",
    "Arrivals",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "CatalogReader",
    "CatalogSummary",
    "ChangedProject",
    "EarlierExport",
    "ExportRow",
    "Exports",
    "FileRow",
    "LastImport",
    "ListedFile",
    "LocalFileRow",
    "MetadataRow",
    "Pages",
    "ProjectRow",
    "ResolutionRow",
    "RunRow",
    "TrackedFile",
    "TwiceError",
    "UpstreamRow",
    "connect",
    "names_like",
]
