"""`minimirror serve` in its own process, used over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import bcrypt

from tests.helpers import distributions
from tests.helpers.forking import beginning_with
from tests.helpers.running import DEADLINE, Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self

    from tests.helpers.running import Mirror

__all__ = [
    "JSON",
    "LOGIN",
    "PASSWORD",
    "Reply",
    "Server",
    "archive",
    "form",
    "impatient",
    "save_password",
    "upload",
    "upload_server",
]

JSON = "application/vnd.pypi.simple.v1+json"
PASSWORD = "correct horse: battery"
LOGIN = {"Authorization": f"Basic {base64.b64encode(f'ann:{PASSWORD}'.encode()).decode()}"}


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def why(self) -> str:
        """What it says of an error."""
        return self.body.decode().strip()

    def json(self) -> Any:
        return json.loads(self.body)


class Server(Command):
    """A server at a free loopback port, which is ready at once and stops at the end of its ``with``."""

    def __init__(self, config: Path, *arguments: str | Path, **options: Any) -> None:
        super().__init__("serve", "--config", config, "--port", "0", *arguments, **options)
        self.said: list[str] = []
        self._ready = threading.Event()
        # If nothing read its output, the server would block.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(DEADLINE), "the server does not start"
        found = re.search(r"https?://127\.0\.0\.1:(\d+)/", "".join(self.said))
        assert found, self.said
        self.port = int(found[1])
        self.url = found[0]

    @property
    def simple(self) -> str:
        return f"{self.url}simple/"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request exactly as given, on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {
                **(headers or {}),
                **({"Content-Length": str(len(body))} if body else {}),
            }.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def page(self, project: str) -> Any:
        """Return a project's page in JSON."""
        reply = self.ask(f"/simple/{project}/", headers={"Accept": JSON})
        assert reply.status == 200, reply
        return reply.json()

    def names(self, project: str) -> set[str]:
        """Return the filenames on a project's page; none if there is no such page."""
        reply = self.ask(f"/simple/{project}/", headers={"Accept": JSON})
        return {file["filename"] for file in reply.json()["files"]} if reply.status == 200 else set()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop the server, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def log(self) -> list[str]:
        """Stop the server, and return the lines of its standard error."""
        self.stop()
        return "".join(self.said).splitlines()

    def requests(self) -> list[tuple[str, str, int]]:
        """Stop a server with ``--verbose``, and return method, path and status of each request."""
        found = (re.search(r"127\.0\.0\.1 ([A-Z]+) (\S+) (\d+) ", line) for line in self.log())
        return [(match[1], match[2], int(match[3])) for match in found if match]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if "pip install" in line:
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        # Its output ends with it; only then may it be closed, since the thread reads it.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._reader.join(DEADLINE)
        super().__exit__(*details)


def impatient(folder: Path) -> Path:
    """Make a folder for PYTHONPATH. With it, a server that stops waits only a moment for its responses."""
    return beginning_with(folder, "import minimirror.serve.server as it\nit._PATIENCE = 0.1\n")


def save_password(path: Path) -> None:
    """Write a password file with the password of ann."""
    path.write_bytes(b"ann:" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)) + b"\n")


def upload_server(mirror: Mirror, *options: str | Path, **keys: Any) -> Server:
    """Return a server on which ann may upload.

    :param keys: of the config
    """
    users = mirror.path.with_suffix(".htpasswd")
    save_password(users)
    return Server(mirror.config(**keys), "--htpasswd", users, *options)


def form(filename: str, content: bytes, **fields: str) -> tuple[bytes, str]:
    """Return an upload's body and content type."""
    fields = {":action": "file_upload", **fields}
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()
    ]
    parts.append(f'Content-Disposition: form-data; name="content"; filename="{filename}"\r\n\r\n')
    body = "".join(f"--limit\r\n{part}\r\n" for part in parts).encode()
    return body.removesuffix(b"\r\n") + content + b"\r\n--limit--\r\n", "multipart/form-data; boundary=limit"


def archive(filename: str, padding: int = 0) -> bytes:
    """Return a distribution with this name, whatever its case."""
    name, _, rest = filename.partition("-")
    if filename.endswith(".whl"):
        return distributions.wheel(name, rest.partition("-")[0], padding=padding)
    extension: distributions.SdistExtension = ".zip" if filename.endswith(".zip") else ".tar.gz"
    version = rest.removesuffix(extension) or "1.0"
    return distributions.sdist(name or "none", version, extension=extension, padding=padding)


def upload(server: Server, filename: str, content: bytes | None = None, **fields: str) -> Reply:
    """Upload a file as ann."""
    body, content_type = form(filename, archive(filename) if content is None else content, **fields)
    return server.ask("/", "POST", body, {**LOGIN, "Content-Type": content_type})
