"""The application: what is asked for, and who answers it (PEP 3333).

Pages and files, which installers ask for, and uploads are answered here; everything else by pypiserver.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError, printable
from minimirror.distributions import MAX_FILENAME, projects_named
from minimirror.publish.static import SUFFIX
from minimirror.serve.answer import Answer, choose_type, file_answer, page_answer, redirect, refusal
from minimirror.serve.holdings import Holdings
from minimirror.serve.pages import Pages
from minimirror.serve.uploads import Uploads

__all__ = ["App", "access_log"]

log = logging.getLogger("minimirror")

_JSON = "application/vnd.pypi.simple.v1+json"
_TYPES = {
    "text/html": "text/html; charset=utf-8",
    _JSON: _JSON,
    "application/vnd.pypi.simple.latest+json": _JSON,
    "application/vnd.pypi.simple.v1+html": "application/vnd.pypi.simple.v1+html; charset=utf-8",
    "application/vnd.pypi.simple.latest+html": "application/vnd.pypi.simple.v1+html; charset=utf-8",
}
"""What a client may ask for, and what it gets (PEP 691). The first is what one gets that takes anything."""
_BY_PREFERENCE = [_JSON, *_TYPES]

_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_SLOW = {"/packages", "/packages/", "/RPC2"}
"""What pypiserver answers by a look at every file."""

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


class App:
    """The WSGI application."""

    def __init__(self, holdings: Holdings, uploads: Uploads, rest: WSGI) -> None:
        """:param rest: pypiserver's application"""
        self._repository, self._catalog, self._own, self._metadata = holdings
        self._pages = Pages(holdings)
        self._uploads = uploads
        self._rest = rest
        self._slow = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            if not path.isprintable():
                answer: Answer | None = refusal(HTTPStatus.BAD_REQUEST, "no such address")
            elif method in {"GET", "HEAD"}:
                answer = self._get(environ, path)
            elif method == "POST" and path in {"", "/"}:
                answer = self._uploads.take(environ)
            elif method == "POST" and path == "/RPC2":
                answer = None
            else:
                answer = refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"no {method} here", ("Allow", "GET, HEAD"))
            if answer is None:
                return self._ask_pypiserver(environ, start_response, path)
        except (MinimirrorError, OSError) as error:
            log.error("%s %s: %s", method, printable(path), error)  # noqa: TRY400 - it says all there is
            answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "try again later", ("Retry-After", "5"))
        return answer.send(environ, start_response)

    def _get(self, environ: dict[str, Any], path: str) -> Answer | None:
        """Answer what is asked for most; None for what is pypiserver's to answer."""
        if path.startswith("/packages/") and path not in _SLOW:
            return self._file(environ, path.removeprefix("/packages/"))
        if path == "/simple":
            return redirect("simple/")
        if path == "/simple/":
            return self._page(environ, None)
        if path.startswith("/simple/"):
            return self._project(environ, path.removeprefix("/simple/"))
        return None

    def _project(self, environ: dict[str, Any], rest: str) -> Answer:
        name = rest.removesuffix("/")
        if not _PROJECT.fullmatch(name):
            return refusal(HTTPStatus.NOT_FOUND, "no such project")
        project = canonicalize_name(name)
        if rest != f"{project}/":
            # PEP 503: the address is that of the normalized name.
            return redirect(f"{'../' if rest.endswith('/') else ''}{quote(project)}/")
        return self._page(environ, project)

    def _page(self, environ: dict[str, Any], project: str | None) -> Answer:
        wanted = choose_type(environ.get("HTTP_ACCEPT", ""), _offered(environ))
        if wanted is None:
            return refusal(HTTPStatus.NOT_ACCEPTABLE, f"there is {', '.join(_TYPES)}")
        json = _TYPES[wanted] == _JSON
        self._own.refresh()
        if project is None:
            page = self._pages.root(json=json)
        else:
            found = self._pages.project(project, json=json)
            if found is None:
                # It may have been put into the folder a moment ago.
                self._own.refresh(wait=True)
                found = self._pages.project(project, json=json)
            if found is None:
                return refusal(HTTPStatus.NOT_FOUND, f"no project {project} here")
            page = found
        return page_answer(environ, page.body, _TYPES[wanted], page.etag)

    def _file(self, environ: dict[str, Any], filename: str) -> Answer:
        wheel = filename.removesuffix(SUFFIX)
        if len(filename) > MAX_FILENAME + len(SUFFIX) or not projects_named(wheel):
            return refusal(HTTPStatus.NOT_FOUND, "no such file")
        # What a run has just removed is still there for those who have read a page that names it.
        for folder in (self._repository.path, self._repository.retired):
            try:
                if wheel != filename:
                    return self._core_metadata(environ, folder / wheel)
                return file_answer(environ, folder / filename)
            except (FileNotFoundError, IsADirectoryError):
                continue
        return refusal(HTTPStatus.NOT_FOUND, "no such file")

    def _core_metadata(self, environ: dict[str, Any], wheel: Path) -> Answer:
        found = self._metadata.read(wheel) if wheel.suffix == ".whl" else None
        if (row := self._catalog.file(wheel.name)) is not None:
            self._metadata.compare(row, found)
        if found is None:
            return refusal(HTTPStatus.NOT_FOUND, "no core metadata of it")
        return page_answer(environ, found.content, "application/octet-stream", f'"{found.sha256[:32]}"')

    def _ask_pypiserver(self, environ: dict[str, Any], start_response: Any, path: str) -> Iterable[bytes]:
        if path not in _SLOW:
            return self._rest(environ, start_response)
        # One at a time, whole, or a few such requests would keep everybody else waiting.
        if not self._slow.acquire(blocking=False):
            busy = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy, try again", ("Retry-After", "5"))
            return busy.send(environ, start_response)
        try:
            return list(self._rest(environ, start_response))
        finally:
            self._slow.release()


def _offered(environ: dict[str, Any]) -> list[str]:
    """The media types, the preferred ones first: JSON for whoever names it, HTML for a browser."""
    named = "json" in environ.get("HTTP_ACCEPT", "")
    return _BY_PREFERENCE if named else list(_TYPES)


def access_log(app: WSGI) -> WSGI:
    """Have each request told on standard error: who, what, the answer, how many bytes, how long it took."""

    def logged(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun = time.perf_counter()

        def tell(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            size = next((value for name, value in headers if name == "Content-Length"), "-")
            took = 1000 * (time.perf_counter() - begun)
            line = f"{environ['REMOTE_ADDR']} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            told = f"{line} {status[:3]} {size} {took:.1f} ms"
            sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(told)}\n")
            return start_response(status, headers, *rest)

        return app(environ, tell)

    return logged
