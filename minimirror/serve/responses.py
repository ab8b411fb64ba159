"""HTTP responses, with conditional requests, ranges and content negotiation (RFC 9110)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import Any

from minimirror.common import counted, printable

__all__ = ["HttpResponse", "choose_type", "error_response", "file_response", "page_response", "redirect"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_BLOCK = 1 << 16
_MAX_ACCEPT = 50
"""Media types of a request that are considered."""


@dataclass(slots=True)
class HttpResponse:
    """A response to a client."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    file: FileIO | None = None
    """An open file to send from its current position, instead of a body."""

    length: int | None = None
    """Bytes to send, also in answer to HEAD; None for the length of the body."""

    reason: str = ""
    """The reason phrase of the status line, if not the usual one. twine shows nothing else to its user."""

    def send(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the response to the server (PEP 3333)."""
        headers = self.headers
        if self.status != HTTPStatus.NOT_MODIFIED:
            length = len(self.body) if self.length is None else self.length
            headers = [*headers, ("Content-Length", str(length))]
        start_response(f"{int(self.status)} {self.reason or HTTPStatus(self.status).phrase}", headers)
        if self.file is not None:
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](self.file, _BLOCK)
            return wrapped
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


def error_response(status: int, why: str, *headers: tuple[str, str]) -> HttpResponse:
    """Return an error whose message is in the status line as well as in the body."""
    why = printable(why)
    # A status line is one line of Latin-1.
    reason = why.encode("ascii", "replace").decode()
    headers = (("Content-Type", "text/plain; charset=utf-8"), *headers)
    return HttpResponse(status, [*headers], f"{why}\n".encode(), reason=reason)


def redirect(location: str) -> HttpResponse:
    """Return a redirect to a relative URL, which also works behind a proxy."""
    return HttpResponse(HTTPStatus.MOVED_PERMANENTLY, [("Location", location)])


def page_response(environ: dict[str, Any], body: bytes, content_type: str, etag: str) -> HttpResponse:
    """Return a page that a client may cache but has to revalidate each time."""
    headers = [("ETag", etag), ("Cache-Control", "no-cache"), ("Vary", "Accept")]
    if _is_current(environ, etag):
        return HttpResponse(HTTPStatus.NOT_MODIFIED, headers)
    return HttpResponse(HTTPStatus.OK, [("Content-Type", content_type), *headers], body)


def file_response(environ: dict[str, Any], path: Path | str) -> HttpResponse:
    """Return a file or the requested range of it. Once open, the file may be deleted or replaced.

    :raises OSError: it is missing, cannot be read, or is not a regular file
    """
    # Without O_NONBLOCK, opening a FIFO would block the thread.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = FileIO(os.open(path, flags))
    try:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)  # noqa: TRY301
        response = _file_response(environ, stream, found)
    except BaseException:
        stream.close()
        raise
    if environ["REQUEST_METHOD"] == "HEAD" or not response.length:
        response.file = None
    if response.file is None:
        stream.close()
    return response


def _file_response(environ: dict[str, Any], stream: FileIO, found: os.stat_result) -> HttpResponse:
    size = found.st_size
    etag = f'"{found.st_ino:x}-{size:x}-{found.st_mtime_ns:x}"'
    modified = formatdate(found.st_mtime, usegmt=True)
    headers = [("ETag", etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes")]
    if _is_current(environ, etag, found.st_mtime):
        return HttpResponse(HTTPStatus.NOT_MODIFIED, headers)
    status, first, last = HTTPStatus.OK, 0, size - 1
    if environ.get("HTTP_IF_RANGE", etag) in {etag, modified}:
        requested = _parse_range(environ.get("HTTP_RANGE", ""), size)
        if requested is not None:
            status, (first, last) = HTTPStatus.PARTIAL_CONTENT, requested
            if first > last:
                why = f"the file has only {counted(size, 'byte')}"
                unsatisfiable = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                return error_response(unsatisfiable, why, ("Content-Range", f"bytes */{size}"))
            headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    headers += [("Content-Type", "application/octet-stream"), ("X-Content-Type-Options", "nosniff")]
    stream.seek(first)
    return HttpResponse(status, headers, file=stream, length=last - first + 1)


def _is_current(environ: dict[str, Any], etag: str, modified: float | None = None) -> bool:
    """Return whether the client's cached copy is current."""
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None:
        tags = {each.strip().removeprefix("W/") for each in known.split(",")}
        return etag in tags or "*" in tags
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or modified is None:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte; None to send the whole file, as for several ranges at once."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[0] == "bytes=-" or len(header) > 50:  # noqa: PLR2004
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size - 1
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    first = int(match[1])
    if match[2] and first > int(match[2]):
        return None
    return first, last


def choose_type(accept: str, offered: Iterable[str]) -> str | None:
    """Return the media type that a client prefers, the first one of equals; None if it accepts none.

    :param accept: the header ``Accept``; empty to accept anything
    """
    accepted = [
        _parse_accepted(each) for each in accept.split(",", _MAX_ACCEPT)[:_MAX_ACCEPT] if each.strip()
    ]
    best, best_quality = None, 0.0
    for media_type in offered:
        names = {media_type, "*/*", f"{media_type.partition('/')[0]}/*"}
        matching = [each for each in accepted if each[0] in names]
        # The most specific entry decides: text/html before text/*, text/* before */*.
        quality = min(matching, key=lambda each: each[0].count("*"))[1] if matching else 0.0
        if not accepted:
            quality = 1.0
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _parse_accepted(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0
