"""A waitress connection that limits request bodies and sends files with ``sendfile``."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from http import HTTPStatus
from typing import Any, NamedTuple
from weakref import WeakSet

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask
from waitress.utilities import Error

__all__ = ["MAX_BODY", "Channel"]

log = logging.getLogger("minimirror")

MAX_BODY = 64 << 10
"""Bytes of a request that is not an upload, at most."""

_MAX_BODIES = 4
"""Large bodies that are received at once."""

_PIECE = 1 << 20
"""Bytes of a file that are sent at once."""

_NO_SENDFILE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors of file systems that do not support ``sendfile``."""


class _RejectedBodyError(Error):
    """A request whose body the server does not read."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.code, self.reason = status.value, status.phrase


class _RequestParser(HTTPRequestParser):
    """Rejects a large body before reading it if the request has no credentials or the disk has no room."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked:
            self._reject(HTTPStatus.LENGTH_REQUIRED, "Content-Length is required")
        elif self.content_length <= MAX_BODY:
            return
        elif "AUTHORIZATION" not in self.headers:
            self._reject(HTTPStatus.UNAUTHORIZED, "uploads need a username and password")
        elif len(_bodies) >= _MAX_BODIES:
            self._reject(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at once; try again")
        elif not self._fits():
            self._reject(HTTPStatus.INSUFFICIENT_STORAGE, "not enough disk space")
        else:
            _bodies.add(self)

    def _fits(self) -> bool:
        # Twice: the whole body is stored, then the file that it contains.
        needed = 2 * (self.content_length + sum(each.content_length for each in _bodies))
        return needed <= shutil.disk_usage(tempfile.gettempdir()).free

    def _reject(self, status: HTTPStatus, why: str) -> None:
        self.error = _RejectedBodyError(status, why)
        self.expect_continue = False
        self.completed = True


_bodies: WeakSet[_RequestParser] = WeakSet()
"""The parsers of large bodies that are being received or processed; each goes with its connection."""


class _Piece(NamedTuple):
    """A range of bytes of a file, for the operating system to send."""

    file: int
    offset: int
    length: int


class _FileSender(ReadOnlyFileBasedBuffer):
    """Sends a file piece by piece."""

    def get(self, numbytes: int = -1, skip: bool = False) -> Any:  # noqa: ARG002 - waitress skips by itself
        most = _PIECE if numbytes < 0 else min(numbytes, _PIECE)
        return _Piece(self.file.fileno(), self.file.tell(), min(most, self.remain))


class _RequestTask(WSGITask):
    def get_environment(self) -> Any:
        environ = super().get_environment()
        if hasattr(os, "sendfile"):
            environ["wsgi.file_wrapper"] = _FileSender
        return environ

    def build_response_header(self) -> bytes:
        """Keep the connection open after a response without a body, where waitress would close it."""
        request: Any = self.request
        head = super().build_response_header()
        closes = self.version != "1.1" or request.headers.get("CONNECTION", "").lower() == "close"
        if not self.has_body and not closes:
            self.close_on_finish = False
            head = head.replace(b"\r\nConnection: close\r\n", b"\r\n", 1)
        return head


class Channel(HTTPChannel):
    """A client's connection."""

    parser_class = _RequestParser
    task_class = _RequestTask

    def send(self, data: Any, do_close: bool = True) -> int:
        """Send as many bytes as the connection takes now, and return their number."""
        if not isinstance(data, _Piece):
            return super().send(data, do_close)
        try:
            sent = os.sendfile(self._fileno, data.file, data.offset, data.length)  # type: ignore[attr-defined]
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno not in _NO_SENDFILE:
                raise
            read = os.pread(data.file, data.length, data.offset)
            if read:
                return super().send(read, do_close)
            sent = 0
        if sent == 0:
            # Otherwise the client would wait for the rest, and this loop try to send it, for ever.
            log.warning("a file was truncated while it was sent")
            raise ConnectionAbortedError("the file was truncated")
        return sent
