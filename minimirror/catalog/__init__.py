"""The catalog: what the mirror knows it holds, in SQLite, in the repository's ``.minimirror/``.

Only the parent process writes it. Another process may read it at any time.
"""

from minimirror.catalog.arrivals import Arrivals, TwiceError
from minimirror.catalog.catalog import PATIENCE, Catalog, CatalogDamagedError, CatalogError
from minimirror.catalog.exports import Exports
from minimirror.catalog.pages import MetadataRow, OwnFileRow, Pages
from minimirror.catalog.reader import CatalogOutdatedError, CatalogReader
from minimirror.catalog.rows import ExportRow, FileRow, ImportRow, ProjectRow, ResolutionRow
from minimirror.catalog.schema import SCHEMA_VERSION, SCHEMAS
from minimirror.catalog.state import EMPTY, state

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
    "MetadataRow",
    "OwnFileRow",
    "Pages",
    "ProjectRow",
    "ResolutionRow",
    "TwiceError",
    "state",
]
