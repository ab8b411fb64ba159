"""The files of a bucket: the store sends them to the client, or to the server, which passes them on."""

from __future__ import annotations

import logging
import math
import time
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

from minimirror.common import StoredFile
from minimirror.serve.files import Files, asked_bytes, not_found
from minimirror.serve.mirror import ServedMirror
from minimirror.storage import FileRow, LocalFileRow

if TYPE_CHECKING:
    # A server of a folder needs no obstore.
    from minimirror.storage import MirrorBucket

__all__ = ["BucketFiles"]

log = logging.getLogger("minimirror")

_PAUSE = 600.0
"""Seconds before the store is asked again to sign; to learn that it cannot may take long."""

_SIGNED = timedelta(minutes=5)
"""How long a signed address can be used to begin a download."""


class BucketFiles(Files):
    """The files that the catalog lists."""

    def __init__(self, mirror: ServedMirror, bucket: MirrorBucket, *, redirect: bool) -> None:
        """:param redirect: whether clients can reach the store"""
        super().__init__(mirror)
        self._bucket = bucket
        self._redirect_from = 0.0 if redirect else math.inf
        """When to redirect, in seconds of the monotonic clock."""

    async def _whole(self, filename: str, scope: Scope) -> Response:
        row = await run_in_threadpool(self._listed, filename)
        if row is None:
            raise not_found()
        # Not every client follows a redirect of HEAD, and an address is signed for one method.
        if time.monotonic() > self._redirect_from and scope["method"] != "HEAD":
            try:
                url = await self._bucket.file(filename).presigned(_SIGNED)
            except OSError as error:
                log.warning("passing on all files for 10 minutes instead of redirecting: %s", error)
                self._redirect_from = time.monotonic() + _PAUSE
            else:
                return Response(
                    status_code=HTTPStatus.FOUND, headers={"Location": url, "Cache-Control": "no-store"}
                )
        return await self._passed_on(row, scope)

    async def _passed_on(self, row: FileRow | LocalFileRow, scope: Scope) -> Response:
        etag = f'"{row.sha256[:32]}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
        asked = asked_bytes(Headers(scope=scope), row.size, etag)
        headers["Content-Length"] = str(len(asked))
        status = HTTPStatus.OK
        if len(asked) < row.size:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{row.size}"
        kind = "application/octet-stream"
        if scope["method"] == "HEAD":
            return Response(None, status, headers, kind)
        try:
            blocks = await self._bucket.file(row.filename).stream(asked.start, asked.stop)
        except FileNotFoundError:
            # A run deletes it before the catalog is saved.
            raise not_found() from None
        return StreamingResponse(blocks, status, headers, kind)

    def _stored(self, filename: str) -> StoredFile | None:
        return self._bucket.file(filename) if self._listed(filename) else None

    def _listed(self, filename: str) -> FileRow | LocalFileRow | None:
        catalog = self._mirror.catalog
        return catalog.file(filename) or catalog.local_file(filename)
