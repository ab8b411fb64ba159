"""One file from a URL to a verified temporary file.

The body is hashed as it streams. A transfer that breaks goes on where it stopped (RFC 9110, 14) if the server
can; so does one that an earlier run left, where a digest will tell whether both halves belong together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from minimirror.common import BUFFER, Digests, ThreadedDigests, Sink
from minimirror.simple_api import File
from minimirror.upstream.http import Client, FetchError, Reply, Retry

__all__ = ["Downloaded", "check", "download", "matches"]

LARGE = 8 << 20
"""Bytes: a body of at least that many is hashed in a thread of its own."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WHOLE = {200, 203}
_MISMATCHES = 2
"""Bodies with a wrong digest that are taken for a broken transfer; one more, and the index is wrong."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is whole and verified."""

    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal, in lower case."""


def check(path: Path, file: File) -> Downloaded | None:
    """Read a file that is here already; None where it is not what the index lists.

    :raises OSError: it cannot be read
    """
    if file.size is not None and path.stat().st_size != file.size:
        return None
    digests = Digests(file.digests)
    with FileIO(path) as stream:
        digests.read(stream)
    return None if digests.mismatch() else Downloaded(digests.size, digests.sha256)


def matches(path: Path, file: File | None) -> bool:
    """Whether a file that is here is the one that the index lists, for certain."""
    if file is None or not file.digests:
        return False
    try:
        return check(path, file) is not None
    except OSError:
        return False


def download(
    client: Client,
    file: File,
    partial: Path,
    *,
    retry: Retry,
    report: Callable[[int], None] = lambda _: None,
) -> Downloaded:
    """Fetch a file to ``partial``, whole, verified and with its upload time, or raise.

    What is left there by a transfer that broke is continued, by this call or the next.

    :param report: called with the number of bytes that are here, as they come
    :raises FetchError: it cannot be had, or is not what the index lists
    :raises OSError: it cannot be written
    """
    transfer = _Transfer(client, file, partial, report)
    try:
        found = retry.call(transfer.attempt)
    except FetchError as error:
        if not error.passing:
            partial.unlink(missing_ok=True)
        raise
    if file.upload_time is not None:
        os.utime(partial, (file.upload_time, file.upload_time))
    return found


class _Transfer:
    """The tries for one file."""

    def __init__(self, client: Client, file: File, partial: Path, report: Callable[[int], None]) -> None:
        self._client = client
        self._file = file
        self._partial = partial
        self._report = report
        self._mismatches = 0
        self._etag: str | None = None
        self._verifiable = self._digests().checked
        if not self._verifiable:
            # Nothing would tell if the second half were another file's.
            partial.unlink(missing_ok=True)

    def attempt(self, deadline: float) -> Downloaded:
        """Try once, continuing what is here.

        :raises FetchError: as :func:`download`
        """
        with FileIO(self._partial, "r+", opener=self._open) as stream:
            digests = self._digests()
            digests.read(stream)
            if not digests.size or digests.size != self._file.size:
                digests = self._receive(stream, digests, deadline)
        return self._verified(digests)

    def _digests(self) -> Digests:
        return Digests(self._file.digests, min(BUFFER, (self._file.size or BUFFER) + 1))

    def _open(self, path: str, flags: int) -> int:
        resumes = self._verifiable or self._etag
        return os.open(path, flags | os.O_CREAT | (0 if resumes else os.O_TRUNC), 0o666)

    def _receive(self, stream: FileIO, digests: Digests, deadline: float) -> Digests:
        """Fetch what is missing behind the bytes in ``digests``; answer the digests of the whole."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if digests.size:
            headers["Range"] = f"bytes={digests.size}-"
            if self._etag:
                headers["If-Range"] = self._etag
        with self._client.get(self._file.url, headers, deadline) as reply:
            if digests.size and not self._continues(reply, digests.size):
                digests = self._digests()
                stream.seek(0)
                stream.truncate()
            if reply.status == 416:  # noqa: PLR2004
                raise FetchError("the server cannot continue where the transfer broke", passing=True)
            if reply.status not in _WHOLE and not digests.size:
                raise FetchError(f"HTTP {reply.status}, which is no whole file", status=reply.status)
            if not self._verifiable:
                _check_plausible(reply)
            etag = reply.headers.get("etag", "")
            self._etag = etag if etag.startswith('"') else None
            self._stream(reply, stream, digests)
        if not digests.size and not self._verifiable:
            raise FetchError("the server sends an empty file")
        return digests

    def _continues(self, reply: Reply, offset: int) -> bool:
        """Whether the reply's body is the rest from that offset on."""
        if reply.status != 206:  # noqa: PLR2004
            return False
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", "").strip())
        total_fits = found and (found[3] == "*" or self._file.size in {None, int(found[3])})
        if not found or int(found[1]) != offset or not total_fits:
            self._partial.unlink(missing_ok=True)
            raise FetchError("the server answered another range than was asked for", passing=True)
        return True

    def _stream(self, reply: Reply, stream: FileIO, digests: Digests) -> None:
        announced = None if reply.length is None else digests.size + reply.length
        limit = self._file.size if self._file.size is not None else announced
        if limit is not None and announced is not None and announced != limit:
            raise FetchError(f"the server sends {announced} bytes, the index lists {limit}")
        if limit is not None and limit < LARGE:
            self._copy(reply, stream, digests, digests.size, limit)
        else:
            with ThreadedDigests(digests) as behind:
                self._copy(reply, stream, behind, digests.size, limit)
        if limit is not None and digests.size < limit:
            raise FetchError(f"the connection closed {limit - digests.size} bytes early", passing=True)

    def _copy(self, reply: Reply, stream: FileIO, sink: Sink, size: int, limit: int | None) -> None:
        while got := reply.readinto(buffer := sink.buffer()):
            size += got
            if limit is not None and size > limit:
                raise FetchError(f"the server sends more than the {limit} bytes listed")
            _write(stream, buffer[:got])
            sink.update(buffer[:got])
            self._report(size)

    def _verified(self, digests: Digests) -> Downloaded:
        wrong = digests.mismatch()
        if wrong is None:
            return Downloaded(digests.size, digests.sha256)
        self._partial.unlink(missing_ok=True)
        self._mismatches += 1
        raise FetchError(
            f"its {wrong} is not the one that the index lists", passing=self._mismatches < _MISMATCHES
        )


def _check_plausible(reply: Reply) -> None:
    """Refuse what is surely not the file, where no digest would tell.

    :raises FetchError: it is
    """
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise FetchError(
            f"the server sends it in content encoding {encoding[:20]!r}, which was not asked for"
        )
    if reply.headers.get("content-type", "").strip().lower().startswith("text/html"):
        raise FetchError("the server answers with a page in place of the file")


def _write(stream: FileIO, data: memoryview) -> None:
    # An unbuffered file may take a part, the last one before the disk is full for instance.
    while data:
        data = data[stream.write(data) :]
