"""The kinds of distribution files, by PyPI's names for them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["PACKAGE_TYPES", "PackageType"]

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

PACKAGE_TYPES: tuple[str, ...] = get_args(PackageType)
