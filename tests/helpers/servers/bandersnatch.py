"""Run bandersnatch, which writes a tree for a web server."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.helpers.running import DEADLINE
from tests.helpers.servers.nginx import nginx
from tests.helpers.servers.process import script

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["UPLOADED", "Bandersnatch"]

UPLOADED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
"""The upload time of all its files."""

_CONFIG = """\
[mirror]
directory = {tree}
master = {master}
allow-non-https = true
stop-on-error = true
"""

_SERIAL = 'default_type application/json; add_header X-PyPI-Last-Serial "1";'
"""Headers that bandersnatch expects from PyPI."""


class Bandersnatch:
    """A bandersnatch mirror of a small index."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._upstream = home / "upstream"
        self._upstream.mkdir(parents=True)
        self._projects: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.web = home / "tree" / "web"
        """The folder to serve."""

    def add(self, project: str, version: str, filename: str, content: bytes) -> None:
        """Release a file upstream; :meth:`sync` mirrors it."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = f"packages/{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"
        target = self._upstream / path
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
        release = {
            "filename": filename,
            "url": f"/{path}",
            "size": len(content),
            "digests": {"sha256": sha256, "md5": hashlib.md5(content).hexdigest()},
            "upload_time_iso_8601": UPLOADED.isoformat(),
            "requires_python": None,
            "yanked": False,
        }
        self._projects.setdefault(project, {}).setdefault(version, []).append(release)

    def sync(self, *projects: str) -> None:
        """Run bandersnatch for changed projects."""
        config = self._home / "bandersnatch.conf"
        with nginx(self._home / "nginx", self._upstream, server=_SERIAL) as origin:
            config.write_text(_CONFIG.format(tree=self.web.parent, master=origin))
            for project in projects:
                self._write_metadata(project, self._projects[project], origin)
            command: list[str | Path] = [script("bandersnatch"), "--config", config, "sync", *projects]
            done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, done.stderr

    def _write_metadata(self, project: str, releases: dict[str, list[dict[str, Any]]], origin: str) -> None:
        """Write a project's answer of PyPI's JSON API."""
        located = {
            version: [{**each, "url": origin + each["url"]} for each in files]
            for version, files in releases.items()
        }
        page = self._upstream / "pypi" / project / "json"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(json.dumps({"info": {"name": project}, "last_serial": 1, "releases": located}))
