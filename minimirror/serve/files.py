"""The files of the folder, and the core metadata of its wheels (PEP 658)."""

from __future__ import annotations

import os
import re
from http import HTTPStatus
from pathlib import Path
from stat import S_ISREG

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from minimirror.distributions import MAX_FILENAME, projects_named
from minimirror.publish.static import SUFFIX
from minimirror.serve.metadata import Metadata
from minimirror.serve.mirror import ServedMirror

__all__ = ["Files", "metadata_response"]

_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-\d{1,19})", re.ASCII)


class _File(FileResponse):
    chunk_size = 1 << 20


class Files(StaticFiles):
    """Answers with a file, whole (the server sends it by itself) or in part (RFC 9110)."""

    def __init__(self, mirror: ServedMirror) -> None:
        super().__init__()
        self._mirror = mirror

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the core metadata of a wheel.

        :param path: a filename
        :raises HTTPException: there is no such file
        """
        name = path.removesuffix(SUFFIX)
        if len(path) > MAX_FILENAME + len(SUFFIX) or not projects_named(name):
            raise HTTPException(HTTPStatus.NOT_FOUND, "invalid filename")
        found, stat = await run_in_threadpool(self.lookup_path, name)
        if stat is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "file not found")
        if name == path:
            _ignore_odd_ranges(scope)
            response: Response = _File(found, stat_result=stat, media_type="application/octet-stream")
            response.headers["X-Content-Type-Options"] = "nosniff"
        else:
            response = await run_in_threadpool(self._metadata, Path(found))
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return a regular file's path and status; None if there is none."""
        # A client may have read a page that lists a file just before a run deleted it.
        for folder in (self._mirror.folder.path, self._mirror.folder.retired):
            try:
                found = os.stat(folder / path)  # noqa: PTH116
            except FileNotFoundError:
                continue
            if S_ISREG(found.st_mode):
                return str(folder / path), found
        return "", None

    def _metadata(self, wheel: Path) -> Response:
        metadata, catalog = self._mirror.metadata, self._mirror.catalog
        found = metadata.read(wheel) if wheel.suffix == ".whl" else None
        if (row := catalog.file(wheel.name)) is not None:
            metadata.correct(row, found)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "the file has no core metadata")
        return metadata_response(found)


def metadata_response(found: Metadata) -> Response:
    """Return core metadata, which a client may cache but has to revalidate each time."""
    headers = {"ETag": f'"{found.sha256[:32]}"', "Cache-Control": "no-cache"}
    return Response(found.content, headers=headers, media_type="application/octet-stream")


def _ignore_odd_ranges(scope: Scope) -> None:
    """Make a request for several ranges, or for what is no range, one for the whole file."""
    match = _RANGE.fullmatch(Headers(scope=scope).get("range", ""))
    if match is None or (match[1] and match[2] and int(match[1]) > int(match[2])):
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
