"""The index: its content, and its answers to clients."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tests.helpers import distributions

from .content import authorised, choose_type, compressed, conditional, format_of, ranged
from .faults import Gate
from .messages import Exchange, Request, Response
from .model import Advisory, File, Manner, Project
from .pages import api_document, project_page, root_page
from .script import Rule, Script
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from tests.helpers.distributions import SdistExtension

    from .faults import Behaviour
    from .model import Details

__all__ = ["Index"]

_PIECE = 1 << 18


@dataclass(eq=False)
class Index(Manner):
    """A package index at `url`, which runs until `close` or the end of its ``with``.

    Its constructor takes, and its attributes are, the fields of `Manner`.
    """

    serial: int = field(default=0, init=False)
    """The serial of the last change."""
    requests: list[Exchange] = field(default_factory=list, init=False, repr=False)
    """Every request since the start or `clear`, in order of arrival."""
    projects: dict[str, Project] = field(default_factory=dict, init=False, repr=False)
    """By normalized name."""

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._script = Script()
        self._server = Server(self._handle)
        self.origin = f"http://127.0.0.1:{self._server.port}"
        self.url = f"{self.origin}/simple/"

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Content. Every change increases the serials of the index and of the project.

    def add_project(self, name: str) -> Project:
        """Add a project without files, or return the existing one."""
        with self._lock:
            project = self.projects.setdefault(canonicalize_name(name), Project(name))
            self._changed(project)
            return project

    def add(
        self, project: str, filename: str, content: bytes, *, beside: bool = False, **details: Unpack[Details]
    ) -> File:
        """List a file, in place of the one of that name (or ``beside`` it, as no honest index would)."""
        with self._lock:
            listed = self.add_project(project)
            namesakes = [i for i, other in enumerate(listed.files) if other.filename == filename]
            file = File(project, filename, content, copy=len(namesakes) if beside else 0, **details)
            if namesakes and not beside:
                listed.files[namesakes[0]] = file
            else:
                listed.files.append(file)
            return file

    def add_wheel(  # noqa: PLR0913 - what a wheel can be made of
        self,
        project: str,
        version: str,
        /,
        *,
        tag: str = "py3-none-any",
        requires: Iterable[str] = (),
        padding: int = 0,
        build: str | None = None,
        **details: Unpack[Details],
    ) -> File:
        """Make a wheel and list it. With ``core_metadata=True`` its metadata is served too."""
        requires, requires_python = list(requires), details.get("requires_python")
        if details.get("core_metadata") is True:
            details["core_metadata"] = distributions.core_metadata(
                project, version, requires=requires, requires_python=requires_python
            )
        content = distributions.wheel(
            project,
            version,
            tag=tag,
            requires=requires,
            requires_python=requires_python,
            padding=padding,
            build=build,
        )
        filename = distributions.wheel_filename(project, version, tag=tag, build=build)
        return self.add(project, filename, content, **details)

    def add_sdist(
        self,
        project: str,
        version: str,
        /,
        *,
        extension: SdistExtension = ".tar.gz",
        padding: int = 0,
        **details: Unpack[Details],
    ) -> File:
        """Make an sdist and list it."""
        content = distributions.sdist(
            project,
            version,
            extension=extension,
            requires_python=details.get("requires_python"),
            padding=padding,
        )
        filename = distributions.sdist_filename(project, version, extension=extension)
        return self.add(project, filename, content, **details)

    def remove(self, project: str) -> None:
        """Drop a project with all its files."""
        with self._lock:
            self._changed(self.projects.pop(canonicalize_name(project)))

    def remove_file(self, project: str, filename: str) -> None:
        with self._lock:
            listed = self.projects[canonicalize_name(project)]
            listed.files = [file for file in listed.files if file.filename != filename]
            self._changed(listed)

    def status(self, project: str, status: str | None, reason: str | None = None) -> None:
        """Set a project's status (PEP 792); None removes it."""
        with self._lock:
            listed = self.projects[canonicalize_name(project)]
            listed.status, listed.status_reason = status, reason
            self._changed(listed)

    def vulnerable(self, project: str, version: str, advisory: str, *, withdrawn: str | None = None) -> None:
        """Add a vulnerability to the JSON API, or replace it; no page changes."""
        with self._lock:
            known = self.projects[canonicalize_name(project)].advisories
            others = [each for each in known.get(version, ()) if each.id != advisory]
            known[version] = [*others, Advisory(advisory, withdrawn)]

    def file_url(self, file: File) -> str:
        """Return the absolute URL of a file's content."""
        return self.origin + file.quoted_path

    # Faults

    def fault(self, pattern: str, *behaviours: Behaviour, always: bool = False) -> Rule:
        """Let the next requests meet these behaviours, one each; if ``always``, again and again.

        ``pattern`` is a filename, a project (its page), or a glob of the whole path (``"/simple/"``,
        ``"*.whl"``). Faults come before authentication.
        """
        rule = Rule(pattern, deque(behaviours), always)
        self._script.add(rule)
        return rule

    def hold(self, pattern: str, *, after: int = 1) -> Gate:
        """Hold every matching answer after that many bytes of its body, until the gate is released."""
        gate = Gate(after)
        self._script.hold(pattern, gate)
        return gate

    def heal(self) -> None:
        """Drop all faults, and release all gates."""
        self._script.clear()

    # Requests

    def clear(self) -> None:
        """Clear the log of requests and connections."""
        self._server.forget()
        self.requests.clear()

    def pages_read(self) -> Counter[str]:
        """Return how often each project's page was sent (a 304 does not count)."""
        return self._answered(r"/simple/([^/]+)/")

    def files_fetched(self) -> Counter[str]:
        """Return how often each file was sent, whole or in part, to the end or not."""
        return self._answered(r"/files/[^/]+/(?:\d+/)?(.+)")

    @property
    def connections(self) -> int:
        """Return the number of connections."""
        return self._server.accepted

    @property
    def peak_connections(self) -> int:
        """Return how many connections were open at once."""
        return self._server.peak

    def _answered(self, pattern: str) -> Counter[str]:
        answered = (e for e in list(self.requests) if e.method == "GET" and e.status in {200, 206})
        matches = (re.fullmatch(pattern, exchange.path, re.DOTALL) for exchange in answered)
        return Counter(match[1] for match in matches if match)

    def _changed(self, project: Project) -> None:
        self.serial += 1
        project.serial = self.serial

    # Answers

    def _handle(self, exchange: Exchange) -> Iterator[bytes]:
        self.requests.append(exchange)
        if self.latency:
            exchange.wait(threading.Event(), self.latency)
        behaviour = self._script.behaviour(exchange.path)
        request = behaviour.prepare(exchange.request)
        exchange.response = behaviour.respond(self._answer(request))
        return behaviour.stream(_parts(exchange.response.body), exchange)

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            # The body is not read, and would look like the next request.
            return Response(405, {"Allow": "GET, HEAD", "Connection": "close"})
        if self.auth is not None and not authorised(request, self.auth):
            return Response(401, {"WWW-Authenticate": 'Basic realm="index"'})
        with self._lock:
            if request.path.startswith("/files/"):
                return self._answer_file(request)
            if request.path.startswith("/pypi/"):
                return self._answer_api(request)
            return self._answer_page(request)

    def _answer_page(self, request: Request) -> Response:
        match = re.fullmatch(r"/simple(?:/([^/]+))?(/?)", request.path)
        if match is None:
            return Response(404)
        name, slash = match[1], match[2]
        path = f"/simple/{canonicalize_name(name)}/" if name else "/simple/"
        if not slash or path != request.path:
            return Response(301, {"Location": path})
        content_type = choose_type(request.headers.get("accept", ""), self.formats)
        if content_type is None:
            return Response(406)
        if name is None:
            listed = sorted(self.projects.values(), key=lambda project: project.key)
            body = root_page(format_of(content_type), self, self.origin, listed, self.serial)
            return self._page(request, content_type, body, self.serial)
        if name not in self.projects:
            return Response(404)
        project = self.projects[name]
        body = project_page(format_of(content_type), self, self.origin, project)
        return self._page(request, content_type, body, project.serial)

    def _page(self, request: Request, content_type: str, body: bytes, serial: int) -> Response:
        response = Response(200, {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}, body)
        if self.serials:
            response = response.with_headers({"X-PyPI-Last-Serial": str(serial)})
        if self.gzip:
            response = compressed(request, response)
        if self.etags:
            # A strong ETag depends on the bytes that are sent.
            response = conditional(request, response, f'"{hashlib.sha256(response.body).hexdigest()[:32]}"')
        return response

    def _answer_api(self, request: Request) -> Response:
        match = re.fullmatch(r"/pypi/([^/]+)(?:/([^/]+))?/json", request.path)
        project = self.projects.get(canonicalize_name(match[1])) if match and self.json_api else None
        if match is None or project is None or not project.versions:
            return Response(404)
        if match[2] is not None and (match[2] not in project.versions or self.json_api == "projects"):
            return Response(404)
        return Response(200, {"Content-Type": "application/json"}, api_document(project, match[2]))

    def _answer_file(self, request: Request) -> Response:
        project = self.projects.get(request.path.split("/")[2])
        for file in project.files if project else ():
            if request.path == file.path:
                return self._file(request, file)
            if request.path == f"{file.path}.metadata" and isinstance(file.core_metadata, bytes):
                return Response(200, {"Content-Type": "application/octet-stream"}, file.core_metadata)
        return Response(404)

    def _file(self, request: Request, file: File) -> Response:
        headers = {"Content-Type": "application/octet-stream"}
        if isinstance(file.upload_time, datetime):
            headers["Last-Modified"] = format_datetime(file.upload_time.astimezone(timezone.utc), usegmt=True)
        response = Response(200, headers, file.content)
        if self.etags:
            response = conditional(request, response, f'"{file.sha256}"')
        return ranged(request, response) if self.ranges else response


def _parts(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
