"""The response to one GET: its body is read in pieces, within limits of time and size."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe
from minimirror.upstream.http.http1 import content_length
from minimirror.upstream.http.retry import Pace
from minimirror.upstream.http.transport import Answer, Body

__all__ = ["ContentRange", "Reply"]

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class ContentRange(NamedTuple):
    """Which part of a file a response has, in bytes (RFC 9110, 14.4)."""

    first: int
    last: int
    total: int | None
    """The size of the whole file, None if the server does not know it."""


class Reply:
    """The response to one GET, whose head has been read and whose body has not."""

    def __init__(self, url: str, response: Answer, pace: Pace, deadline: float) -> None:
        self._pace = pace
        self._begun = time.monotonic()
        self._deadline = deadline
        self._got = 0
        self.url = url
        """The URL that responded, after redirects, without credentials."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._body: Body = response.raw

    def readinto(self, view: memoryview) -> int:
        """Read the next bytes of the body, as the server sent them; return how many, 0 at the end.

        :raises FetchError: the connection broke, or is too slow
        """
        try:
            got = self._body.readinto(view) or 0
        except NETWORK_ERRORS as error:
            raise FetchError(describe(error), transient=True) from None
        self._got += got
        if got:
            self._check_pace()
        return got

    def _check_pace(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise FetchError("it takes longer than the time limit (`file_timeout`)")
        seconds = now - self._begun
        if seconds > self._pace.read and self._got < seconds * self._pace.min_rate:
            raise FetchError(
                f"slower than {self._pace.min_rate:.0f} bytes per second (`min_rate`)", transient=True
            )

    def text_chunks(self, limit: int) -> Iterator[bytes]:
        """Return the body in chunks, decoded if its content encoding is gzip.

        :param limit: bytes that the body may have, decoded
        :raises FetchError: as :meth:`readinto`; or the body is too long, ends early, or has another encoding
        """
        total = 0
        for chunk in self._decoded(self._raw_chunks(limit)):
            total += len(chunk)
            if total > limit:
                raise FetchError(f"the page is larger than {limit} bytes")
            yield chunk

    def _raw_chunks(self, limit: int) -> Iterator[bytes]:
        buffer = memoryview(bytearray(65536))
        total = 0
        while got := self.readinto(buffer):
            total += got
            # A body that decodes into nothing could continue for ever.
            if total > limit:
                raise FetchError(f"the page is larger than {limit} bytes")
            yield bytes(buffer[:got])
        if self.length is not None and total < self.length:
            raise FetchError(f"the connection closed {self.length - total} bytes early", transient=True)

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in {"", "identity"}:
            yield from chunks
            return
        if encoding not in {"gzip", "x-gzip"}:
            raise FetchError(
                f"the server sent the content encoding {encoding[:20]!r}, which was not requested"
            )
        decoder = _gzip_decoder()
        try:
            for chunk in chunks:
                # In steps: a chunk of zeros decodes into a thousand times its length.
                yield decoder.decompress(chunk, 1 << 20)
                while rest := decoder.unconsumed_tail or decoder.unused_data:
                    if decoder.eof:
                        decoder = _gzip_decoder()  # a body may have several members (RFC 1952, 2.2)
                    yield decoder.decompress(rest, 1 << 20)
        except zlib.error:
            raise FetchError("the body is not valid gzip", transient=True) from None
        if not decoder.eof:
            raise FetchError("the gzip body ends early", transient=True)

    @property
    def whole(self) -> bool:
        """Whether the body is the whole page or file: status 200, or 203 from a proxy."""
        return self.status in {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}

    @property
    def length(self) -> int | None:
        """Bytes of the body, from Content-Length; None if there is none, or not a number."""
        return content_length(self.headers)

    @property
    def range(self) -> ContentRange | None:
        """The part of the file that the body has; None if Content-Range is missing or invalid."""
        found = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if found is None:
            return None
        return ContentRange(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))

    def close(self) -> None:
        """Release the connection; the next request uses it again if the whole body has been read."""
        self._body.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _gzip_decoder() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
