"""The WSGI application, which routes requests (PEP 3333).

It handles requests for pages and files, and uploads; pypiserver handles everything else.
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
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.pages import PageRenderer
from minimirror.serve.responses import (
    HttpResponse,
    choose_type,
    error_response,
    file_response,
    page_response,
    redirect,
)
from minimirror.serve.uploads import Uploads
from minimirror.simple_api import HTML_TYPE, JSON_TYPE

__all__ = ["App", "access_log"]

log = logging.getLogger("minimirror")

_HTML = f"{HTML_TYPE}; charset=utf-8"
_TYPES = {
    "text/html": "text/html; charset=utf-8",
    JSON_TYPE: JSON_TYPE,
    "application/vnd.pypi.simple.latest+json": JSON_TYPE,
    HTML_TYPE: _HTML,
    "application/vnd.pypi.simple.latest+html": _HTML,
}
"""The media types that a client may accept, each with the one it gets (PEP 691). The first is the default."""
_JSON_FIRST = [JSON_TYPE, *_TYPES]

_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_SLOW = {"/packages", "/packages/", "/RPC2"}
"""Paths for which pypiserver looks at every file."""

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


class App:
    """The WSGI application."""

    def __init__(self, mirror: ServedMirror, uploads: Uploads, pypiserver: WSGI) -> None:
        self._folder, self._catalog, self._local, self._metadata = mirror
        self._pages = PageRenderer(mirror)
        self._uploads = uploads
        self._pypiserver = pypiserver
        self._slow = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            if not path.isprintable():
                response: HttpResponse | None = error_response(HTTPStatus.BAD_REQUEST, "invalid path")
            elif method in {"GET", "HEAD"}:
                response = self._get(environ, path)
            elif method == "POST" and path in {"", "/"}:
                response = self._uploads.take(environ)
            elif method == "POST" and path == "/RPC2":
                response = None
            else:
                why = f"{method} is not supported"
                response = error_response(HTTPStatus.METHOD_NOT_ALLOWED, why, ("Allow", "GET, HEAD"))
            if response is None:
                return self._ask_pypiserver(environ, start_response, path)
        except (MinimirrorError, OSError) as error:
            log.error("%s %s: %s", method, printable(path), error)  # noqa: TRY400 - a traceback adds nothing
            why = "internal error; see the log of the server, and try again later"
            response = error_response(HTTPStatus.SERVICE_UNAVAILABLE, why, ("Retry-After", "5"))
        return response.send(environ, start_response)

    def _get(self, environ: dict[str, Any], path: str) -> HttpResponse | None:
        """Answer a GET request; return None to leave it to pypiserver."""
        if path.startswith("/packages/") and path not in _SLOW:
            return self._file(environ, path.removeprefix("/packages/"))
        if path == "/simple":
            return redirect("simple/")
        if path == "/simple/":
            return self._page(environ, None)
        if path.startswith("/simple/"):
            return self._project(environ, path.removeprefix("/simple/"))
        return None

    def _project(self, environ: dict[str, Any], rest: str) -> HttpResponse:
        name = rest.removesuffix("/")
        if not _PROJECT.fullmatch(name):
            return error_response(HTTPStatus.NOT_FOUND, "invalid project name")
        project = canonicalize_name(name)
        if rest != f"{project}/":
            # A page's URL has the normalized name and ends with a slash (PEP 503).
            return redirect(f"{'../' if rest.endswith('/') else ''}{quote(project)}/")
        return self._page(environ, project)

    def _page(self, environ: dict[str, Any], project: str | None) -> HttpResponse:
        accept = environ.get("HTTP_ACCEPT", "")
        # JSON first for a client that names it, HTML first for a browser.
        media_type = choose_type(accept, _JSON_FIRST if "json" in accept else _TYPES)
        if media_type is None:
            return error_response(HTTPStatus.NOT_ACCEPTABLE, f"supported types: {', '.join(_TYPES)}")
        json = _TYPES[media_type] == JSON_TYPE
        self._local.refresh()
        if project is None:
            page = self._pages.root(json=json)
        else:
            found = self._pages.project(project, json=json)
            if found is None:
                # Its first file may have been added to the folder a moment ago.
                self._local.refresh(wait=True)
                found = self._pages.project(project, json=json)
            if found is None:
                return error_response(HTTPStatus.NOT_FOUND, f"project {project} not found")
            page = found
        return page_response(environ, page.body, _TYPES[media_type], page.etag)

    def _file(self, environ: dict[str, Any], filename: str) -> HttpResponse:
        wheel = filename.removesuffix(SUFFIX)
        if len(filename) > MAX_FILENAME + len(SUFFIX) or not projects_named(wheel):
            return error_response(HTTPStatus.NOT_FOUND, "invalid filename")
        # A client may have read a page that lists a file just before a run deleted it.
        for folder in (self._folder.path, self._folder.retired):
            try:
                if wheel != filename:
                    return self._core_metadata(environ, folder / wheel)
                return file_response(environ, folder / filename)
            except (FileNotFoundError, IsADirectoryError):
                continue
        return error_response(HTTPStatus.NOT_FOUND, "file not found")

    def _core_metadata(self, environ: dict[str, Any], wheel: Path) -> HttpResponse:
        found = self._metadata.read(wheel) if wheel.suffix == ".whl" else None
        if (row := self._catalog.file(wheel.name)) is not None:
            self._metadata.correct(row, found)
        if found is None:
            return error_response(HTTPStatus.NOT_FOUND, "the file has no core metadata")
        return page_response(environ, found.content, "application/octet-stream", f'"{found.sha256[:32]}"')

    def _ask_pypiserver(self, environ: dict[str, Any], start_response: Any, path: str) -> Iterable[bytes]:
        if path not in _SLOW:
            return self._pypiserver(environ, start_response)
        # One at a time: a few such requests would keep all other clients waiting.
        if not self._slow.acquire(blocking=False):
            busy = error_response(HTTPStatus.SERVICE_UNAVAILABLE, "busy; try again", ("Retry-After", "5"))
            return busy.send(environ, start_response)
        try:
            return list(self._pypiserver(environ, start_response))
        finally:
            self._slow.release()


def access_log(app: WSGI) -> WSGI:
    """Log each request to standard error: client, method, path, status, bytes, milliseconds."""

    def logged(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun = time.perf_counter()

        def log_response(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            size = next((value for name, value in headers if name == "Content-Length"), "-")
            took = 1000 * (time.perf_counter() - begun)
            line = f"{environ['REMOTE_ADDR']} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            line = printable(f"{line} {status[:3]} {size} {took:.1f} ms")
            sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
            return start_response(status, headers, *rest)

        return app(environ, log_response)

    return logged
