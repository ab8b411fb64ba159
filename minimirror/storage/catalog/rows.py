"""The catalog's rows."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "EarlierExport",
    "ExportRow",
    "FileRow",
    "ListedFile",
    "LocalFileRow",
    "MetadataRow",
    "ProjectRow",
    "ResolutionRow",
    "UpstreamRow",
]


class ProjectRow(NamedTuple):
    """A selected project."""

    name: str
    listed: int | None = None
    """Its serial in the index's list of projects; None if the index reports none."""

    serial: int | None = None
    """The serial of the mirrored page; None to read the page again."""

    etag: str | None = None
    """The validator of the mirrored page, sent with the next conditional request."""

    rules: str | None = None
    """Digest of the rules that were applied to that page."""

    gone: int = 0
    local_files: str | None = None
    """JSON list: local files that were in the folder when its page was read."""

    local_project: str | None = None
    """The local files that make it a local project, one per line."""

    due: float | None = None
    """Read its page again at this time, in seconds since the epoch, even if it has not changed."""

    status: str | None = None
    """Its status on the index (PEP 792); None for active."""


class FileRow(NamedTuple):
    """A file that minimirror placed, or is about to place."""

    filename: str
    project: str
    version: str
    size: int
    sha256: str
    upload_time: float | None = None
    requires_python: str | None = None
    yanked: str | None = None
    core_metadata: str | None = None
    url: str = ""
    provenance: str | None = None
    digests: str | None = None
    """JSON object: what the index gave besides the sha256, by algorithm."""

    index_url: str | None = None
    """The URL, without credentials, of the index that it came from; None if unknown."""


class EarlierExport(NamedTuple):
    """An export that carried bytes which a bundle needs."""

    number: int
    name: str
    """The name of the bundle's first file."""

    made: float
    """Seconds since the epoch."""


class ListedFile(NamedTuple):
    """A file in a bundle's manifest."""

    row: FileRow
    local: bool
    """Whether minimirror did not mirror it."""

    carried_by: int
    """The number of the last export that carries its bytes."""


class ResolutionRow(NamedTuple):
    """What a target needs for an input."""

    input: str
    target: str
    key: str
    due: float | None
    found: str
    """JSON."""


class MetadataRow(NamedTuple):
    """``FILE.metadata`` beside a wheel, or the fact that it has none."""

    filename: str
    """The wheel's."""

    wheel: str
    """sha256 of the wheel that it was read from."""

    size: int = 0
    """Bytes."""

    sha256: str = ""
    """Empty if the wheel has none, or if a local file is in its place."""


class LocalFileRow(NamedTuple):
    """A distribution file in the folder that minimirror did not place."""

    filename: str
    project: str
    """Normalized name."""

    version: str
    size: int
    """Bytes."""

    mtime: int
    """Nanoseconds since the epoch."""

    sha256: str
    requires_python: str | None = None


class ExportRow(NamedTuple):
    """A bundle that was made from this mirror."""

    number: int
    made: float
    """Seconds since the epoch."""

    run: int | None
    """The last run before the export."""

    since: int | None
    """It leaves out bytes that exports up to this one carried; None if it carries everything."""

    state: str
    """A digest of what the mirror offered at that time."""

    name: str
    """The name of the bundle's first file."""

    parts: int
    files: int
    """Files whose bytes it carries."""

    bytes: int
    """The size of all its parts."""


class UpstreamRow(NamedTuple):
    """What the index offered of a project when its page was read last."""

    project: str
    version: str | None = None
    """The newest release that is not yanked; None if there is none."""

    uploaded: float | None = None
    """When it was uploaded, in seconds since the epoch; None if unknown."""

    refused_by: str = ""
    """The rules that refuse it, separated by commas; empty if it is selected."""

    vulnerable: str | None = None
    """JSON object: known vulnerabilities of mirrored releases, by version; None if they are not known."""
