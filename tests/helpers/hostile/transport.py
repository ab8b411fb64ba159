"""What goes wrong with a file during its transfer."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.helpers.index import (
    Behaviour,
    Chunked,
    Drip,
    Headers,
    IgnoreRange,
    Redirect,
    Reset,
    Stall,
    Status,
    Together,
    Truncate,
    WrongBytes,
)

from .stage import Item, download, served

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.helpers.index import Request, Response

    from .stage import Stage

__all__ = ["TRANSPORT"]

SOON = {"Retry-After": "0"}
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
"""What would name a terminal's window anew, and clear it."""


@dataclass(frozen=True)
class Gzipped(Behaviour):
    """The body compressed on the fly, as by a server that compresses everything."""

    def prepare(self, request: Request, /) -> Request:
        return request.without("range")

    def respond(self, response: Response, /) -> Response:
        packed = replace(response, body=gzip.compress(response.body, mtime=0))
        return packed.with_headers({"Content-Encoding": "gzip"})


@dataclass(frozen=True)
class Replaced(Behaviour):
    """Another file at the same URL, with another ETag; a range of the old one gets all of it."""

    content: bytes

    def prepare(self, request: Request, /) -> Request:
        return request.without("range", "if-range")

    def respond(self, response: Response, /) -> Response:
        return replace(response, body=self.content).with_headers({"ETag": '"another"'})


@dataclass(frozen=True)
class OtherRange(Behaviour):
    """A part from another offset, with a head that says so."""

    offset: int

    def prepare(self, request: Request, /) -> Request:
        return replace(request, headers={**request.headers, "range": f"bytes={self.offset}-"})


@dataclass(frozen=True)
class ShiftedRange(Behaviour):
    """The right head for the requested range, with bytes from elsewhere in the file."""

    def respond(self, response: Response, /) -> Response:
        return replace(response, body=response.body[::-1])


def _changed(stage: Stage) -> Mapping[str, bytes]:
    """The file changes after half of it was sent; only its ETag shows that."""
    file = stage.wheel(hashes=False, size=False)
    other = Replaced(file.content[::-1])
    stage.index.fault(file.filename, Truncate(10_000), *[other] * 9)
    return {file.filename: other.content}


def _redirected(stage: Stage) -> Mapping[str, bytes]:
    """Redirected to another host, by a name, and from there to the file."""
    file = stage.wheel()
    away = stage.elsewhere.add(stage.project, file.filename, file.content)
    url = stage.elsewhere.file_url(away)
    stage.index.fault(file.filename, Redirect(url.replace("127.0.0.1", "localhost"), 307), always=True)
    stage.elsewhere.fault(file.filename, Redirect(f"{url}?again", 301))
    return {file.filename: file.content}


def _busy_until(stage: Stage) -> Mapping[str, bytes]:
    file = stage.wheel()
    soon = formatdate(time.time() + 1, usegmt=True)
    stage.index.fault(file.filename, Status(429, {"Retry-After": soon}))
    return {file.filename: file.content}


def _fast_enough(stage: Stage) -> Mapping[str, bytes]:
    file = stage.wheel(padding=20_000)
    stage.index.fault(file.filename, Drip(20_000))
    return {file.filename: file.content}


TRANSPORT = (
    # 5xx and 429
    Item("status-500-502", download(Status(500), Status(502, SOON))),
    Item(
        "status-503", download(Status(503, SOON), always=True, here=False), r"^status_503.*\.whl: HTTP 503$"
    ),
    Item("status-404", download(Status(404), always=True, here=False), r"\.whl: HTTP 404$"),
    Item("status-599", download(Status(599), always=True, here=False), r"\.whl: HTTP 599$"),
    Item("busy-seconds", download(Status(429, {"Retry-After": "1"}))),
    Item("busy-date", _busy_until),
    Item(
        "busy-for-hours",
        download(Status(429, {"Retry-After": "7200"}), always=True, here=False),
        r"\.whl: HTTP 429: ",
    ),
    Item("busy-nonsense", download(Status(503, {"Retry-After": ESCAPE}), Status(503, {"Retry-After": "-1"}))),
    # breaks, stalls, drips
    Item("reset-before-head", download(Reset(None))),
    Item("reset-in-body", download(Reset(9_000))),
    Item("reset-always", download(Reset(0), always=True, here=False), r"\.whl: the connection "),
    Item("close-before-head", download(Truncate(None))),
    Item("close-in-body", download(Truncate(9_000), Truncate(3_000))),
    Item(
        "close-always",
        download(Truncate(5), always=True, here=False),
        r"\.whl: .*\d+ bytes early",
    ),
    Item("stall-before-head", download(Stall(None))),
    Item("stall-in-body", download(Stall(9_000))),
    Item(
        "stall-always",
        download(Stall(0), always=True, here=False),
        r"\.whl: the connection to [\d.:]+ timed out$",
    ),
    Item(
        "drip-slow",
        download(Drip(100), always=True, here=False),
        r"\.whl: .*2000 bytes",
    ),
    Item("drip-fast-enough", _fast_enough),
    # redirects
    Item("redirect-other-host", _redirected),
    Item(
        "redirect-loop",
        served(lambda _, file: Redirect(file.quoted_path), here=False),
        r"\.whl: .*10 redirects",
    ),
    Item(
        "redirect-nowhere",
        download(Status(302), always=True, here=False),
        r"\.whl: .*Location",
    ),
    Item(
        "redirect-file",
        download(Redirect("file:///etc/passwd"), always=True, here=False),
        r"\.whl: .*'file'",
    ),
    Item(
        "redirect-escape",
        download(Redirect(f"x-{ESCAPE}://h/"), always=True, here=False),
        r"\.whl: HTTP 404|invalid URL",
    ),
    Item(
        "redirect-broken",
        download(Redirect("http://[::"), always=True, here=False),
        r"\.whl: .*invalid URL",
    ),
    # encodings of the body
    Item("chunked", download(Chunked(), always=True)),
    Item("chunked-broken", download(Together(Chunked(), Truncate(5_000)))),
    Item(
        "gzip-on-the-fly",
        download(Gzipped(), always=True, here=False),
        r"\.whl: (.*\d+ bytes|its sha256)",
    ),
    Item(
        "gzip-no-digest",
        download(Gzipped(), always=True, here=False, hashes=False, size=False),
        r"\.whl: .*'gzip'",
    ),
    Item("gzip-by-label", download(Headers({"Content-Encoding": "gzip"}), always=True)),
    # ranges
    Item("range-ignored", download(Truncate(9_000), IgnoreRange())),
    Item(
        "range-other-offset", download(Truncate(9_000), Headers({"Content-Range": "bytes 8000-20000/99999"}))
    ),
    Item(
        "range-other-total", download(Truncate(9_000), Headers({"Content-Range": "bytes 9000-99998/99999"}))
    ),
    Item("range-other-no-digest", download(Truncate(9_000), OtherRange(8_000), hashes=False)),
    Item("range-nonsense", download(Truncate(9_000), Headers({"Content-Range": f"bytes {ESCAPE}"}))),
    Item("range-none", download(Truncate(9_000), Headers({"Content-Range": None}))),
    Item("range-wrong-bytes", download(Truncate(9_000), ShiftedRange())),
    Item("range-refused", download(Truncate(9_000), Status(416))),
    Item(
        "range-refused-always",
        download(Truncate(9_000), *[Status(416)] * 9, here=False),
        r"\.whl: .*resume",
    ),
    # changes between two attempts
    Item("changed-back", download(Truncate(9_000), WrongBytes())),
    Item(
        "changed-for-good",
        download(Truncate(9_000), *[Replaced(b"x" * 30_000)] * 9, here=False),
        r"\.whl: (its sha256|.*bytes)",
    ),
    Item("changed-no-digest", _changed),
)
