"""The catalog: what the mirror knows it holds, in SQLite, in the repository's ``.minimirror/``.

Only the parent process writes it. Another process may read it at any time.
"""

from minimirror.catalog.catalog import PATIENCE, Catalog, CatalogDamagedError, CatalogError
from minimirror.catalog.rows import FileRow, ProjectRow, ResolutionRow
from minimirror.catalog.schema import SCHEMA_VERSION, SCHEMAS

__all__ = [
    "PATIENCE",
    "SCHEMAS",
    "SCHEMA_VERSION",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "FileRow",
    "ProjectRow",
    "ResolutionRow",
]
