"""minimirror's own pages of the simple API, in HTML (PEP 503) and in JSON (PEP 691).

They include the later additions: yanked files (PEP 592), the API version (PEP 629), core metadata (PEP 658,
PEP 714), versions, sizes and upload times (PEP 700), provenance (PEP 740), project status (PEP 792). Their
links are relative, so that the folder can be served from anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from packaging.version import InvalidVersion, Version

from minimirror.simple_api.protocol import API_VERSION

__all__ = [
    "Entry",
    "file_list",
    "in_order",
    "project_html",
    "project_json",
    "root_html",
    "root_json",
    "upload_time",
]

_TO_FILES = "../../"
"""From ``simple/PROJECT/`` to the folder with the files."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Entry(NamedTuple):
    """A file on a project's page."""

    filename: str
    version: str
    size: int | None
    """Bytes; None if unknown."""

    sha256: str
    """Hexadecimal; empty if unknown."""

    upload_time: float | None = None
    """Seconds since the epoch."""

    requires_python: str | None = None
    yanked: str | None = None
    """The reason, maybe empty; None if the file is not yanked."""

    metadata: str | None = None
    """sha256 of ``FILE.metadata`` beside it; empty if unknown, None if there is no such file."""

    provenance: str | None = None
    """Absolute URL of the file's attestations."""


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries by version, oldest first, for people; installers accept any order.

    What is not a version (PEP 440) comes before the versions.
    """
    found = list(entries)
    versions: dict[str, Version] = {}
    for text in {entry.version for entry in found}:
        with suppress(InvalidVersion):
            versions[text] = Version(text)
    rank = {text: number for number, text in enumerate(sorted(sorted(versions), key=versions.__getitem__))}
    return sorted(found, key=lambda each: (rank.get(each.version, -1), each.version, each.filename))


def project_json(
    project: str, entries: Sequence[Entry], status: str | None = None, *, files: str = _TO_FILES
) -> bytes:
    """Return a project's page in JSON.

    :param project: normalized name
    :param status: the project's status (PEP 792), None if it is active
    :param files: URL of the folder with the files, relative to the page
    """
    page: dict[str, Any] = {"meta": {"api-version": API_VERSION}, "name": project}
    if status is not None:
        page["project-status"] = {"status": status}
    page["versions"] = list(dict.fromkeys(entry.version for entry in entries))
    page["files"] = [_file(entry, files) for entry in entries]
    return json.dumps(page, separators=(",", ":")).encode()


def project_html(
    project: str, entries: Sequence[Entry], status: str | None = None, *, files: str = _TO_FILES
) -> bytes:
    """Return the same page in HTML."""
    meta = "" if status is None else _meta("project-status", status)
    links = "".join(_link(entry, files) for entry in entries)
    return (_head(f"Links for {project}", meta) + links + _END).encode()


def file_list(title: str, batches: Iterable[Sequence[Entry]]) -> Iterator[bytes]:
    """Return a page of links to files beside it, as ``pip --find-links`` takes it, piece by piece."""
    yield _head(title, "").encode()
    for entries in batches:
        yield "".join(_link(entry, "") for entry in entries).encode()
    yield _END.encode()


def root_json(projects: Iterable[str]) -> Iterator[bytes]:
    """Return the root, which lists all projects, in JSON, piece by piece."""
    yield f'{{"meta":{{"api-version":"{API_VERSION}"}},"projects":['.encode()
    comma = ""
    for project in projects:
        yield f'{comma}{{"name":"{project}"}}'.encode()
        comma = ","
    yield b"]}"


def root_html(projects: Iterable[str]) -> Iterator[bytes]:
    """Return the same root in HTML."""
    yield _head("Simple index", "").encode()
    for project in projects:
        yield f'<a href="{project}/">{project}</a><br>\n'.encode()
    yield _END.encode()


def _file(entry: Entry, files: str) -> dict[str, Any]:
    is_there = None if entry.metadata is None else True
    found = {
        "filename": entry.filename,
        "url": files + quote(entry.filename),
        "hashes": {"sha256": entry.sha256} if entry.sha256 else {},
        "size": entry.size,
        "upload-time": upload_time(entry.upload_time),
        "requires-python": entry.requires_python or None,
        "yanked": None if entry.yanked is None else entry.yanked or True,
        # Without the older name: some versions of pip that know only that one fail on it in JSON.
        "core-metadata": {"sha256": entry.metadata} if entry.metadata else is_there,
        "provenance": entry.provenance,
    }
    return {key: value for key, value in found.items() if value is not None}


def upload_time(seconds: float | None) -> str | None:
    """Return a time as PEP 700 writes it.

    :param seconds: since the epoch
    :returns: None if it is unknown, or in no year that can be written
    """
    if seconds is None:
        return None
    try:
        found = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{found.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _link(entry: Entry, files: str) -> str:
    is_there = None if entry.metadata is None else "true"
    metadata = f"sha256={entry.metadata}" if entry.metadata else is_there
    data = {
        "requires-python": entry.requires_python or None,
        "yanked": entry.yanked,
        "core-metadata": metadata,
        "dist-info-metadata": metadata,
        "provenance": entry.provenance,
    }
    written = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items() if value is not None)
    href = f"{files}{quote(entry.filename)}{f'#sha256={entry.sha256}' * bool(entry.sha256)}"
    return f'<a href="{href}"{written}>{entry.filename}</a><br>\n'


def _head(title: str, meta: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{_meta('repository-version', API_VERSION)}{meta}<title>{title}</title>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n"
    )


def _meta(name: str, content: str) -> str:
    return f'<meta name="pypi:{name}" content="{escape(content)}">\n'


_END = "</body>\n</html>\n"
