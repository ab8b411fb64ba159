"""Bundles, which carry a mirror across an air gap; ``docs/bundle.md`` describes the format.

``exporting`` and ``importing`` are the two commands; each reads from top to bottom. ``since`` says whose
bytes an export leaves out. ``preconditions`` checks that a bundle fits the mirror, and ``applying`` changes
the mirror. ``manifest`` lists what the mirror holds, and ``signature`` signs that list. ``layout`` has the
tar headers and the header of a part; ``writer`` and ``reader`` write and read the parts, and ``source``
reads the mirror's files. ``results`` has the results and the errors, ``progress`` reports to the user.
``installer`` makes the file that installs minimirror on the far side, and ``installing`` is what it runs
there.
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
