"""The kinds of distribution files, by PyPI's names for them, and their extensions."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["EXTENSIONS", "PackageType"]

PackageType: TypeAlias = Literal[
    "sdist",
    "bdist_wheel",
    "bdist_egg",
    "bdist_wininst",
    "bdist_msi",
    "bdist_rpm",
    "bdist_dumb",
    "bdist_dmg",
]

EXTENSIONS: tuple[str, ...] = (
    *("whl", "gz", "zip", "bz2", "xz", "tar", "tgz", "tbz", "tbz2", "txz", "lz", "lzma", "tlz", "z"),
    *("egg", "exe", "msi", "rpm", "dmg", "deb"),
)
"""The last extensions of their filenames; PyPI had some ``deb`` files, too."""
