"""Bundles, which carry a mirror's changes across an air gap; ``docs/bundle.md`` describes the format.

``exporting`` and ``importing`` are the two commands; each reads from top to bottom. ``preconditions`` checks
that a bundle fits the mirror. ``manifest`` lists what a bundle changes, and ``signature`` signs that list.
``layout`` defines where every byte is; ``writer`` and ``reader`` write and read the parts. ``results`` has
the results and the errors.
"""

from minimirror.bundle.exporting import export, list_exports
from minimirror.bundle.importing import import_bundles
from minimirror.bundle.results import BundleError, BundleRequestError, ExportResult, ImportResult

__all__ = [
    "BundleError",
    "BundleRequestError",
    "ExportResult",
    "ImportResult",
    "export",
    "import_bundles",
    "list_exports",
]
