"""Files that differ from what the page says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.helpers.index import Behaviour, Body, Chunked, Headers, Together, WrongBytes

from .stage import Item, download, served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.helpers.index import File, Response

    from .stage import SetUp, Stage

__all__ = ["CONTENT"]

LOGIN = Body(b"<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8")


@dataclass(frozen=True)
class Surplus(Behaviour):
    """More bytes than the head announces: a second answer on the same connection."""

    def respond(self, response: Response, /) -> Response:
        said = {"Content-Length": str(len(response.body))}
        fake = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" * 3
        return replace(response, body=response.body + fake).with_headers(said)


def digests(say: Callable[[bytes], Mapping[str, str]], *, here: bool) -> SetUp:
    """A wheel with these digests on the page; in HTML, in the fragment of its URL."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel()
        said = dict(say(file.content))
        if stage.form == "json":
            stage.wheel(hashes=said)
        else:
            pairs = "&".join(f"{name}={value}" for name, value in said.items())
            stage.wheel(hashes=False, url=f"{stage.index.file_url(file)}#{pairs}")
        return {**({file.filename: file.content} if here else {}), **stage.sdist()}

    return set_up


def _digest(name: str, content: bytes) -> str:
    return hashlib.new(name, content).hexdigest()


def _size(off: int) -> SetUp:
    def set_up(stage: Stage) -> Mapping[str, bytes]:
        stage.wheel(size=len(stage.wheel().content) + off)
        return stage.sdist()

    return set_up


def _longer(_: Stage, file: File) -> Behaviour:
    return Body(file.content + b"!", "application/octet-stream")


CONTENT = (
    # digests
    Item(
        "digest-wrong",
        download(here=False, hashes={"sha256": "0" * 64}),
        r"\.whl: its sha256",
        lasting=True,
    ),
    Item("digest-upper-case", digests(lambda it: {"SHA256": _digest("sha256", it).upper()}, here=True)),
    Item("digest-none", download(hashes=False)),
    Item("digest-unknown", digests(lambda _: {"sha0": "0" * 40}, here=True)),
    Item("digest-other", digests(lambda it: {"blake2b": _digest("blake2b", it)}, here=True)),
    Item(
        "digests-several",
        digests(lambda it: {each: _digest(each, it) for each in ("md5", "sha256", "sha512")}, here=True),
    ),
    Item(
        "digests-one-wrong",
        digests(lambda it: {"sha256": _digest("sha256", it), "md5": "0" * 32}, here=False),
        r"\.whl: its md5",
        lasting=True,
    ),
    Item(
        "digests-other-one-wrong",
        digests(lambda it: {"md5": _digest("md5", it), "sha256": "0" * 64}, here=False),
        r"\.whl: its sha256",
        lasting=True,
    ),
    # A digest or a size that cannot be read is not told.
    Item("digest-nonsense", digests(lambda _: {"sha256": "../../etc/passwd"}, here=True)),
    Item("digest-empty", digests(lambda it: {"sha256": "", "md5": _digest("md5", it)}, here=True)),
    Item("digest-short", digests(lambda it: {"sha256": _digest("sha256", it)[:40]}, here=True)),
    # sizes
    Item(
        "size-too-small",
        _size(-1),
        r"\.whl: .*\d+ bytes, .*\d+$",
        forms=("json",),
        lasting=True,
    ),
    Item(
        "size-too-big",
        _size(1),
        r"\.whl: .*\d+ bytes, .*\d+$",
        forms=("json",),
        lasting=True,
    ),
    Item("size-negative", download(size=-1), forms=("json",)),
    Item("size-absurd", download(size=10**30), forms=("json",)),
    Item(
        "more-than-said",
        served(_longer, here=False),
        r"\.whl: (.*\d+ bytes|its sha256)",
    ),
    Item(
        "more-than-said-chunked",
        served(lambda *each: Together(_longer(*each), Chunked()), here=False),
        r"\.whl: (.*more|its sha256)",
    ),
    Item("more-than-announced", download(Surplus(), always=True)),
    Item(
        "less-than-said",
        served(lambda _, file: Body(file.content[:-1]), here=False),
        r"\.whl: (.*\d+ bytes|its sha256)",
    ),
    Item(
        "length-nonsense",
        download(Headers({"Content-Length": "\x1b[2J", "Connection": "close"}), always=True, here=False),
        r"\.whl: .*not valid HTTP",
    ),
    # other bodies
    Item("wrong-bytes", download(WrongBytes(), always=True, here=False), r"\.whl: its sha256"),
    Item(
        "html-for-a-wheel",
        download(LOGIN, always=True, here=False),
        r"\.whl: (.*\d+ bytes|its sha256)",
    ),
    Item(
        "html-no-digest",
        download(LOGIN, always=True, here=False, hashes=False, size=False),
        r"\.whl: .*HTML",
    ),
    Item(
        "empty-body",
        download(Body(b""), always=True, here=False),
        r"\.whl: (.*0 bytes|its sha256)",
    ),
    Item(
        "empty-no-digest",
        download(Body(b"", "application/octet-stream"), always=True, here=False, hashes=False, size=False),
        r"\.whl: .*empty",
    ),
)
