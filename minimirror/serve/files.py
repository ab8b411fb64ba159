"""The files of the mirror, and the core metadata of its wheels (PEP 658)."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from stat import S_ISREG

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from minimirror.common import StoredFile
from minimirror.distributions import MAX_FILENAME, projects_named
from minimirror.publish.static import SUFFIX
from minimirror.serve.metadata import Metadata
from minimirror.serve.mirror import ServedMirror
from minimirror.storage import MirrorFolder

__all__ = ["Files", "FolderFiles", "asked_bytes", "metadata_response", "not_found"]

_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.ASCII)


class _File(FileResponse):
    chunk_size = 1 << 20


class Files(StaticFiles, ABC):
    """Answers with a file, whole or in part (RFC 9110)."""

    def __init__(self, mirror: ServedMirror) -> None:
        super().__init__()
        self._mirror = mirror

    @abstractmethod
    async def _whole(self, filename: str, scope: Scope) -> Response:
        """Return a file.

        :raises HTTPException: there is no such file
        """

    @abstractmethod
    def _stored(self, filename: str) -> StoredFile | None:
        """Return a file, to read it; None if there is none."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the core metadata of a wheel.

        :param path: a filename
        :raises HTTPException: there is no such file
        """
        name = path.removesuffix(SUFFIX)
        if len(path) > MAX_FILENAME + len(SUFFIX) or not projects_named(name):
            raise HTTPException(HTTPStatus.NOT_FOUND, "invalid filename")
        if name == path:
            _ignore_odd_ranges(scope)
            response = await self._whole(name, scope)
        else:
            response = await run_in_threadpool(self._metadata, name)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def _metadata(self, filename: str) -> Response:
        metadata, wheel = self._mirror.metadata, self._stored(filename)
        if wheel is None:
            raise not_found()
        found = metadata.read(wheel) if filename.endswith(".whl") else None
        if (row := self._mirror.catalog.file(filename)) is not None:
            metadata.correct(row, found)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "the file has no core metadata")
        return metadata_response(found)


class FolderFiles(Files):
    """The files of a folder; the server sends a whole one by itself."""

    def __init__(self, mirror: ServedMirror, folder: MirrorFolder) -> None:
        super().__init__(mirror)
        self._folders = folder.path, folder.retired

    async def _whole(self, filename: str, scope: Scope) -> Response:
        found = await run_in_threadpool(self._find, filename)
        if found is None:
            raise not_found()
        path, stat = found
        response = _File(path, stat_result=stat, media_type="application/octet-stream")
        response.headers["X-Content-Type-Options"] = "nosniff"
        # The response reads them itself, but refuses without words.
        asked_bytes(Headers(scope=scope), stat.st_size, response.headers["etag"])
        return response

    def _stored(self, filename: str) -> Path | None:
        found = self._find(filename)
        return found[0] if found else None

    def _find(self, filename: str) -> tuple[Path, os.stat_result] | None:
        """Return a regular file's path and status; None if there is none."""
        # A client may have read a page that lists a file just before a run deleted it.
        for folder in self._folders:
            with suppress(FileNotFoundError):
                stat = os.stat(path := folder / filename)  # noqa: PTH116
                if S_ISREG(stat.st_mode):
                    return path, stat
        return None


def not_found() -> HTTPException:
    """Return what says that there is no such file."""
    return HTTPException(HTTPStatus.NOT_FOUND, "file not found")


def metadata_response(found: Metadata) -> Response:
    """Return core metadata, which a client may cache but has to revalidate each time."""
    headers = {"ETag": f'"{found.sha256[:32]}"', "Cache-Control": "no-cache"}
    return Response(found.content, headers=headers, media_type="application/octet-stream")


def asked_bytes(headers: Headers, size: int, etag: str) -> range:
    """Return which bytes a request asks for.

    :param size: bytes of the file
    :raises HTTPException: the file ends before them
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return range(size)
    first, last, suffix = match.groups()
    if suffix is not None:
        asked = range(max(0, size - int(suffix)), size)
    else:
        asked = range(int(first), min(size, int(last) + 1) if last else size)
    if not asked:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes, and none of those that were asked for",
            {"Content-Range": f"bytes */{size}"},
        )
    return asked


def _ignore_odd_ranges(scope: Scope) -> None:
    """Make a request for several ranges, or for what is no range, one for the whole file."""
    match = _RANGE.fullmatch(Headers(scope=scope).get("range", ""))
    if match is None or (match[1] and match[2] and int(match[1]) > int(match[2])):
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
