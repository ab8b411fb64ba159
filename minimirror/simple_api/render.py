"""The pages as text: the simple API in HTML (PEP 503) and in JSON (PEP 691).

With them what was added later: yanked files (PEP 592), the API's version (PEP 629), core metadata (PEP 658,
under its names of PEP 714), versions, sizes and upload times (PEP 700), provenance (PEP 740), a project's
status (PEP 792). Links are relative, so that the folder may be served, copied or mounted anywhere.
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

__all__ = [
    "API_VERSION",
    "TO_FILES",
    "Entry",
    "in_order",
    "project_html",
    "project_json",
    "root_html",
    "root_json",
]

API_VERSION = "1.4"
"""The version of the simple API that first has all that these pages may say (PEP 792)."""

TO_FILES = "../../"
"""From ``simple/PROJECT/`` to the folder with the files."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Entry(NamedTuple):
    """What a project's page says of a file."""

    filename: str
    version: str
    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal."""

    upload_time: float | None = None
    """Seconds since the epoch."""

    requires_python: str | None = None
    yanked: str | None = None
    """The reason, maybe empty; None where the file is not yanked."""

    metadata: str | None = None
    """sha256 of ``FILE.metadata`` beside it; None where there is none."""

    provenance: str | None = None
    """Absolute URL of the file's attestations."""


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The same by version, as a person looks for them; installers do not mind."""
    found = list(entries)
    versions: dict[str, Version] = {}
    for text in {entry.version for entry in found}:
        with suppress(InvalidVersion):
            versions[text] = Version(text)
    rank = {text: number for number, text in enumerate(sorted(sorted(versions), key=versions.__getitem__))}
    # What is no version comes first.
    return sorted(found, key=lambda each: (rank.get(each.version, -1), each.version, each.filename))


def project_json(
    project: str, entries: Sequence[Entry], status: str | None = None, *, files: str = TO_FILES
) -> bytes:
    """A project's page in JSON.

    :param project: normalized name
    :param status: its status where that is not active
    :param files: URL of the folder with the files, from the page
    """
    page: dict[str, Any] = {"meta": {"api-version": API_VERSION}, "name": project}
    if status is not None:
        page["project-status"] = {"status": status}
    page["versions"] = list(dict.fromkeys(entry.version for entry in entries))
    page["files"] = [_file(entry, files) for entry in entries]
    return json.dumps(page, separators=(",", ":")).encode()


def project_html(
    project: str, entries: Sequence[Entry], status: str | None = None, *, files: str = TO_FILES
) -> bytes:
    """The same page in HTML."""
    meta = "" if status is None else _meta("project-status", status)
    links = "".join(_link(entry, files) for entry in entries)
    return (_head(f"Links for {project}", meta) + links + _END).encode()


def root_json(projects: Iterable[str]) -> Iterator[bytes]:
    """The root in JSON, in pieces: the list of all projects, however many there are."""
    yield f'{{"meta":{{"api-version":"{API_VERSION}"}},"projects":['.encode()
    comma = ""
    for project in projects:
        yield f'{comma}{{"name":"{project}"}}'.encode()
        comma = ","
    yield b"]}"


def root_html(projects: Iterable[str]) -> Iterator[bytes]:
    """The same in HTML."""
    yield _head("Simple index", "").encode()
    for project in projects:
        yield f'<a href="{project}/">{project}</a><br>\n'.encode()
    yield _END.encode()


def _file(entry: Entry, files: str) -> dict[str, Any]:
    found = {
        "filename": entry.filename,
        "url": files + quote(entry.filename),
        "hashes": {"sha256": entry.sha256},
        "size": entry.size,
        "upload-time": _time(entry.upload_time),
        "requires-python": entry.requires_python or None,
        "yanked": None if entry.yanked is None else entry.yanked or True,
        # Not under its older names as well: some pips of that time read them in HTML, and choke on these.
        "core-metadata": None if entry.metadata is None else {"sha256": entry.metadata},
        "provenance": entry.provenance,
    }
    return {key: value for key, value in found.items() if value is not None}


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        found = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{found.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _link(entry: Entry, files: str) -> str:
    metadata = None if entry.metadata is None else f"sha256={entry.metadata}"
    data = {
        "requires-python": entry.requires_python or None,
        "yanked": entry.yanked,
        "core-metadata": metadata,
        "dist-info-metadata": metadata,
        "provenance": entry.provenance,
    }
    written = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items() if value is not None)
    href = f"{files}{quote(entry.filename)}#sha256={entry.sha256}"
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
