"""Ask a client of :mod:`minimirror.upstream` for one URL, and look at its errors."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from minimirror.upstream import Client, FetchError
from minimirror.upstream.decoding import decoded

if TYPE_CHECKING:
    from minimirror.upstream.client import Reply

URL = "https://example.org/simple/foo/"
LIMIT = 1 << 24
SECRET = "s3cret"


def get(url: str = URL, client: Client | None = None, **headers: str) -> Reply:
    return (client or Client()).open(url, headers)


def body(reply: Reply) -> bytes:
    with reply:
        return b"".join(decoded(reply.head, reply, LIMIT))


def failure(url: str = URL, client: Client | None = None) -> FetchError:
    """Return the error, before or in the body; it shows no secret and no URL."""
    with pytest.raises(FetchError) as caught:
        body(get(url, client))
    return presentable(caught.value)


def presentable(error: FetchError) -> FetchError:
    """Return the error, which shows no secret, no URL and nothing of Python's."""
    for text in (str(error), error.cause, repr(error)):
        assert SECRET not in text
        assert "://" not in text
        assert "0x" not in text
        assert len(text) < 200
    assert error.exit_code == 1
    return error


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
