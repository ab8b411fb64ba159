"""Every refusal says why, whatever is asked for and however."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.helpers.index import Index
from tests.helpers.running import DEADLINE, Mirror
from tests.helpers.serving import LOGIN, Server, upload_server

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "/packages/demo-1.0-py3-none-any.whl"
UPLOADS = ["/", "/simple/", "/simple", "/legacy/", "/legacy"]
OTHERS = [
    *("/simple/demo/", "/simple/demo", "/packages/", WHEEL, f"{WHEEL}.metadata", "/report", "/health"),
    *("/-/metrics", "/pypi/demo/json", "/+simple/", "/+api", "/favicon.ico", "/demo", "/no/such/thing"),
    *("/browse", "/browse/", "/browse/search?query=demo", "/browse/project/demo", "/browse/no", "/%"),
]
METHODS = ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MADE-UP"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Index() as index:
        index.add_wheel("demo", "1.0")
        mirror = Mirror(index, tmp_path_factory.mktemp("served") / "repository")
        mirror.complete()
        with upload_server(mirror) as server:
            yield server


def answer(server: Server, head: str) -> tuple[int, str]:
    """Send the head of a request exactly as given; return status and words."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
        client.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        response = b"".join(iter(lambda: client.recv(1 << 16), b"")).decode()
    headers, _, body = response.partition("\r\n\r\n")
    return int(headers.split()[1]), body


def has_words(body: str) -> bool:
    """Return whether a body is a sentence for people, and not JSON or the bare name of a status."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]*>", "", body, flags=re.DOTALL)
    return not body.startswith("{") and len(text.split()) > 1 and text.strip() != "Not Found"


@pytest.mark.parametrize("path", [*UPLOADS, *OTHERS])
def test_method_that_a_path_does_not_have(server: Server, path: str) -> None:
    allowed = {"GET", "HEAD", "OPTIONS", *(["POST"] if path in UPLOADS else [])}
    for method in [*METHODS, *({"POST"} - allowed)]:
        reply = server.ask(path, method, headers=LOGIN)
        assert (reply.status, set(reply.headers["Allow"].split(", "))) == (405, allowed), method
        assert f"{method} is not supported" in reply.why
    assert set(server.ask(path, "OPTIONS").headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", [*UPLOADS, *OTHERS])
def test_head_is_answered_as_get_is(server: Server, path: str) -> None:
    got, head = server.ask(path), server.ask(path, "HEAD")
    assert (head.status, head.body) == (got.status, b"")
    assert got.status < 400 or has_words(got.why), got


@pytest.mark.parametrize(
    ("status", "path"),
    [
        (404, "/simple/%zz/"),
        (404, "/%ff%fe"),
        (404, "/simple/%e4%b8/"),
        (404, f"/{'a' * 60_000}"),
        (404, f"/simple/{'a' * 60_000}/"),
        (404, f"/packages/{'a' * 60_000}-1.0.zip"),
        (404, f"/pypi/demo/{'1' * 60_000}/json"),
        (404, "/packages/../../etc/passwd"),
        (404, "/packages/..%2f..%2fetc%2fpasswd"),
        (404, "/packages/%2fetc%2fpasswd"),
        (404, "/browse/static/..%2f..%2fview.py"),
        (404, "/browse/docs"),
        (404, "/browse/openapi.json"),
        (404, "/browse/project/missing"),
        (404, "/browse/project/demo/2.0"),
        (400, "/browse/project/demo/1.0/missing"),
        (400, "/browse/search"),
        (400, "/browse/search?query=demo&page=x"),
        (400, "/browse/search?query=demo&page=99999999999999999999"),
        (400, f"/browse/search?query={'(' * 400}"),
        (400, "/browse/search?query='%22(("),
        (414, f"/browse/search?query={'(' * 3000}"),
        (400, "/simple/a%0d%0aSet-Cookie:%20x/"),
        (400, "/%00"),
        (400, "*"),
    ],
)
def test_odd_address(server: Server, status: int, path: str) -> None:
    for accept in ("*/*", "text/html,*/*;q=0.8"):
        found, body = answer(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}")
        assert (found, has_words(body)) == (status, True), body


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=923-"])
def test_range_that_the_file_does_not_have(server: Server, asked: str) -> None:
    size = len(server.ask(WHEEL).body)
    reply = server.ask(WHEEL, headers={"Range": asked.replace("923", str(size))})
    assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert str(size) in reply.why


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=5", "bytes=0-1,5-6", "bytes=x", "bytes="])
def test_what_is_no_range_gets_the_whole_file(server: Server, asked: str) -> None:
    assert server.ask(WHEEL, headers={"Range": asked}).body == server.ask(WHEEL).body


@pytest.mark.parametrize("length", ["-5", "5, 6", "9" * 30, "+5", "5\r\nContent-Length: 6", "many"])
def test_length_that_is_no_number(server: Server, length: str) -> None:
    """Granian itself refuses these, without words."""
    status, _ = answer(server, f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}")
    assert status == 400
