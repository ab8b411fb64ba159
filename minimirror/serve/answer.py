"""Answers: what goes back to a client, and what of it a client has already (RFC 9110)."""

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

from minimirror.common import printable

__all__ = ["Answer", "choose_type", "file_answer", "page_answer", "redirect", "refusal"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_BLOCK = 1 << 16
_MAX_ACCEPT = 50
"""Media types of one request that are looked at."""


@dataclass(slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    file: FileIO | None = None
    """An open file to send from where it stands, instead of a body."""

    length: int | None = None
    """Bytes that are sent, or would be to who asks for more than the headers; None for those of the body."""

    reason: str = ""
    """For the status line, where the usual words do not say enough: twine shows that and nothing else."""

    def send(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Give it to the server (PEP 3333)."""
        headers = self.headers
        if self.status != HTTPStatus.NOT_MODIFIED:
            length = len(self.body) if self.length is None else self.length
            headers = [*headers, ("Content-Length", str(length))]
        start_response(f"{int(self.status)} {self.reason or HTTPStatus(self.status).phrase}", headers)
        if self.file is not None:
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](self.file, _BLOCK)
            return wrapped
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


def refusal(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    """Say no, in the status line as well as in the body."""
    # An HTTP status line is Latin-1 and one line.
    why = printable(why)
    reason = why.encode("ascii", "replace").decode()
    return Answer(
        status, [("Content-Type", "text/plain; charset=utf-8"), *headers], f"{why}\n".encode(), reason=reason
    )


def redirect(location: str) -> Answer:
    """Send the client to a relative URL, which is true behind a proxy as well."""
    return Answer(HTTPStatus.MOVED_PERMANENTLY, [("Location", location)])


def page_answer(environ: dict[str, Any], body: bytes, content_type: str, etag: str) -> Answer:
    """A page that a client may keep, but has to ask about each time."""
    headers = [("ETag", etag), ("Cache-Control", "no-cache"), ("Vary", "Accept")]
    if _has(environ, etag):
        return Answer(HTTPStatus.NOT_MODIFIED, headers)
    return Answer(HTTPStatus.OK, [("Content-Type", content_type), *headers], body)


def file_answer(environ: dict[str, Any], path: Path | str) -> Answer:
    """A file, or the range of it that is asked for. Once it is open, it may be deleted or replaced.

    :raises OSError: it is not there, cannot be read, or is no regular file
    """
    # A FIFO of that name shall not hold up a thread.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = FileIO(os.open(path, flags))
    try:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)  # noqa: TRY301
        answer = _file_answer(environ, stream, found)
    except BaseException:
        stream.close()
        raise
    if environ["REQUEST_METHOD"] == "HEAD" or not answer.length:
        answer.file = None
    if answer.file is None:
        stream.close()
    return answer


def _file_answer(environ: dict[str, Any], stream: FileIO, found: os.stat_result) -> Answer:
    size = found.st_size
    etag = f'"{found.st_ino:x}-{size:x}-{found.st_mtime_ns:x}"'
    modified = formatdate(found.st_mtime, usegmt=True)
    headers = [("ETag", etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes")]
    if _has(environ, etag, found.st_mtime):
        return Answer(HTTPStatus.NOT_MODIFIED, headers)
    status, first, last = HTTPStatus.OK, 0, size - 1
    if environ.get("HTTP_IF_RANGE", etag) in {etag, modified}:
        asked = _range(environ.get("HTTP_RANGE", ""), size)
        if asked is not None:
            status, (first, last) = HTTPStatus.PARTIAL_CONTENT, asked
            if first > last:
                why = f"the file has {size} bytes"
                unsatisfiable = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                return refusal(unsatisfiable, why, ("Content-Range", f"bytes */{size}"))
            headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    headers += [("Content-Type", "application/octet-stream"), ("X-Content-Type-Options", "nosniff")]
    stream.seek(first)
    return Answer(status, headers, file=stream, length=last - first + 1)


def _has(environ: dict[str, Any], etag: str, modified: float | None = None) -> bool:
    """Whether the client has what would be sent."""
    asked = environ.get("HTTP_IF_NONE_MATCH")
    if asked is not None:
        tags = {each.strip().removeprefix("W/") for each in asked.split(",")}
        return etag in tags or "*" in tags
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or modified is None:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte; None for all of it, which may be sent to who asks for several ranges."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match[0] == "bytes=-" or len(asked) > 50:  # noqa: PLR2004
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size - 1
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    first = int(match[1])
    if match[2] and first > int(match[2]):
        return None
    return first, last


def choose_type(accept: str, offered: Iterable[str]) -> str | None:
    """The media type that a client likes best, the first one of equals; None where it takes none of them.

    :param accept: the header ``Accept``; empty for anything
    """
    wishes = [_wish(each) for each in accept.split(",", _MAX_ACCEPT)[:_MAX_ACCEPT] if each.strip()]
    best, best_quality = None, 0.0
    for media_type in offered:
        matching = [wish for wish in wishes if _matches(media_type, wish[0])]
        # What names a type exactly counts more than what names all.
        quality = min(matching, key=lambda wish: wish[0].count("*"))[1] if matching else 0.0
        if not wishes:
            quality = 1.0
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _wish(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0


def _matches(media_type: str, wish: str) -> bool:
    return wish in {media_type, "*/*", f"{media_type.partition('/')[0]}/*"}
