"""The format of uv.lock, version 1, as far as it says what to install.

uv raises ``revision`` for additions that older readers may ignore, and ``version`` for everything else. So
unknown keys are ignored.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from minimirror.common import printable
from minimirror.resolution.inputs.files import RequirementsError, display_path, parse_toml
from minimirror.resolution.inputs.outside import file_at
from minimirror.simple_api import File

__all__ = [
    "UvConflict",
    "UvDependency",
    "UvLock",
    "UvRequirement",
    "UvSource",
    "load_uv_lock",
    "parse_marker",
]

_VERSION = 1
_DIGEST = re.compile(r"[a-z0-9_]+:[0-9a-f]+")
_EXTRA = re.compile(r"\bextra\s*(?P<operator>==|!=)\s*(?P<value>'[^']*'|\"[^\"]*\")")


@functools.lru_cache(maxsize=8192)
def parse_marker(text: str) -> Marker:
    """Parse a marker as PEP 751 writes it; uv writes conflicting extras as ``extra == 'extra-3-app-cpu'``.

    :raises ValueError: the marker is invalid
    """
    operators = {"==": "in", "!=": "not in"}
    return Marker(_EXTRA.sub(lambda match: f"{match['value']} {operators[match['operator']]} extras", text))


def _valid(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text.lower()):
        raise ValueError('must be a digest, such as "sha256:…"')
    return text.lower()


_Name = Annotated[str, AfterValidator(lambda text: canonicalize_name(text, validate=True))]
_Marker = Annotated[str, _valid(parse_marker)]
_Version = Annotated[str, AfterValidator(lambda text: str(Version(text)))]
_Specifier = Annotated[str, _valid(SpecifierSet)]
_Digest = Annotated[str, AfterValidator(_digest)]


class _UvTable(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class UvSource(_UvTable):
    """Where a package comes from; at least one of these is set."""

    registry: str | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None
    """A folder whose dependencies are installed, but which is not installed itself."""

    @model_validator(mode="after")
    def _is_known(self) -> UvSource:
        if not self.model_fields_set:
            raise ValueError("unknown kind of source; update minimirror")
        return self

    @property
    def folder(self) -> str | None:
        """The folder, if the source is one."""
        return self.directory or self.editable or self.virtual


class _UvFile(_UvTable):
    hash: _Digest | None = None


class UvDependency(_UvTable):
    """A dependency of a package, with the keys that identify its package in the lock."""

    name: _Name
    version: _Version | None = None
    source: UvSource | None = None
    extra: tuple[_Name, ...] = ()
    marker: _Marker | None = None


class UvRequirement(_UvTable):
    """A requirement without a project, such as a script's."""

    name: _Name
    extras: tuple[_Name, ...] = ()
    specifier: _Specifier = ""
    marker: _Marker | None = None


class UvPackage(_UvTable):
    """A package in one version from one source."""

    name: _Name
    version: _Version | None = None
    source: UvSource
    resolution_markers: tuple[_Marker, ...] = ()
    dependencies: tuple[UvDependency, ...] = ()
    optional_dependencies: dict[_Name, tuple[UvDependency, ...]] = {}
    dev_dependencies: dict[_Name, tuple[UvDependency, ...]] = {}
    sdist: _UvFile | None = None
    wheels: tuple[_UvFile, ...] = ()

    @model_validator(mode="after")
    def _is_pinned(self) -> UvPackage:
        if self.source.registry is not None and self.version is None:
            raise ValueError("a package of an index must have a version")
        return self

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of its files; empty if a file has none, so that any file matches."""
        found = [file.hash for file in (*self.wheels, *([self.sdist] if self.sdist else []))]
        return () if None in found else tuple(dict.fromkeys(digest for digest in found if digest))

    @property
    def file(self) -> File | None:
        """The file at a URL, if that is its source and the lock has the digest."""
        return file_at(self.source.url, self.name, self.digests) if self.source.url and self.digests else None

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


class UvConflict(_UvTable):
    """An extra, a group or a workspace member that cannot be installed together with others."""

    package: _Name
    extra: _Name | None = None
    group: _Name | None = None

    @property
    def marker(self) -> str:
        """Its name in uv's markers, such as ``extra-3-app-cpu``."""
        tail = f"{len(self.package)}-{self.package}"
        if self.extra is not None:
            return f"extra-{tail}-{self.extra}"
        return f"project-{tail}" if self.group is None else f"group-{tail}-{self.group}"


class _UvManifest(_UvTable):
    members: tuple[_Name, ...] = ()
    requirements: tuple[UvRequirement, ...] = ()
    dependency_groups: dict[_Name, tuple[UvRequirement, ...]] = {}


class UvLock(_UvTable):
    """The whole lock."""

    requires_python: _Specifier
    supported_markers: tuple[_Marker, ...] = ()
    conflicts: tuple[tuple[UvConflict, ...], ...] = ()
    manifest: _UvManifest = _UvManifest()
    packages: tuple[UvPackage, ...] = Field(default=(), alias="package")


def load_uv_lock(path: Path) -> UvLock:
    """Read a uv.lock.

    :raises RequirementsError: the file cannot be read, has another version or an invalid structure
    """
    document = parse_toml(path)
    version = document.get("version")
    if version != _VERSION or isinstance(version, bool):
        cause = "not a uv.lock: no version"
        if version is not None:
            cause = f"version {printable(str(version)[:20])} is not supported, only version {_VERSION}"
        raise RequirementsError(
            f"{display_path(path)}: {cause}; create a pylock.toml with `uv export --format pylock.toml`"
        )
    try:
        return UvLock.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    causes = [f"{_key(each['loc'])}: {each['msg'].removeprefix('Value error, ')}" for each in errors]
    raise RequirementsError(*(f"{display_path(path)}: {printable(cause)}" for cause in causes))


def _key(location: tuple[str | int, ...]) -> str:
    """Format the location of a problem, such as ``package[3].source``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part != "[key]")
    return "".join(parts).removeprefix(".")[:200]
