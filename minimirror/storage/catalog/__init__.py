"""The catalog: an SQLite database in ``.minimirror/`` that lists what the mirror holds.

Only one process writes it; others may read it at any time. ``schema`` has the tables, ``rows`` their rows,
``sql`` what several tables share. ``catalog`` opens it; ``projects``, ``files``, ``runs`` and ``pages`` read
and write the tables. ``changes`` finds what has changed since the last run, ``staging`` what a bundle would
change, ``exports`` what earlier bundles contained. ``reader`` is for processes that only read, such as a
server.
"""

from minimirror.storage.catalog.catalog import PATIENCE, Catalog, CatalogDamagedError, CatalogError
from minimirror.storage.catalog.changes import ChangedProject
from minimirror.storage.catalog.exports import Exports
from minimirror.storage.catalog.files import TrackedFile
from minimirror.storage.catalog.pages import Pages
from minimirror.storage.catalog.reader import CatalogReader
from minimirror.storage.catalog.rows import (
    EMPTY,
    ExportRow,
    FileRow,
    ImportRow,
    LocalFileRow,
    MetadataRow,
    ProjectRow,
    ResolutionRow,
    mirror_state,
)
from minimirror.storage.catalog.runs import RunRow
from minimirror.storage.catalog.schema import SCHEMA_VERSION
from minimirror.storage.catalog.staging import Arrivals, TwiceError

__all__ = [
    "EMPTY",
    "PATIENCE",
    "SCHEMA_VERSION",
    "Arrivals",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "CatalogReader",
    "ChangedProject",
    "ExportRow",
    "Exports",
    "FileRow",
    "ImportRow",
    "LocalFileRow",
    "MetadataRow",
    "Pages",
    "ProjectRow",
    "ResolutionRow",
    "RunRow",
    "TrackedFile",
    "TwiceError",
    "mirror_state",
]
