"""The catalog: what the mirror knows it holds, in SQLite, in the repository's ``.minimirror/``.

Only the parent process writes it. Another process may read it at any time.
"""

from minimirror.storage.catalog.catalog import PATIENCE, Catalog, CatalogDamagedError, CatalogError
from minimirror.storage.catalog.exports import Exports
from minimirror.storage.catalog.pages import LocalFileRow, MetadataRow, Pages
from minimirror.storage.catalog.reader import CatalogOutdatedError, CatalogReader
from minimirror.storage.catalog.rows import ExportRow, FileRow, ImportRow, ProjectRow, ResolutionRow
from minimirror.storage.catalog.schema import SCHEMA_VERSION, SCHEMAS
from minimirror.storage.catalog.staging import Arrivals, TwiceError
from minimirror.storage.catalog.state import EMPTY, state

__all__ = [
    "EMPTY",
    "PATIENCE",
    "SCHEMAS",
    "SCHEMA_VERSION",
    "Arrivals",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "CatalogOutdatedError",
    "CatalogReader",
    "ExportRow",
    "Exports",
    "FileRow",
    "ImportRow",
    "LocalFileRow",
    "MetadataRow",
    "Pages",
    "ProjectRow",
    "ResolutionRow",
    "TwiceError",
    "state",
]
