"""The answer to one GET, read in pieces, within bounds of time and size."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping

from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe
from minimirror.upstream.http.http1 import content_length
from minimirror.upstream.http.retry import Pace
from minimirror.upstream.http.transport import Answer, Body

__all__ = ["Reply"]


class Reply:
    """The answer to one GET: its head is here, its body is still to be read."""

    def __init__(self, url: str, response: Answer, pace: Pace, deadline: float) -> None:
        self._pace = pace
        self._begun = time.monotonic()
        self._deadline = deadline
        self._got = 0
        self.url = url
        """The URL that answered, after redirects, without credentials."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._body: Body = response.raw

    def readinto(self, view: memoryview) -> int:
        """Read the next bytes of the body as the server sent them, 0 at its end.

        :raises FetchError: the connection broke, or the bytes do not come in time
        """
        try:
            got = self._body.readinto(view) or 0
        except NETWORK_ERRORS as error:
            raise FetchError(describe(error), passing=True) from None
        self._got += got
        if got:
            self._check_pace()
        return got

    def _check_pace(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise FetchError("it takes longer than a page or a file may")
        seconds = now - self._begun
        if seconds > self._pace.read and self._got < seconds * self._pace.least:
            raise FetchError(f"it comes slower than {self._pace.least:.0f} bytes a second", passing=True)

    def text_chunks(self, limit: int) -> Iterator[bytes]:
        """The body in chunks, with a gzip content encoding undone.

        :param limit: bytes, decoded: a longer body is refused
        :raises FetchError: as :meth:`readinto`; or the body is too long, shorter than announced, or encoded
            in another way
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
            # What decodes into nothing could go on for ever.
            if total > limit:
                raise FetchError(f"the page is larger than {limit} bytes")
            yield bytes(buffer[:got])
        if self.length is not None and total < self.length:
            raise FetchError(f"the connection closed {self.length - total} bytes early", passing=True)

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in {"", "identity"}:
            yield from chunks
            return
        if encoding not in {"gzip", "x-gzip"}:
            raise FetchError(f"content encoding {encoding[:20]!r} was not asked for")
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
            raise FetchError("the body is not valid gzip", passing=True) from None
        if not decoder.eof:
            raise FetchError("the gzip body ends early", passing=True)

    @property
    def length(self) -> int | None:
        """Bytes of the body as the server announced them; None where it did not, or not as a number."""
        return content_length(self.headers)

    def close(self) -> None:
        """Let go of the connection, which is kept for the next request if the body was read whole."""
        self._body.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _gzip_decoder() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
