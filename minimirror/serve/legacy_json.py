"""PyPI's legacy JSON, from which older tools read versions and digests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from minimirror.distributions import read_filename
from minimirror.selection import Release, release_of
from minimirror.simple_api import Entry, upload_time

__all__ = ["legacy_json"]


def legacy_json(project: str, version: str | None, entries: Sequence[Entry], files: str) -> bytes | None:
    """Return the JSON of a project, or of one of its versions; None if there is no such version.

    :param version: in any spelling (PEP 440)
    :param entries: the project's files by version, oldest first
    :param files: URL under which the files are
    """
    releases: dict[str, list[dict[str, Any]]] = {}
    spelled: dict[Release, str] = {}
    for entry in entries:
        name = spelled.setdefault(release_of(entry.version), entry.version)
        releases.setdefault(name, []).append(_file(project, entry, files))
    if version is None:
        # Like PyPI, this is then about the newest: not yanked if possible, and final.
        chosen: str | None = max(releases, key=lambda name: _rank(name, releases[name]), default=None)
    else:
        chosen = spelled.get(release_of(version))
    if chosen is None:
        return None
    urls = releases[chosen]
    info = {"name": project, "version": chosen, "requires_python": urls[0]["requires_python"]}
    return json.dumps({"info": info, "releases": releases, "urls": urls}).encode()


def _rank(version: str, files: Sequence[dict[str, Any]]) -> tuple[bool, bool, Release]:
    release = release_of(version)
    is_final = release.is_version and not release.is_prerelease
    return not all(file["yanked"] for file in files), is_final, release


def _file(project: str, entry: Entry, files: str) -> dict[str, Any]:
    name = read_filename(entry.filename, project)
    return {
        "filename": entry.filename,
        "url": files + quote(entry.filename),
        "digests": {"sha256": entry.sha256} if entry.sha256 else {},
        "packagetype": name.package_type,
        "python_version": name.python_tag,
        "size": entry.size,
        "yanked": entry.yanked is not None,
        "yanked_reason": entry.yanked or None,
        "requires_python": entry.requires_python or None,
        "upload_time_iso_8601": upload_time(entry.upload_time),
    }
