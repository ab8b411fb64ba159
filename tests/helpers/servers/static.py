"""Run web servers for a static index: with the snippets in ``contrib/``, and one without."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.helpers.running import DEADLINE, SOURCES, until
from tests.helpers.servers.process import free_port, program, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SERVERS", "Served", "serving_static"]

_HOST = "127.0.0.1"


class Served:
    """A running server."""

    def __init__(self, port: int, log: Path) -> None:
        self.origin = f"http://{_HOST}:{port}"
        self.url = f"{self.origin}/simple/"
        self._log = log
        self._fences = 0

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        """Request a path without following redirects."""
        url = f"{self.origin}{path}"
        return requests.request(method, url, headers=headers, timeout=DEADLINE, allow_redirects=False)

    def requested(self) -> list[str]:
        """Return the requested paths so far, in order."""
        self._fences += 1
        fence = f"/fence-{self._fences}"
        self.get(fence)
        until(lambda: fence in self._paths(), "the server has written its log")
        return [path for path in self._paths() if not path.startswith("/fence-")]

    def _paths(self) -> list[str]:
        text = self._log.read_text() if self._log.exists() else ""
        # Caddy logs JSON; the others log the request line.
        return re.findall(r'"(?:GET |HEAD |uri":")(/[^ "]*)', text)


def _snippet(name: str, repository: Path, port: int) -> str:
    """Return a snippet of ``contrib/`` with another folder and port."""
    text = (SOURCES / "contrib" / name).read_text()
    assert "/srv/packages" in text
    return text.replace("/srv/packages", str(repository)).replace("8080", str(port))


def _nginx(home: Path, repository: Path, port: int) -> list[str]:
    (home / "snippet.conf").write_text(_snippet("nginx.conf", repository, port))
    (home / "nginx.conf").write_text(f"""
daemon off;
# One process: workers would run as a user without access to the test's folder.
master_process off;
pid {home}/pid;
events {{ }}
http {{
    access_log {home}/requests;
    client_body_temp_path {home}/temporary; proxy_temp_path {home}/temporary;
    fastcgi_temp_path {home}/temporary; uwsgi_temp_path {home}/temporary; scgi_temp_path {home}/temporary;
    include /etc/nginx/mime.types;
    include {home}/snippet.conf;
}}
""")
    return [program("nginx", "nginx-light"), "-e", f"{home}/errors", "-c", f"{home}/nginx.conf"]


def _apache(home: Path, repository: Path, port: int) -> list[str]:
    modules = ("mpm_event", "authz_core", "deflate", "dir", "filter", "headers", "mime", "rewrite")
    loads = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in modules)
    (home / "snippet.conf").write_text(_snippet("apache.conf", repository, port))
    (home / "types").write_text("text/html html\napplication/gzip gz\n")
    (home / "apache.conf").write_text(f"""
ServerRoot {home}
ServerName localhost
PidFile {home}/pid
ErrorLog {home}/errors
CustomLog {home}/requests "\\"%r\\""
{"User www-data" if os.geteuid() == 0 else ""}
{"Group www-data" if os.geteuid() == 0 else ""}
{loads}
TypesConfig {home}/types
Include {home}/snippet.conf
""")
    return [program("apache2", "apache2-bin"), "-f", f"{home}/apache.conf", "-DFOREGROUND"]


def _caddy(home: Path, repository: Path, port: int) -> list[str]:
    text = _snippet("Caddyfile", repository, port)
    log = f"log {{\noutput file {home}/requests\nformat json\n}}\n"
    options = "{\nadmin off\nauto_https off\n}\n"
    (home / "Caddyfile").write_text(options + text.replace("root *", f"{log}root *", 1))
    return [program("caddy", "caddy"), "run", "--config", f"{home}/Caddyfile", "--adapter", "caddyfile"]


def _plain(_home: Path, repository: Path, port: int) -> list[str]:
    """Return the command of a plain file server."""
    options = ("--bind", _HOST, "--directory", str(repository))
    return [sys.executable, "-m", "http.server", str(port), *options]


_COMMANDS: dict[str, Callable[[Path, Path, int], list[str]]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "plain": _plain,
}

SERVERS = tuple(_COMMANDS)


@contextmanager
def serving_static(kind: str, home: Path, repository: Path) -> Iterator[Served]:
    """Serve a mirror with one of `SERVERS`.

    :param home: a folder to make for the server's files
    """
    home.mkdir()
    port = free_port()
    served = Served(port, home / ("log" if kind == "plain" else "requests"))
    with serving(_COMMANDS[kind](home, repository, port), served.origin, home):
        yield served
