"""PyPI's legacy JSON, from which older tools read versions and digests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from minimirror.simple_api import Entry

__all__ = ["legacy_json"]


def legacy_json(project: str, version: str | None, entries: Sequence[Entry], files: str) -> bytes | None:
    """Return the JSON of a project, or of one of its versions; None if there is no such version.

    :param entries: the project's files by version, oldest first
    :param files: URL under which the files are
    """
    releases: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        releases.setdefault(entry.version, []).append(_file(entry, files))
    # Like PyPI, without a version this is about the newest that is not yanked.
    usable = [entry.version for entry in entries if entry.yanked is None]
    chosen = version or (usable or list(releases) or [""])[-1]
    if chosen not in releases:
        return None
    urls = releases[chosen]
    info = {"name": project, "version": chosen, "requires_python": urls[0]["requires_python"]}
    return json.dumps({"info": info, "releases": releases, "urls": urls}).encode()


def _file(entry: Entry, files: str) -> dict[str, Any]:
    uploaded = None
    if entry.upload_time is not None:
        uploaded = datetime.fromtimestamp(entry.upload_time, timezone.utc).isoformat()
    return {
        "filename": entry.filename,
        "url": f"{files}{entry.filename}",
        "digests": {"sha256": entry.sha256} if entry.sha256 else {},
        "packagetype": "bdist_wheel" if entry.filename.endswith(".whl") else "sdist",
        "size": entry.size,
        "yanked": entry.yanked is not None,
        "yanked_reason": entry.yanked or None,
        "requires_python": entry.requires_python or None,
        "upload_time_iso_8601": uploaded and uploaded.replace("+00:00", "Z"),
    }
