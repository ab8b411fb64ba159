"""uv.lock, format version 1: its shape, as far as it tells what to install.

uv raises ``revision`` for additions that older readers may pass over, and ``version`` for all else, so that
unknown keys are passed over here too.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Annotated, Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from minimirror.common import printable
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import parse_toml, shown

__all__ = ["Conflict", "Dependency", "Package", "Requirement", "Source", "UvLock", "load", "parsed_marker"]

_VERSION = 1

_DIGEST = re.compile(r"[a-z0-9_]+:[0-9a-f]+")
_EXTRA = re.compile(r"\bextra\s*(?P<operator>==|!=)\s*(?P<value>'[^']*'|\"[^\"]*\")")


@functools.lru_cache(maxsize=8192)
def parsed_marker(text: str) -> Marker:
    """A marker of uv's as PEP 751 writes it: uv tells extras that conflict by ``extra == 'extra-3-app-cpu'``.

    :raises ValueError: it cannot be parsed
    """
    operators = {"==": "in", "!=": "not in"}
    return Marker(_EXTRA.sub(lambda match: f"{match['value']} {operators[match['operator']]} extras", text))


def _name(text: str) -> str:
    return canonicalize_name(text, validate=True)


def _marker(text: str) -> str:
    parsed_marker(text)
    return text


def _version(text: str) -> str:
    return str(Version(text))


def _specifier(text: str) -> str:
    SpecifierSet(text)
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text.lower()):
        raise ValueError('must be a digest, such as "sha256:…"')
    return text.lower()


_Name = Annotated[str, AfterValidator(_name)]
_Marker = Annotated[str, AfterValidator(_marker)]
_Version = Annotated[str, AfterValidator(_version)]
_Specifier = Annotated[str, AfterValidator(_specifier)]
_Digest = Annotated[str, AfterValidator(_digest)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class Source(_Table):
    """Where a package comes from: one of these is there."""

    registry: str | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None
    """A folder whose dependencies are installed, and that is not installed itself."""

    @model_validator(mode="after")
    def _is_known(self) -> Source:
        if not self.model_fields_set:
            raise ValueError("of no known kind: a newer minimirror may know it")
        return self

    @property
    def tree(self) -> str | None:
        """The folder, where it is one."""
        return self.directory or self.editable or self.virtual


class _File(_Table):
    hash: _Digest | None = None


class Dependency(_Table):
    """What a package needs, by what tells it from the other packages of the lock."""

    name: _Name
    version: _Version | None = None
    source: Source | None = None
    extra: tuple[_Name, ...] = ()
    marker: _Marker | None = None


class Requirement(_Table):
    """What is asked for without a project, as a script does."""

    name: _Name
    extras: tuple[_Name, ...] = ()
    specifier: _Specifier = ""
    marker: _Marker | None = None


class Package(_Table):
    """One package, in one version from one source."""

    name: _Name
    version: _Version | None = None
    source: Source
    resolution_markers: tuple[_Marker, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    optional_dependencies: dict[_Name, tuple[Dependency, ...]] = {}
    dev_dependencies: dict[str, tuple[Dependency, ...]] = {}
    sdist: _File | None = None
    wheels: tuple[_File, ...] = ()

    @model_validator(mode="after")
    def _is_pinned(self) -> Package:
        if self.source.registry is not None and self.version is None:
            raise ValueError("a package of an index must have a version")
        return self

    @property
    def digests(self) -> tuple[str, ...]:
        """Those of its files; none where one of them has none, so that nothing tells it."""
        found = [file.hash for file in (*self.wheels, *([self.sdist] if self.sdist else []))]
        return () if None in found else tuple(dict.fromkeys(digest for digest in found if digest))

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


class Conflict(_Table):
    """An extra, a group or a whole member that cannot be installed together with others."""

    package: _Name
    extra: _Name | None = None
    group: str | None = None

    @property
    def marker(self) -> str:
        """What uv's markers call it."""
        tail = f"{len(self.package)}-{self.package}"
        if self.extra is not None:
            return f"extra-{tail}-{self.extra}"
        return f"project-{tail}" if self.group is None else f"group-{tail}-{canonicalize_name(self.group)}"


class _Manifest(_Table):
    members: tuple[_Name, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    dependency_groups: dict[str, tuple[Requirement, ...]] = {}


class UvLock(_Table):
    """The lock."""

    requires_python: _Specifier
    supported_markers: tuple[_Marker, ...] = ()
    conflicts: tuple[tuple[Conflict, ...], ...] = ()
    manifest: _Manifest = _Manifest()
    packages: tuple[Package, ...] = Field(default=(), alias="package")


def load(path: Path) -> UvLock:
    """Read a lock.

    :raises RequirementsError: it cannot be read, is of another version, or not of this shape
    """
    document = parse_toml(path)
    version = document.get("version")
    if version != _VERSION or isinstance(version, bool):
        raise RequirementsError(
            f"{shown(path)}: {_told_version(version)}, and version {_VERSION} is known: `uv export --format"
            " pylock.toml` writes a lock that can be read"
        )
    try:
        return UvLock.model_validate(document)
    except ValidationError as error:
        raise RequirementsError(*(f"{shown(path)}: {cause}" for cause in _causes(error))) from None


def _told_version(version: Any) -> str:
    return (
        "not a uv.lock: it has no version"
        if version is None
        else f"is of version {printable(str(version)[:20])}"
    )


def _causes(error: ValidationError) -> list[str]:
    """The first mistakes of many, each with its key."""
    found = error.errors(include_url=False, include_input=False)
    told = [
        printable(f"{_key(each['loc'])}: {each['msg'].removeprefix('Value error, ')}")
        for each in found[:_TOLD]
    ]
    return [*told, *([f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else [])]


_TOLD = 5
"""Mistakes of one lock that are told one by one."""


def _key(location: tuple[str | int, ...]) -> str:
    """A location as people write it: ``package[3].source``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part != "[key]")
    return "".join(parts).removeprefix(".")[:200]
