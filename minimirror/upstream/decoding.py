"""The body of a response, bounded and decoded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from minimirror.upstream.errors import FetchError, TooLargeError
from minimirror.upstream.http import Head

__all__ = ["decoded"]

_STEP = 1 << 20
"""Bytes to decode at once."""


def decoded(head: Head, chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield a body in chunks, decoded if its content encoding is gzip.

    :param limit: bytes that the body may have, encoded and decoded
    :raises FetchError: it is longer, ends early, or has another encoding
    """
    encoding = head.headers.get("content-encoding", "").strip().lower()
    chunks = bounded(chunks, limit)
    if encoding in {"", "identity"} or head.status == HTTPStatus.NOT_MODIFIED:
        # Status 304 has the headers of a body that it does not have.
        return chunks
    if encoding not in {"gzip", "x-gzip"}:
        raise FetchError(f"the server sent the content encoding {encoding[:20]!r}, which was not requested")
    return bounded(_unzipped(chunks), limit)


def bounded(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield chunks.

    :raises FetchError: they have more bytes than the limit
    """
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise TooLargeError(limit)
        yield chunk


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decoder = _gzip_decoder()
    try:
        for chunk in chunks:
            # In steps: a chunk of zeros decodes into a thousand times its length.
            yield decoder.decompress(chunk, _STEP)
            while rest := decoder.unconsumed_tail or decoder.unused_data:
                if decoder.eof:
                    decoder = _gzip_decoder()  # a body may have several members (RFC 1952, 2.2)
                yield decoder.decompress(rest, _STEP)
    except zlib.error:
        raise FetchError("the body is not valid gzip", transient=True) from None
    if not decoder.eof:
        raise FetchError("the gzip body ends early", transient=True)


def _gzip_decoder() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
