"""What a user wants to have explained: a project, a release, a requirement, a file, its URL or its path."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

__all__ = ["AskedName", "read_name"]


class AskedName(NamedTuple):
    """What is asked for."""

    name: str
    """A project's name or a filename."""

    specifier: SpecifierSet | None = None
    """Which releases of the project; None for all."""


def read_name(text: str) -> AskedName:
    """Read ``NAME``, ``FILENAME``, ``NAME==1.0``, ``NAME 1.0``, ``NAME @ URL``, a URL or a path."""
    text = text.strip()
    with suppress(InvalidRequirement):
        found = Requirement(text)
        return AskedName(_last_part(found.url) if found.url else found.name, found.specifier or None)
    name, _, version = text.partition(" ")
    with suppress(InvalidSpecifier):
        return AskedName(name, SpecifierSet(f"=={version.strip()}"))
    return AskedName(_last_part(text))


def _last_part(text: str) -> str:
    if "://" in text:
        with suppress(ValueError):
            text = unquote(urlsplit(text).path)
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]
