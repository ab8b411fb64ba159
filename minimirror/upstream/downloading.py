"""Download one file into a partial file, or another target, and verify it.

The body is hashed as it arrives. A broken transfer is resumed (RFC 9110, 14) if the server can. So is the
partial file of an earlier run, if a digest can show whether both halves belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.common import Digests, StoredFile, ThreadedDigests, counted, hash_file, shorten
from minimirror.simple_api import File
from minimirror.upstream.errors import FetchError, closed_early
from minimirror.upstream.http import FILE_HEADERS, Head, Http, Request
from minimirror.upstream.retry import Retry
from minimirror.upstream.target import Target

if TYPE_CHECKING:
    # A run that has nothing to do needs no loop.
    from asyncio import Future

__all__ = ["Downloaded", "check", "download", "matches"]

LARGE = 8 << 20
"""Bytes: a body of this size or more is hashed in a separate thread."""

_PIECE = 1 << 20
"""Bytes that are written together, at most."""

MAX_UNLISTED = 32 << 30
"""Bytes of a file whose size the index does not list."""

_SHOWN = 3
"""Pinned digests in a message."""

_MISMATCHES = 2
"""How many wrong digests make the index wrong, not the transfer."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete and verified file."""

    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal, in lower case."""


def check(path: StoredFile, file: File) -> Downloaded | None:
    """Read a file of the mirror; return None if it is not the one that the index lists.

    It is not read if its sha256 is kept with it and the index lists that.

    :raises OSError: it cannot be read
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return None
    known = None if isinstance(path, Path) or file.pinned else path.sha256()
    if known is not None and known == file.digests.get("sha256"):
        return Downloaded(size, known)
    digests = hash_file(path, file.digests, pinned=file.pinned)
    return None if digests.mismatch() or digests.unpinned() else Downloaded(digests.size, digests.sha256)


def matches(path: StoredFile, file: File | None) -> bool:
    """Return whether a file of the mirror certainly is the one that the index lists: a digest proves it."""
    if file is None or not file.verifiable:
        return False
    try:
        return check(path, file) is not None
    except OSError:
        return False


async def download(  # noqa: PLR0913 - only the first three are required
    http: Http,
    file: File,
    target: Target,
    *,
    retry: Retry,
    report: Callable[[int], None] = lambda _: None,
    most: int | None = None,
) -> Downloaded:
    """Download a file to a target, and verify it.

    A transfer that breaks leaves its bytes there, for the next try or the next call.

    :param report: called with the number of bytes written when a try begins, and as they arrive; with fewer
        than before if they are not those of the file
    :param most: bytes that the file may have if the index does not list its size; by default
        :data:`MAX_UNLISTED`, and never more than what it leaves free on the disk
    :raises FetchError: it cannot be fetched, or is not what the index lists
    :raises OSError: it cannot be written
    """
    transfer = _Transfer(http, file, target, report, MAX_UNLISTED if most is None else most)
    try:
        found = await retry.call(transfer.attempt, http.pause)
    except FetchError as error:
        if not error.transient:
            target.discard()
        raise
    target.date(file.upload_time)
    return found


class _Transfer:
    """The tries for one file. The :class:`Sink` of each body: the whole file, or the rest of it."""

    def __init__(
        self, http: Http, file: File, target: Target, report: Callable[[int], None], most: int
    ) -> None:
        self._http = http
        self._file = file
        self._target = target
        self._report = report
        self._most = most
        self._mismatches = 0
        self._etag: str | None = None
        """The strong ETag, with which the next try can resume."""

        self._digests = Digests(file.digests, file.pinned)
        """Of the bytes that the target has."""

        self._threaded: ThreadedDigests | None = None
        self._size = 0
        """Bytes of the file so far."""

        self._limit: int | None = None
        self._pieces: list[bytes] = []
        self._waiting = self._room_checked = 0

    async def attempt(self, deadline: float) -> Downloaded:
        """Try once, from where the last try has ended.

        :raises FetchError: as :func:`download`
        """
        target = self._target
        target.open()
        try:
            if not self._file.verifiable and not self._etag:
                # Nothing would show that the second half is another file's.
                self._start_over()
            elif target.size and not self._digests.size:
                await self._http.aside(lambda: target.read(self._digests))
            self._size = self._digests.size
            self._report(self._size)
            if not self._size or self._size != self._file.size:
                await self._receive(deadline)
        finally:
            target.close()
        return self._verified()

    def _start_over(self) -> None:
        """Drop the bytes that the target has."""
        self._size = self._room_checked = 0
        self._digests = Digests(self._file.digests, self._file.pinned)
        self._target.restart()

    async def _receive(self, deadline: float) -> None:
        """Fetch the bytes that the target does not have."""
        headers = dict(FILE_HEADERS)
        if self._size:
            headers["Range"] = f"bytes={self._size}-"
            if self._etag:
                headers["If-Range"] = self._etag
        try:
            await self._http.get(Request(self._file.url, headers, deadline, sink=self))
        finally:
            self._finish()
        if self._limit is not None and self._size < self._limit:
            raise closed_early(self._file.url, self._limit - self._size)
        if not self._size and not self._file.verifiable:
            raise FetchError("the server sent an empty file")

    def _verified(self) -> Downloaded:
        digests = self._digests
        wrong, other = digests.mismatch(), digests.unpinned()
        if wrong is None and other is None:
            return Downloaded(digests.size, digests.sha256)
        self._target.discard()
        self._digests = Digests(self._file.digests, self._file.pinned)
        self._mismatches += 1
        cause = f"its {wrong} does not match the index"
        if wrong is None:
            pinned = " or ".join(shorten(self._file.pinned, _SHOWN))
            cause = f"it has {other}, but the requirements pin {pinned}"
        raise FetchError(cause, transient=self._mismatches < _MISMATCHES)

    def begin(self, head: Head) -> None:
        """Check that the body is the file, or the rest of it.

        :raises FetchError: it is not
        """
        if self._size and not self._resumes(head):
            self._start_over()
            self._report(0)
        if head.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise FetchError("the server cannot resume the transfer", transient=True)
        if not head.whole and not self._size:
            raise FetchError(f"HTTP {head.status} instead of the whole file", status=head.status)
        if not self._digests.checked:
            _check_plausible(head, self._file.filename)
        etag = head.headers.get("etag", "")
        self._etag = etag if etag.startswith('"') else None
        self._limit = self._expected(head)
        if self._limit is None or self._limit >= LARGE:
            self._threaded = ThreadedDigests(self._digests)

    def _resumes(self, head: Head) -> bool:
        """Return whether the body is the rest of the file, False if it is the whole file.

        :raises FetchError: it is another part
        """
        if head.status != HTTPStatus.PARTIAL_CONTENT:
            return False
        found = head.range
        if not found or found.first != self._size or _differ(found.total, self._file.size):
            self._start_over()
            raise FetchError("the server sent a different range than requested", transient=True)
        return True

    def _expected(self, head: Head) -> int | None:
        """Return how many bytes the file has, None if neither the index nor the server says.

        :raises FetchError: they disagree
        """
        length = head.length
        announced = None if length is None else self._size + length
        listed = self._file.size
        if _differ(announced, listed):
            sent = counted(announced or 0, "byte")
            raise FetchError(f"the server sends {sent}, but the index lists {listed or 0:,}")
        if listed is None and announced is not None:
            self._check_unlisted(announced)
        return announced if listed is None else listed

    def _check_unlisted(self, size: int) -> None:
        """Check the size of a file that the index does not list.

        :raises FetchError: it is too large, or would leave less room than it takes: it may never end
        """
        if size > self._most:
            raise FetchError(f"the server sends more than {self._most} bytes")
        if size - self._room_checked >= _PIECE:
            self._room_checked = self._size
            free = self._target.free
            if free is not None and size > (self._size + free) // 2:
                raise FetchError("the index does not list its size, and it takes more than half of the room")

    def write(self, data: bytes) -> None:
        """Take the next bytes, and write them together with others.

        :raises FetchError: they are too many
        :raises OSError: they cannot be written
        """
        self._size += len(data)
        if self._limit is not None and self._size > self._limit:
            limit = counted(self._limit, "byte")
            raise FetchError(f"the server sends more than the {limit} that the index lists")
        if self._limit is None:
            self._check_unlisted(self._size)
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= _PIECE:
            self.flush()

    def flush(self) -> Future[None] | None:
        """Write what was taken; return what to wait for before more is received.

        :raises OSError: it cannot be written
        """
        data = b"".join(self._pieces)
        self._pieces, self._waiting = [], 0
        self._target.write(data)
        (self._threaded or self._digests).update(data)
        self._report(self._size)
        return self._target.ready()

    def _finish(self) -> None:
        """Write the rest, and wait until everything is hashed.

        :raises OSError: it cannot be written
        """
        try:
            self.flush()
        finally:
            if self._threaded is not None:
                self._threaded.close()
                self._threaded = None


_OF_ARCHIVES = {
    "gzip": (".gz", ".tgz"),
    "compress": (".Z",),
    "bzip2": (".bz2", ".tbz", ".tbz2"),
    "xz": (".xz", ".txz"),
}
"""The content encodings that servers announce for archives which they send as they are stored."""


def _check_plausible(head: Head, filename: str) -> None:
    """Reject a body that cannot be the file, if there is no digest to prove it.

    :raises FetchError: it cannot be
    """
    encoding = head.headers.get("content-encoding", "identity").strip().lower()
    is_stored = filename.endswith(_OF_ARCHIVES.get(encoding.removeprefix("x-"), ()))
    if encoding not in {"", "identity"} and not is_stored:
        raise FetchError(f"the server sent the content encoding {encoding[:20]!r}, which was not requested")
    if head.headers.get("content-type", "").strip().lower().startswith("text/html"):
        raise FetchError("the server sent an HTML page instead of the file")


def _differ(one: int | None, other: int | None) -> bool:
    return None not in {one, other} and one != other
