"""The catalog's rows."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FileRow", "ProjectRow", "ResolutionRow"]


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
