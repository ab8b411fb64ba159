"""Download one file into a partial file, and verify it.

The body is hashed as it arrives. A broken transfer is resumed (RFC 9110, 14) if the server can. So is the
partial file of an earlier run, if a digest can show whether both halves belong together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import FileIO
from pathlib import Path

from minimirror.common import BUFFER, Digests, ThreadedDigests, hash_file
from minimirror.simple_api import File
from minimirror.upstream.http import Client, FetchError, Reply, Retry

__all__ = ["Downloaded", "check", "download", "matches"]

LARGE = 8 << 20
"""Bytes: a body of this size or more is hashed in a separate thread."""

_MISMATCHES = 2
"""How many wrong digests make the index wrong, not the transfer."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete and verified file."""

    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal, in lower case."""


def check(path: Path, file: File) -> Downloaded | None:
    """Read a file on disk; return None if it is not the one that the index lists.

    :raises OSError: it cannot be read
    """
    if file.size is not None and path.stat().st_size != file.size:
        return None
    digests = hash_file(path, file.digests)
    return None if digests.mismatch() else Downloaded(digests.size, digests.sha256)


def matches(path: Path, file: File | None) -> bool:
    """Return whether a file on disk certainly is the one that the index lists: a digest proves it."""
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
    """Download a file to ``partial``, verify it, and set its upload time.

    A transfer that breaks leaves its bytes there, for the next try or the next call.

    :param report: called with the number of bytes on disk, as they arrive
    :raises FetchError: it cannot be fetched, or is not what the index lists
    :raises OSError: it cannot be written
    """
    transfer = _Transfer(client, file, partial, report)
    try:
        found = retry.call(transfer.attempt)
    except FetchError as error:
        if not error.transient:
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
            # Nothing would show that the second half is another file's.
            partial.unlink(missing_ok=True)

    def attempt(self, deadline: float) -> Downloaded:
        """Try once, from where the partial file ends.

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
        """Fetch the bytes that follow those in ``digests``; return the digests of the whole file."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if digests.size:
            headers["Range"] = f"bytes={digests.size}-"
            if self._etag:
                headers["If-Range"] = self._etag
        with self._client.get(self._file.url, headers, deadline) as reply:
            if digests.size and not self._resumes(reply, digests.size):
                digests = self._digests()
                stream.seek(0)
                stream.truncate()
            if reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise FetchError("the server cannot resume the transfer", transient=True)
            if not reply.whole and not digests.size:
                raise FetchError(f"HTTP {reply.status} instead of the whole file", status=reply.status)
            if not self._verifiable:
                _check_plausible(reply)
            etag = reply.headers.get("etag", "")
            self._etag = etag if etag.startswith('"') else None
            self._stream(reply, stream, digests)
        if not digests.size and not self._verifiable:
            raise FetchError("the server sent an empty file")
        return digests

    def _resumes(self, reply: Reply, offset: int) -> bool:
        """Return whether the body is the rest of the file, False if it is the whole file.

        :raises FetchError: it is another part
        """
        if reply.status != HTTPStatus.PARTIAL_CONTENT:
            return False
        found = reply.range
        if not found or found.first != offset or _differ(found.total, self._file.size):
            self._partial.unlink(missing_ok=True)
            raise FetchError("the server sent another range than requested", transient=True)
        return True

    def _stream(self, reply: Reply, stream: FileIO, digests: Digests) -> None:
        announced = None if reply.length is None else digests.size + reply.length
        limit = self._file.size if self._file.size is not None else announced
        if limit is not None and announced is not None and announced != limit:
            raise FetchError(f"the server sends {announced} bytes, but the index lists {limit}")
        if limit is not None and limit < LARGE:
            self._copy(reply, stream, digests, digests.size, limit)
        else:
            with ThreadedDigests(digests) as threaded:
                self._copy(reply, stream, threaded, digests.size, limit)
        if limit is not None and digests.size < limit:
            raise FetchError(f"the connection closed {limit - digests.size} bytes early", transient=True)

    def _copy(
        self, reply: Reply, stream: FileIO, sink: Digests | ThreadedDigests, size: int, limit: int | None
    ) -> None:
        while got := reply.readinto(buffer := sink.buffer()):
            size += got
            if limit is not None and size > limit:
                raise FetchError(f"the server sends more than the {limit} bytes that the index lists")
            _write(stream, buffer[:got])
            sink.update(buffer[:got])
            self._report(size)

    def _verified(self, digests: Digests) -> Downloaded:
        wrong = digests.mismatch()
        if wrong is None:
            return Downloaded(digests.size, digests.sha256)
        self._partial.unlink(missing_ok=True)
        self._mismatches += 1
        raise FetchError(f"its {wrong} does not match the index", transient=self._mismatches < _MISMATCHES)


def _check_plausible(reply: Reply) -> None:
    """Reject a body that cannot be the file, if there is no digest to prove it.

    :raises FetchError: it cannot be
    """
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise FetchError(f"the server sent the content encoding {encoding[:20]!r}, which was not requested")
    if reply.headers.get("content-type", "").strip().lower().startswith("text/html"):
        raise FetchError("the server sent an HTML page instead of the file")


def _write(stream: FileIO, data: memoryview) -> None:
    # An unbuffered file may take only a part, for example just before the disk is full.
    while data:
        data = data[stream.write(data) :]


def _differ(one: int | None, other: int | None) -> bool:
    return None not in {one, other} and one != other
