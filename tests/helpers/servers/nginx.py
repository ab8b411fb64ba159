"""Run nginx, with directives of a test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.helpers.servers.process import free_port, program, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["nginx"]

_CONFIG = """\
daemon off;
# One process: workers would run as a user without access to the test's folder.
master_process off;
pid {home}/nginx.pid;
events {{ }}
http {{
    access_log {home}/access.log;
    client_body_temp_path {home}/temporary;
    proxy_temp_path {home}/temporary;
    fastcgi_temp_path {home}/temporary;
    uwsgi_temp_path {home}/temporary;
    scgi_temp_path {home}/temporary;
    {http}
    server {{
        listen 127.0.0.1:{port};
        root {root};
        {server}
    }}
}}
"""


@contextmanager
def nginx(home: Path, root: Path, *, server: str = "", http: str = "") -> Iterator[str]:
    """Serve a folder; yield the server's origin.

    :param server: directives of its ``server`` block
    :param http: directives of the ``http`` block around it
    """
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = home / "nginx.conf"
    config.write_text(_CONFIG.format(home=home, root=root, port=port, server=server, http=http))
    origin = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        program("nginx", "nginx-light"),
        "-p",
        home,
        "-e",
        home / "error.log",
        "-c",
        config,
    ]
    with serving(command, f"{origin}/", home):
        yield origin
