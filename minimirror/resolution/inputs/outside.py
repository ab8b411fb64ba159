"""Projects that requirements take from elsewhere than the index: a folder, a file, a URL, version control.

The index must never fill them, since its project of the same name may be a stranger's. If what they depend on
is stated, the resolver learns it from core metadata that is made here, or read from a local wheel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from minimirror.common import quoted
from minimirror.distributions import FilenameError, Target, read_filename
from minimirror.simple_api import File

__all__ = [
    "UNKNOWN_VERSION",
    "Needs",
    "OutsideProject",
    "applying",
    "check_marker",
    "file_at",
    "holds",
]

UNKNOWN_VERSION = "9999"
"""The version of a project whose version only a build can determine. Most specifiers allow it."""


@dataclass
class Needs:
    """What a file, a project or one of its extras requires directly."""

    requirements: list[str] = field(default_factory=list)
    """PEP 508 requirements for the resolver, each of a project by its name."""

    projects: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """The normalized names of all required projects, each with the requested extras."""

    problems: dict[str, str] = field(default_factory=dict)
    """Sentences on requirements that cannot be mirrored, each with the normalized project."""


@dataclass
class OutsideProject:
    """A project that does not come from the index."""

    name: str
    """Normalized."""

    cause: str = ""
    """What its source is, such as ``a URL``, if those who require it by its name must be told."""

    marker: str = ""
    """A marker (PEP 508): on other targets, the index has the project after all. Empty for all targets."""

    version: str = UNKNOWN_VERSION
    requires_python: str = ""
    needs: dict[str, Needs] = field(default_factory=dict)
    """By extra, ``""`` for none. Empty if its dependencies are not known."""

    content: bytes = b""
    """The core metadata, if it is a wheel."""

    file: File | None = None
    """The wheel or sdist at a URL, with pinned digests: it is mirrored like any file."""

    unknown: str = ""
    """Why its dependencies are not known, if they are not."""

    @property
    def is_known(self) -> bool:
        """Whether its dependencies are known."""
        return bool(self.needs or self.content or self.file)

    @property
    def filename(self) -> str:
        """The name of a wheel that stands for it."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def metadata(self) -> bytes:
        """Return its core metadata."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        if self.requires_python:
            lines.append(f"Requires-Python: {self.requires_python}")
        for extra, needs in self.needs.items():
            lines += [f"Provides-Extra: {extra}"] * bool(extra)
            lines += (f"Requires-Dist: {_with_extra(each, extra)}" for each in needs.requirements)
        return self.content or "\n".join([*lines, "", ""]).encode()

    def describe(self) -> str:
        """Return why it cannot be mirrored, and what becomes of its dependencies."""
        rest = "its dependencies are mirrored" if self.is_known else self.unknown
        return f"it is {self.cause}, not a project of the index{'; ' * bool(rest)}{rest}"

    def applies(self, target: Target) -> bool:
        """Return whether it takes the place of the index's project on a target."""
        return not self.marker or holds(self.marker, target)

    def __repr__(self) -> str:
        """Return what a resolution depends on."""
        return f"{self.name} {self.marker} {self.is_known} {self.metadata()!r} {self.file}"


def file_at(url: str, project: str, pinned: Collection[str]) -> File | None:
    """Return the wheel or sdist at a URL; None if it cannot be mirrored.

    :param project: its normalized project
    :param pinned: digests such as ``sha256:…``; it must have one of them
    """
    parts = urlsplit(url)
    # A user, a password or a query may be a secret, which the catalog must not keep.
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.query:
        return None
    filename = unquote(parts.path.rpartition("/")[2])
    try:
        found = read_filename(filename, project)
    except FilenameError:
        return None
    if found.package_type not in {"bdist_wheel", "sdist"} or found.release() is None:
        return None
    return File(filename, parts._replace(fragment="").geturl(), {}, pinned=tuple(sorted(pinned)))


def _with_extra(requirement: str, extra: str) -> str:
    if not extra:
        return requirement
    text, separator, marker = requirement.partition("; ")
    return f"{text}; ({marker}) and extra == '{extra}'" if separator else f"{text}; extra == '{extra}'"


def check_marker(marker: str) -> None:
    """Check a marker (PEP 508).

    :raises ValueError: it is invalid
    """
    holds(marker, Target("3.12", "any"))


def holds(marker: str, target: Target) -> bool:
    """Return whether a marker (PEP 508) holds for a target, without extras.

    :raises ValueError: the marker is invalid
    """
    try:
        return Marker(marker).evaluate({**target.markers(), "extra": ""})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
        raise ValueError(f"invalid marker {quoted(marker, 200)}: {str(error).splitlines()[0]}") from None


def applying(projects: Mapping[str, Collection[OutsideProject]], target: Target) -> dict[str, OutsideProject]:
    """Return the projects that do not come from the index on a target, by name."""
    found = ((name, [each for each in those if each.applies(target)]) for name, those in projects.items())
    return {name: those[0] for name, those in found if those}
