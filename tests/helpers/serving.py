"""`minimirror serve` as its users meet it: the command in a process of its own, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.helpers.running import DEADLINE, Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self

__all__ = ["JSON", "Reply", "Server"]

JSON = "application/vnd.pypi.simple.v1+json"


class Reply(NamedTuple):
    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server(Command):
    """A server at a free port of loopback, from when it is ready until the end of its ``with``."""

    def __init__(self, config: Path, *arguments: str | Path) -> None:
        super().__init__("serve", "--config", config, "--port", "0", *arguments)
        self.said: list[str] = []
        self._ready = threading.Event()
        # Somebody has to read what it says, or it would come to a halt.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(DEADLINE), "it does not start"
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", "".join(self.said))
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
        """Send a request just as it is given, on a connection of its own."""
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
            return Reply(response.status, response.reason, response.headers, response.read())
        finally:
            connection.close()

    def page(self, project: str) -> Any:
        """A project's page, from JSON."""
        reply = self.ask(f"/simple/{project}/", headers={"Accept": JSON})
        assert reply.status == 200, reply
        return reply.json()

    def names(self, project: str) -> set[str]:
        """The files on a project's page; none where there is no such page."""
        reply = self.ask(f"/simple/{project}/", headers={"Accept": JSON})
        return {file["filename"] for file in reply.json()["files"]} if reply.status == 200 else set()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; answer its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def log(self) -> list[str]:
        """What it has said up to its end."""
        self.stop()
        return "".join(self.said).splitlines()

    def requests(self) -> list[tuple[str, str, int]]:
        """The requests of a server with ``--verbose``, up to its end: method, path and status."""
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
        super().__exit__(*details)
        self._reader.join(DEADLINE)
