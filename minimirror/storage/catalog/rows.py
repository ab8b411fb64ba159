"""The catalog's rows."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ExportRow", "FileRow", "ImportRow", "ProjectRow", "ResolutionRow"]


class ProjectRow(NamedTuple):
    """A project that is wanted."""

    name: str
    listed: int | None = None
    serial: int | None = None
    etag: str | None = None
    rules: str | None = None
    gone: int = 0
    private: str | None = None
    due: float | None = None
    """When its page is to be read whatever the index says of changes, in seconds since the epoch."""

    status: str | None = None
    """Its status on the index where that is not active (PEP 792)."""


class FileRow(NamedTuple):
    """A file that minimirror placed, or is about to place."""

    filename: str
    project: str
    version: str
    size: int
    sha256: str
    upload_time: float | None
    requires_python: str | None
    yanked: str | None
    core_metadata: str | None
    url: str
    provenance: str | None = None


class ResolutionRow(NamedTuple):
    """What a target needs for an input."""

    input: str
    target: str
    key: str
    due: float | None
    found: str
    """JSON."""


class ExportRow(NamedTuple):
    """A bundle that was made of this mirror."""

    number: int
    made: float
    """Seconds since the epoch."""

    run: int | None
    """The last run before it."""

    since: int | None
    """The export that it goes on from; None where it holds everything."""

    state: str
    """Of the mirror, as it was then."""

    name: str
    """Of the bundle's first file."""

    parts: int
    files: int
    """Carried."""

    removed: int
    bytes: int
    """Of all its parts."""


class ImportRow(NamedTuple):
    """A bundle that was taken into this mirror."""

    imported: float
    """Seconds since the epoch."""

    mirror: str
    """The mirror that it is of."""

    number: int
    """As that mirror counts its exports."""

    state: str
    name: str
    signer: str | None
    """None where no signature was asked for."""
