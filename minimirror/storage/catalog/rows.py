"""The catalog's rows, and the state of a mirror as one digest of them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "EMPTY",
    "FILE_STATE",
    "PROJECT_STATE",
    "ExportRow",
    "FileRow",
    "ImportRow",
    "LocalFileRow",
    "MetadataRow",
    "ProjectRow",
    "ResolutionRow",
    "mirror_state",
    "state_digest",
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
    upload_time: float | None
    requires_python: str | None
    yanked: str | None
    core_metadata: str | None
    url: str
    provenance: str | None = None
    digests: str | None = None
    """JSON object: what the index gave besides the sha256, by algorithm."""

    index_url: str | None = None
    """The URL, without credentials, of the index that it came from; None if unknown."""


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
    """The export whose changes it continues; None for a full bundle."""

    state: str
    """The state of the mirror at that time."""

    name: str
    """The name of the bundle's first file."""

    parts: int
    files: int
    """Files whose bytes it carries."""

    removed: int
    bytes: int
    """The size of all its parts."""


class ImportRow(NamedTuple):
    """A bundle that was imported into this mirror."""

    imported: float
    """Seconds since the epoch."""

    mirror: str
    """The mirror that it was made from."""

    number: int
    """The export's number in that mirror."""

    state: str
    name: str
    signer: str | None
    """None if no signature was required."""


# Two mirrors that offer the same to installers have the same state. What only runs need is left out: where a
# file came from, and whether a page has changed. So a run that fails, or finds nothing new, does not change
# the state.
FILE_STATE = (
    "filename",
    "project",
    "version",
    "sha256",
    "upload_time",
    "requires_python",
    "yanked",
    "core_metadata",
    "provenance",
)
PROJECT_STATE = ("name", "status")


def mirror_state(db: sqlite3.Connection) -> str:
    """Return the state of the mirror that a catalog describes: 64 hexadecimal digits."""
    return state_digest(
        db.execute(f"SELECT {', '.join(FILE_STATE)} FROM files ORDER BY filename"),  # noqa: S608
        db.execute(f"SELECT {', '.join(PROJECT_STATE)} FROM projects ORDER BY name"),  # noqa: S608
    )


def state_digest(files: Iterable[tuple[object, ...]], projects: Iterable[tuple[object, ...]]) -> str:
    """Return the state that these rows describe, each in the order of its first column."""
    found = hashlib.sha256()
    for names, rows in ((FILE_STATE, files), (PROJECT_STATE, projects)):
        for row in rows:
            # Unknown values are left out, so that a new column changes nothing for rows that do not use it.
            known = {key: value for key, value in zip(names, row, strict=True) if value is not None}
            found.update(json.dumps(known).encode() + b"\n")
    return found.hexdigest()


EMPTY = state_digest((), ())
"""The state of an empty mirror."""
