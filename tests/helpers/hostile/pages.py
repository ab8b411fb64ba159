"""Bad project pages."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.helpers.index import Behaviour, Body, Headers, Redirect, Reset, Stall, Status, Truncate

from .stage import Item, download, page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.helpers.index import Response

    from .stage import SetUp, Stage

__all__ = ["PAGES"]

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
BOMB = 600_000_000
LARGEST = 60_000_000
DEEP = 200_000
TOO_MANY = 200_001
NO_FILE = b'{"filename": "x", "url": "x"}'
ESCAPE = "\x1b[2J\x9b2J"


@dataclass(frozen=True)
class Gzip(Behaviour):
    """A page that is compressed with gzip, with the right header."""

    packed: bytes

    def respond(self, response: Response, /) -> Response:
        return replace(response, body=self.packed).with_headers({"Content-Encoding": "gzip", "ETag": None})


@dataclass(frozen=True)
class Recoded(Behaviour):
    """The page in another encoding."""

    codec: str
    charset: str | None

    def respond(self, response: Response, /) -> Response:
        content_type = response.headers["Content-Type"]
        said = f"{content_type}; charset={self.charset}" if self.charset else content_type
        body = response.body.decode().encode(self.codec)
        return replace(response, body=body).with_headers({"Content-Type": said})


@dataclass(frozen=True)
class Part(Behaviour):
    """The first half of the page, sent as a complete one."""

    def respond(self, response: Response, /) -> Response:
        # In mid-tag: in front of the link's last quote.
        return replace(response, body=response.body[: response.body.rindex(b'"')])


@cache
def bomb(pattern: bytes, start: bytes = b"", size: int = BOMB) -> bytes:
    """Make bytes that decompress to 600 MB, or to that size, in members of one megabyte."""
    member = gzip.compress(pattern * (1_000_000 // len(pattern)), mtime=0)
    return gzip.compress(start, mtime=0) + member * (size // 1_000_000)


def _json(value: Any) -> SetUp:
    return page(Body(json.dumps(value).encode(), JSON), always=True)


def _body(content: bytes, content_type: str) -> SetUp:
    return page(Body(content, content_type), always=True)


def _entries(count: int, entry: bytes) -> bytes:
    return b'{"files": [' + b",".join([entry] * count) + b"]}"


def _escapes(stage: Stage) -> Mapping[str, bytes]:
    """Escape sequences in every text of the page."""
    file = stage.wheel(requires_python=ESCAPE, upload_time=ESCAPE, core_metadata={"sha256": ESCAPE})
    stage.index.add_wheel(stage.project, "2.0", yanked=ESCAPE)
    stage.index.status(stage.project, ESCAPE, ESCAPE)
    return {file.filename: file.content}


def _quarantined(stage: Stage) -> Mapping[str, bytes]:
    stage.wheel()
    stage.index.status(stage.project, "quarantined", ESCAPE)
    return {}


READ = r"^[\w-]+: its page .*"
"""The start of a page's failure, with its project."""

_LARGER = READ + r"larger than \d+"
_BOTH: tuple[Item, ...] = (
    Item("page-404", page(Status(404), always=True), r"HTTP 404$"),
    Item("page-410", page(Status(410), always=True), r"HTTP 410$"),
    Item("page-403", page(Status(403), always=True), READ + "HTTP 403: "),
    Item("page-503", page(Status(503, {"Retry-After": "0"}), always=True), READ + "HTTP 503$"),
    Item("page-503-once", page(Status(503), here=True)),
    Item("page-204", page(Status(204, body=b""), always=True), READ + "HTTP 204"),
    Item(
        "page-redirect-loop",
        page(Redirect("/simple/page-redirect-loop/"), always=True),
        READ + "10 redirects",
    ),
    Item("page-stall", page(Stall(None), always=True), READ + "timed out$"),
    Item("page-stall-in-body", page(Stall(30), here=True)),
    Item("page-reset", page(Reset(30), Reset(None), here=True)),
    Item("page-truncated", page(Truncate(40), always=True), READ + r"\d+ bytes early"),
    Item("page-half", page(Part(), always=True), READ + "(not JSON|inside a tag)"),
    Item(
        "page-type",
        page(Headers({"Content-Type": f"image/{ESCAPE}png"}), always=True),
        READ + r"'image/.*png'",
    ),
    Item(
        "page-type-archive",
        _body(b"PK\3\4" * 100, "application/zip"),
        READ + "'application/zip'",
    ),
    Item("page-escapes", _escapes),
    Item("page-quarantined", _quarantined),
    Item(
        "page-requires-python",
        download(here=False, requires_python=",".join([">=3"] * 500)),
        "cannot read the (entry|link) .*requires-python is longer",
        lasting=True,
    ),
    Item("page-binary", _body(bytes(range(256)) * 20, HTML), READ),
    Item("page-bomb", page(Gzip(bomb(b"\0")), always=True), _LARGER),
    Item("page-bomb-of-spaces", page(Gzip(bomb(b" ")), always=True), _LARGER),
    Item(
        "page-not-gzip",
        page(Headers({"Content-Encoding": "gzip"}), always=True),
        READ + "gzip",
    ),
    Item(
        "page-half-gzip",
        page(Gzip(gzip.compress(b"x" * 999)[:-9]), always=True),
        READ + "gzip.*early",
    ),
    Item(
        "page-brotli",
        page(Headers({"Content-Encoding": f"br{ESCAPE}"}), always=True),
        READ + "'br.*'",
    ),
)
_JSON: tuple[Item, ...] = (
    Item("page-empty", _body(b"", JSON), READ + "not JSON"),
    Item("page-html-for-json", _body(b"<h1>Sign in</h1>", JSON), READ + "not JSON"),
    Item("page-nul", _body(b"\0" * 99, JSON), READ + "not JSON"),
    Item("page-null", _json(None), READ + "list of files"),
    Item("page-list", _json([]), READ + "list of files"),
    Item("page-files-null", _json({"files": None}), READ + "list of files"),
    Item("page-files-object", _json({"files": {"a": "b"}}), READ + "list of files"),
    Item("page-files-none", _json({"meta": {}}), READ + "list of files"),
    Item("page-file-null", _json({"files": [None]}), "cannot read an entry: "),
    Item(
        "page-file-odd",
        _json({"files": [{"filename": [], "url": f"\x1b{ESCAPE}"}]}),
        "cannot read an entry: ",
    ),
    Item(
        "page-half-character",
        _body(b'{"files": [{"filename": "\\ud800", "url": "x"}]}', JSON),
        "cannot read the entry ",
    ),
    Item(
        "page-version-2",
        _json({"meta": {"api-version": f"2.0{ESCAPE}"}, "files": []}),
        READ + r"version '2\.0",
    ),
    Item("page-deep", _body(b"[" * DEEP, JSON), READ + "not JSON"),
    Item(
        "page-deep-in-file",
        _body(b'{"files": [' + b"[" * DEEP + b"]" * DEEP + b"]}", JSON),
        READ + "not JSON",
    ),
    Item(
        "page-deep-objects",
        _body(b'{"files":' * DEEP + b"0" + b"}" * DEEP, JSON),
        READ + "nested too deep",
    ),
    Item(
        "page-long-number",
        _body(b'{"files": [], "meta": ' + b"9" * DEEP + b"}", JSON),
        READ + "not JSON",
    ),
    Item("page-of-nothings", page(Gzip(bomb(b"{},", b'{"files": [')), always=True), _LARGER),
    Item(
        "page-of-many-nothings",
        _body(_entries(900_000, b"[]"), JSON),
        READ + "10000 invalid entries",
    ),
    Item(
        "page-of-nothings-gzip",
        page(Gzip(bomb(b"[],", b'{"files": [', LARGEST)), always=True),
        READ + "10000 invalid entries",
    ),
    Item("page-of-too-many-files", _body(_entries(TOO_MANY, NO_FILE), JSON), READ + "200,000 files"),
    Item(
        "page-of-too-many-files-gzip",
        page(Gzip(gzip.compress(_entries(TOO_MANY, NO_FILE))), always=True),
        READ + "200,000 files",
    ),
    Item("page-value", _body(b'{"meta": [%s0]}' % (b"[]," * 1_000_000), JSON), READ + "value of more"),
    Item(
        "page-value-gzip",
        page(Gzip(bomb(b"{},", b'{"files": [], "x": {"y": [', LARGEST)), always=True),
        READ + "value of more",
    ),
    Item(
        "page-wide-characters",
        page(Gzip(bomb(b"x", '{"files": [], "x": "\N{GRINNING FACE}'.encode(), LARGEST)), always=True),
        READ + "value of more",
    ),
    Item(
        "page-digests",
        _json({"files": [{"filename": "x", "url": "x", "hashes": {f"sha{n}": "0" * 32 for n in range(99)}}]}),
        "cannot read the entry 'x': .*digests",
    ),
    Item(
        "page-specifiers",
        _json(
            {
                "files": [
                    {"filename": "x", "url": "x", "requires-python": f"=={number}" + ",!=3.*" * 150}
                    for number in range(300)
                ]
            }
        ),
        READ + "characters of different requires-python",
    ),
    Item(
        "page-of-bad-entries",
        _json({"files": [{"filename": str(number)} for number in range(500)]}),
        r"(cannot read the entry '\d+': |and 480 more)",
    ),
    Item("page-utf-16", page(Recoded("utf-16", None), here=True)),
    Item("page-utf-8-mark", page(Recoded("utf-8-sig", None), here=True)),
    Item(
        "page-utf-7",
        _body(b'{"files": [{"filename": "\xff\xfe", "url": "x"}]}', JSON),
        READ + "not JSON",
    ),
)
_HTML: tuple[Item, ...] = (
    Item("page-words", _body(b"Please sign in", HTML), READ + "not HTML"),
    Item("page-json-for-html", _body(b'{"files": []}', HTML), READ + "not HTML"),
    Item(
        "page-version-2",
        _body(b'<meta name="pypi:repository-version" content="2.0">', HTML),
        READ + r"version '2\.0'",
    ),
    Item("page-tag-without-end", _body(b"<a href=" * 999, HTML), READ + "inside a tag"),
    Item("page-long-tag-without-end", _body(b"<a href=" * DEEP, HTML), READ + "tag longer"),
    Item("page-attributes", _body(b"<a href=x" + b" a" * 999_999 + b">", HTML), READ + "tag longer"),
    Item(
        "page-attributes-gzip",
        page(Gzip(bomb(b" a", b"<a href=x", LARGEST)), always=True),
        READ + "tag longer",
    ),
    Item(
        "page-comment-gzip",
        page(Gzip(bomb(b"x", b"<!--", LARGEST)), always=True),
        READ + "comment or a script longer",
    ),
    Item("page-of-too-many-files", _body(b"<a href=x>" * TOO_MANY, HTML), READ + "200,000 files"),
    Item(
        "page-of-too-many-files-gzip",
        page(Gzip(gzip.compress(b"<a href=x>" * TOO_MANY)), always=True),
        READ + "200,000 files",
    ),
    Item(
        "page-comment-without-end",
        _body(b"<!-- " + b"<a>" * DEEP, HTML),
        READ + "inside a tag",
    ),
    Item(
        "page-of-many-nothings",
        _body(b'<a href="http://[">' * 150_000, HTML),
        READ + "10000 invalid entries",
    ),
    Item(
        "page-of-too-many-links",
        page(Gzip(bomb(b"<a href=x>", size=LARGEST)), always=True),
        READ + "1,000,000 tags",
    ),
    Item("page-utf-16", page(Recoded("utf-16", "utf-16"), here=True)),
    Item("page-latin-1", page(Recoded("latin-1", "iso-8859-1"), here=True)),
    Item("page-utf-8-mark", page(Recoded("utf-8-sig", "utf-8"), here=True)),
    Item(
        "page-no-charset",
        page(Recoded("utf-8", "no-such"), always=True),
        READ + "'no-such'$",
    ),
    Item(
        "page-no-text",
        page(Recoded("utf-8", "rot13"), always=True),
        READ + "'rot13'$",
    ),
)

PAGES = (
    *_BOTH,
    *(replace(item, forms=("json",)) for item in _JSON),
    *(replace(item, forms=("html",)) for item in _HTML),
)
