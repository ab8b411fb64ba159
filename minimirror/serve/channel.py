"""A connection, as waitress has it: which bodies are let in, and how files go out."""

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
"""Bytes of a request that is no upload."""

_AT_ONCE = 4
"""Big bodies that are received at once."""

_PIECE = 1 << 20
"""Bytes of a file that are handed over at once."""

_NO_SENDFILE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Of file systems that cannot."""


class _RefusalError(Error):
    """A request whose body is not wanted."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.code, self.reason = status.value, status.phrase


class _Parser(HTTPRequestParser):
    """Refuses a big body before it is read, if nobody says who he is, or if there is no room for it."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "say how long it is")
        elif self.content_length <= MAX_BODY:
            return
        elif "AUTHORIZATION" not in self.headers:
            self._refuse(HTTPStatus.UNAUTHORIZED, "an upload needs a user and a password")
        elif len(_bodies) >= _AT_ONCE:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at once, try again")
        elif not self._fits():
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room for it")
        else:
            _bodies.add(self)

    def _fits(self) -> bool:
        # Twice: it is there as it came, and once more without what is around the file.
        needed = 2 * (self.content_length + sum(each.content_length for each in _bodies))
        return needed <= shutil.disk_usage(tempfile.gettempdir()).free

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.error = _RefusalError(status, why)
        self.expect_continue = False
        self.completed = True


_bodies: WeakSet[_Parser] = WeakSet()
"""Those of big bodies that are being received or worked on; with its connection, each of them goes."""


class _Piece(NamedTuple):
    """Bytes of a file, which need not come into this process."""

    file: int
    offset: int
    length: int


class _File(ReadOnlyFileBasedBuffer):
    """A file that goes out piece by piece."""

    def get(self, numbytes: int = -1, skip: bool = False) -> Any:  # noqa: ARG002 - waitress skips itself
        most = _PIECE if numbytes < 0 else min(numbytes, _PIECE)
        return _Piece(self.file.fileno(), self.file.tell(), min(most, self.remain))


class _Task(WSGITask):
    def get_environment(self) -> Any:
        environ = super().get_environment()
        if hasattr(os, "sendfile"):
            environ["wsgi.file_wrapper"] = _File
        return environ

    def build_response_header(self) -> bytes:
        """Keep the connection after an answer without a body, where waitress misses its length and closes."""
        asked: Any = self.request
        head = super().build_response_header()
        closes = self.version != "1.1" or asked.headers.get("CONNECTION", "").lower() == "close"
        if not self.has_body and not closes:
            self.close_on_finish = False
            head = head.replace(b"\r\nConnection: close\r\n", b"\r\n", 1)
        return head


class Channel(HTTPChannel):
    """A client's connection."""

    parser_class = _Parser
    task_class = _Task

    def send(self, data: Any, do_close: bool = True) -> int:
        """Send as many bytes as the connection takes at this moment."""
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
            # Or the client would wait for the rest, and this side try to send it, for ever.
            log.warning("a file has become shorter while it was sent")
            raise ConnectionAbortedError("the file has become shorter")
        return sent
