"""Bundles, which carry a mirror's changes across an air gap; ``docs/bundle.md`` describes the format.

``exporting`` and ``importing`` read top to bottom. Below them: what a bundle says (``manifest``, ``head``),
how its files are laid out (``layout``), written and read (``writer``, ``reader``), and who vouches for it
(``signature``).
"""

from minimirror.bundle.errors import BundleError, BundleRequestError
from minimirror.bundle.exporting import export, list_exports
from minimirror.bundle.importing import import_bundles
from minimirror.bundle.results import Exported, Imported

__all__ = [
    "BundleError",
    "BundleRequestError",
    "Exported",
    "Imported",
    "export",
    "import_bundles",
    "list_exports",
]
