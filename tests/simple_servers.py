"""Real web servers over a repository: with the snippets of ``contrib/``, and one that knows files alone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests

from tests.running import DEADLINE, SOURCES, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["SERVERS", "Served", "serving"]

HOST = "127.0.0.1"


class Served:
    """A server that runs."""

    def __init__(self, port: int, log: Path) -> None:
        self.origin = f"http://{HOST}:{port}"
        self.url = f"{self.origin}/simple/"
        self._log = log
        self._fences = 0

    def get(self, path: str, **headers: str) -> requests.Response:
        """Ask for a path, and follow no redirect."""
        return requests.get(f"{self.origin}{path}", headers=headers, timeout=DEADLINE, allow_redirects=False)

    def requested(self) -> list[str]:
        """The paths that were asked for up to now, in order."""
        self._fences += 1
        fence = f"/fence-{self._fences}"
        self.get(fence)
        until(lambda: fence in self._paths(), "the server has written its log")
        return [path for path in self._paths() if not path.startswith("/fence-")]

    def _paths(self) -> list[str]:
        text = self._log.read_text() if self._log.exists() else ""
        # Caddy's log is JSON, the others' have the request line.
        return re.findall(r'"(?:GET |HEAD |uri":")(/[^ "]*)', text)

    def answers(self) -> bool:
        """Whether it answers yet."""
        with suppress(requests.ConnectionError):
            self.get("/fence-0")
            return True
        return False


def _program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


def _snippet(name: str, repository: Path, port: int) -> str:
    """What ``contrib/`` has, with another folder and port, as its first lines tell to change."""
    text = (SOURCES / "contrib" / name).read_text()
    assert text.count("/srv/packages") >= 1
    return text.replace("/srv/packages", str(repository)).replace("8080", str(port))


def _nginx(work: Path, repository: Path, port: int) -> list[str]:
    (work / "snippet.conf").write_text(_snippet("nginx.conf", repository, port))
    (work / "nginx.conf").write_text(f"""
daemon off;
pid {work}/pid;
worker_processes 1;
error_log {work}/errors;
{"user root;" if _is_root() else ""}
events {{ }}
http {{
    access_log {work}/log;
    client_body_temp_path {work}/body; proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
    include /etc/nginx/mime.types;
    include {work}/snippet.conf;
}}
""")
    return [_program("nginx", "nginx-light"), "-e", f"{work}/errors", "-c", f"{work}/nginx.conf"]


def _apache(work: Path, repository: Path, port: int) -> list[str]:
    modules = ("mpm_event", "authz_core", "deflate", "dir", "filter", "headers", "mime", "rewrite")
    loads = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in modules)
    (work / "snippet.conf").write_text(_snippet("apache.conf", repository, port))
    (work / "apache.conf").write_text(f"""
ServerRoot {work}
ServerName localhost
PidFile {work}/pid
ErrorLog {work}/errors
CustomLog {work}/log "\\"%r\\""
{"User www-data" if _is_root() else ""}
{"Group www-data" if _is_root() else ""}
{loads}
TypesConfig /etc/mime.types
Include {work}/snippet.conf
""")
    return [_program("apache2", "apache2"), "-f", f"{work}/apache.conf", "-DFOREGROUND"]


def _caddy(work: Path, repository: Path, port: int) -> list[str]:
    text = _snippet("Caddyfile", repository, port)
    log = f"log {{\noutput file {work}/log\nformat json\n}}\n"
    options = "{\nadmin off\nauto_https off\n}\n"
    (work / "Caddyfile").write_text(options + text.replace("root *", f"{log}root *", 1))
    return [_program("caddy", "caddy"), "run", "--config", f"{work}/Caddyfile", "--adapter", "caddyfile"]


def _plain(work: Path, repository: Path, port: int) -> list[str]:
    """A server that knows nothing but files."""
    options = ("--bind", HOST, "--directory", str(repository))
    return [sys.executable, "-u", "-m", "http.server", str(port), *options]


def _pypiserver(work: Path, repository: Path, port: int) -> list[str]:
    options = ("--interface", HOST, "--port", str(port), "--passwords", ".", "--authenticate", ".")
    return [sys.executable, "-m", "pypiserver", "run", *options, str(repository)]


_COMMANDS: dict[str, Callable[[Path, Path, int], list[str]]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "plain": _plain,
    "pypiserver": _pypiserver,
}

SERVERS = ("nginx", "apache", "caddy", "plain")
"""Those that serve the static index."""


def _is_root() -> bool:
    return os.geteuid() == 0


@contextmanager
def serving(kind: str, work: Path, repository: Path) -> Iterator[Served]:
    """Serve a repository with one of `SERVERS`, or with ``pypiserver``.

    :param work: a folder for what the server writes, which is made
    """
    work.mkdir(exist_ok=True)
    # Where a server that begins as root goes on as somebody else.
    work.chmod(0o777)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = _COMMANDS[kind](work, repository, port)
    errors = work / "stderr"
    # http.server logs there.
    log = errors if kind == "plain" else work / "log"
    environment = {"HOME": str(work), "PATH": os.defpath}
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment
        ) as process,
    ):
        try:
            served = Served(port, log)

            def is_up() -> bool:
                assert process.poll() is None, f"{kind} has ended: {errors.read_text()}"
                return served.answers()

            until(is_up, f"{kind} answers")
            yield served
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(DEADLINE)
            process.kill()
