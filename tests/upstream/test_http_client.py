"""The HTTP client: one GET, with the machine's own settings, and its errors in words."""

from __future__ import annotations

import base64
import gzip
import http.client
import http.server
import re
import socket
import threading
import zlib
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minimirror import __version__
from minimirror.upstream.http import (
    MAX_REDIRECTS,
    Client,
    FetchError,
    Pace,
    Reply,
    Retry,
    split_credentials,
)
from minimirror.upstream.http.urls import checked_url, followed
from tests.helpers.index import (
    Body,
    Chunked,
    Headers,
    Index,
    Redirect,
    Reset,
    Stall,
    Status,
    Together,
    Truncate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

URL = "https://example.org/simple/foo/"
LIMIT = 1 << 24
SECRET = "s3cret"


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(target="minimirror.upstream.http.transport.DirectAdapter.send") as mock:
        yield mock


def body(reply: Reply) -> bytes:
    with reply:
        return b"".join(reply.text_chunks(LIMIT))


def get(url: str = URL, client: Client | None = None, **headers: str) -> Reply:
    return (client or Client()).get(url, headers)


def failure(url: str = URL, client: Client | None = None) -> FetchError:
    """Return the error, before or in the body; it shows no secret and no URL."""
    with pytest.raises(FetchError) as caught:
        body(get(url, client))
    for text in (str(caught.value), caught.value.cause, repr(caught.value)):
        assert SECRET not in text
        assert "://" not in text
        assert "0x" not in text
        assert len(text) < 200
    assert caught.value.exit_code == 1
    return caught.value


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def authorizations(mock: responses.RequestsMock) -> list[tuple[object, object]]:
    """URL and credentials of each request."""
    return [(call.request.url, call.request.headers.get("Authorization")) for call in mock.calls]


class TestStatuses:
    @pytest.mark.parametrize("status", [200, 203, 204, 206, 304, 416])
    def test_answers(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, body=b"content", status=status, headers={"X-Thing": "1"})
        with get() as reply:
            assert (reply.status, reply.url, reply.headers["x-thing"]) == (status, URL, "1")

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_transient_failures(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, status=status)
        error = failure()
        assert (error.cause, error.status, error.transient) == (f"HTTP {status}", status, True)
        assert error.retry_after is None

    @pytest.mark.parametrize("status", [300, 305, 400, 401, 403, 404, 406, 410, 451, 501, 505])
    def test_permanent_failures(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, status=status)
        error = failure()
        assert (error.cause, error.status, error.transient) == (f"HTTP {status}", status, False)

    def test_an_impossible_status_is_an_error(self, index: Index) -> None:
        index.fault("/simple/", Status(999), Status(600))
        assert [failure(index.url).status for _ in range(2)] == [999, 600]


class TestRequest:
    def test_it_names_minimirror_and_its_version(self, mock: responses.RequestsMock) -> None:
        mock.get(URL)
        get(URL, Accept="text/html")
        headers = mock.calls[0].request.headers
        assert str(headers["User-Agent"]).startswith(f"minimirror/{__version__} ")
        assert headers["Accept"] == "text/html"
        assert "Authorization" not in headers

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("/files/a%20b+c!.zip", "/files/a%20b+c!.zip"),
            ("/files/a b.zip", "/files/a%20b.zip"),
            ("/files/é.zip", "/files/%C3%A9.zip"),
            ("/files/a?b=c d#e", "/files/a?b=c%20d"),
            ("?b=c", "/?b=c"),
            ("", "/"),
            ("/a\r\nX: y", "/a%0D%0AX:%20y"),
        ],
    )
    def test_a_url_is_sent_as_it_may_be(self, index: Index, url: str, path: str) -> None:
        index.fault("*", Status(204))
        get(index.origin + url).close()
        (exchange,) = index.requests
        assert exchange.request.target == path
        assert "x" not in exchange.headers

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.org/x",
            "file:///etc/passwd",
            "data:,x",
            "javascript:x",
            "//example.org/x",
            "/x",
            "x",
            "",
            "http:///x",
            "http://:80/x",
            "https://user:s3cret@example.org/x",
            "https://s3cret@example.org/x",
            "http://[broken/x",
            "http://[::1/x",
            "http://127.0.0.1:99999/x",
            "http://127.0.0.1:x/x",
            "http://127.0.0.1:-1/x",
            "http://a..b/x",
            "http://../x",
            f"http://{'a' * 100}/x",
            "http://é..x/x",
            "http://\ud800/x",
            "https://exa mple.invalid\r\nX: y/",
            "\0http://127.0.0.1:1/x",
        ],
    )
    def test_any_other_url_is_an_error(self, url: str) -> None:
        assert not failure(url).transient

    def test_a_header_that_cannot_be_sent_is_an_error(self, index: Index) -> None:
        for value in ('"a\nb"', '"a\rb"', "\u20ac", "\ud800"):
            with pytest.raises(FetchError):
                Client().get(index.url, {"If-None-Match": value})
        assert index.requests == []


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("https://files.example.org/x", "https://files.example.org/x"),
            ("/other/", "https://example.org/other/"),
            ("../bar/", "https://example.org/simple/bar/"),
            ("//files.example.org/x?y=z", "https://files.example.org/x?y=z"),
            ("http://example.org/x#fragment", "http://example.org/x"),
        ],
    )
    def test_are_followed(
        self, mock: responses.RequestsMock, status: int, location: str, target: str
    ) -> None:
        mock.get(URL, status=status, headers={"Location": location})
        mock.get(target, body=b"there")
        reply = get()
        assert reply.url == target
        assert body(reply) == b"there"

    def test_the_headers_go_with_them(self, mock: responses.RequestsMock) -> None:
        mock.get(URL, status=302, headers={"Location": "/x"})
        mock.get("https://example.org/x")
        get(URL, Range="bytes=5-")
        assert [call.request.headers["Range"] for call in mock.calls] == ["bytes=5-"] * 2

    def test_a_path_in_utf_8_is_followed(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/files/é b".encode().decode("latin-1")))
        index.fault("/files/*", Status(204))
        assert get(index.url).url == f"{index.origin}/files/%C3%A9%20b"

    def test_a_loop_ends(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/simple/"), always=True)
        error = failure(index.url)
        assert (f"more than {MAX_REDIRECTS}" in error.cause, error.transient) == (True, False)
        assert len(index.requests) == MAX_REDIRECTS + 1

    @pytest.mark.parametrize(
        "location",
        ["file:///etc/passwd", "ftp://example.org/x", "https://user:s3cret@example.org/", "http://[broken"],
    )
    def test_to_a_url_that_is_not_allowed_are_refused(self, index: Index, location: str) -> None:
        index.fault("/simple/", Redirect(location))
        assert not failure(index.url).transient

    @pytest.mark.parametrize(
        "location",
        [
            "http://127.0.0.1/x",
            "http://10.0.0.1/",
            "http://172.16.0.1:8080/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0.0.0.0/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://%6cocalhost/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fe80::1%25eth0]/",
            "http://[fd00::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://index.localhost/",
            "//10.0.0.1/x",
        ],
    )
    def test_from_the_internet_to_an_internal_address_are_refused(
        self, mock: responses.RequestsMock, location: str
    ) -> None:
        mock.get(URL, status=302, headers={"Location": location})
        error = failure()
        assert ("internal" in error.cause, error.transient) == (True, False)
        assert len(mock.calls) == 1

    @pytest.mark.parametrize("start", ["http://10.0.0.1/simple/", "http://localhost/simple/"])
    def test_between_internal_addresses_are_followed(self, mock: responses.RequestsMock, start: str) -> None:
        mock.get(start, status=302, headers={"Location": "http://192.168.1.1/x"})
        mock.get("http://192.168.1.1/x")
        assert get(start).url == "http://192.168.1.1/x"

    @pytest.mark.parametrize("location", ["http://93.184.215.14/x", "http://[2606:2800:21f::1]/x"])
    def test_to_a_public_address_are_followed(self, mock: responses.RequestsMock, location: str) -> None:
        mock.get(URL, status=302, headers={"Location": location})
        mock.get(location)
        assert get().url == location

    def test_to_an_internal_address_are_refused_after_other_redirects(
        self, mock: responses.RequestsMock
    ) -> None:
        mock.get(URL, status=302, headers={"Location": "https://files.example.org/"})
        mock.get("https://files.example.org/", status=307, headers={"Location": "http://169.254.169.254/"})
        assert "internal" in failure().cause

    def test_without_a_location_are_refused(self, mock: responses.RequestsMock) -> None:
        mock.get(URL, status=302)
        error = failure()
        assert ("Location" in error.cause, error.status) == (True, 302)


# Anything at all

PUBLIC = "https://example.org/simple/foo/"
INTERNAL = st.sampled_from(
    ["127.0.0.1", "10.1.2.3", "172.31.255.254", "192.168.0.10", "169.254.169.254"]
).map(IPv4Address)


def _octets(address: IPv4Address, forms: Sequence[str]) -> str:
    return ".".join(form.format(octet) for form, octet in zip(forms, address.packed, strict=True))


SPELLED = st.one_of(
    st.builds(_octets, INTERNAL, st.tuples(*[st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}"])] * 4)),
    st.builds(
        lambda address, form: form.format(int(address)), INTERNAL, st.sampled_from(["{}", "0x{:x}", "0{:o}"])
    ),
    INTERNAL.map(lambda address: f"[::ffff:{address}]"),
    st.sampled_from(
        ["localhost", "LocalHost", "files.localhost", "[::1]", "[::]", "[fe80::1]", "[fd00::1:2]"]
    ),
)
"""Internal hosts, in every spelling."""


@st.composite
def inwards(draw: st.DrawFn) -> str:
    """A URL of an internal host."""
    host = draw(SPELLED)
    if not host.startswith("["):
        encoded = draw(st.lists(st.booleans(), min_size=len(host), max_size=len(host)))
        host = "".join(f"%{ord(c):02x}" if odd else c for c, odd in zip(host, encoded, strict=True))
    scheme = draw(st.sampled_from(["http://", "https://", "HTTP://", "//", " http://"]))
    rest = draw(st.sampled_from(["", ".", ":80", ":8080"])) if not host.startswith("[") else ""
    return f"{scheme}{host}{rest}{draw(st.sampled_from(['', '/', '/x', '?x', '#x']))}"


@given(inwards())
def test_no_redirect_leads_to_an_internal_address_however_it_is_written(location: str) -> None:
    with pytest.raises(FetchError):
        followed(PUBLIC, location)


URL_PARTS = (
    "http https file data : // / \\ @ [ ] ::1 127.0.0.1 example.org :80 ? # % %2f %00 .. é user:s3cret@"
)
URL_SOUP = st.lists(
    st.sampled_from([*URL_PARTS.split(), " ", "\t", "\r\n", "\0", "\ud800"]) | st.text(max_size=3),
    max_size=10,
).map("".join)
ANY_URL = (
    URL_SOUP | URL_SOUP.map("https://example.org/{}".format) | URL_SOUP.map("http://{}".format) | st.text()
)


@given(ANY_URL)
def test_any_url_is_ready_to_be_sent_or_refused(url: str) -> None:
    try:
        checked = checked_url(url)
    except FetchError:
        return
    assert checked.isascii()
    assert checked.isprintable()
    assert " " not in checked
    assert "#" not in checked
    parts = urlsplit(checked)
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    assert "@" not in parts.netloc
    assert parts.path.startswith("/")
    assert checked_url(checked) == checked


@given(ANY_URL)
def test_any_redirect_is_followed_or_refused(location: str) -> None:
    try:
        target = followed(PUBLIC, location.encode("utf-8", "replace").decode("latin-1"))
    except FetchError:
        return
    assert checked_url(target) == target
    assert urlsplit(target).hostname not in {"127.0.0.1", "::1", "localhost"}


class TestRetryAfter:
    NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0.0),
            ("120", 120.0),
            (" 7 ", 7.0),
            ("9" * 50, 999_999_999.0),
            ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
            ("Tue, 14 Nov 2023 23:13:50 +0100", 30.0),
            ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
            ("Tue Nov 14 22:13:50 2023", 30.0),
            ("Mon, 13 Nov 2023 22:13:20 GMT", 0.0),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("Tue, 99 Nov 2023 22:13:50 GMT", None),
            ("Tue, 14 Nov 99999 22:13:50 GMT", None),
            ("", None),
        ],
    )
    def test_is_seconds_or_a_date(
        self, mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, value: str, seconds: float | None
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        monkeypatch.setattr("time.time", lambda: self.NOW)
        mock.get(URL, status=503, headers={"Retry-After": value})
        assert failure().retry_after == seconds


class TestRetry:
    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long was slept."""
        waits: list[float] = []
        monkeypatch.setattr("time.sleep", waits.append)
        return waits

    def test_until_it_succeeds(self, mock: responses.RequestsMock) -> None:
        for status in (503, 429, 200):
            mock.get(URL, status=status)
        with Retry(attempts=3, pause=0).call(lambda _: get()) as reply:
            assert reply.status == 200

    def test_often_enough(self, mock: responses.RequestsMock) -> None:
        for status in (503, 502):
            mock.get(URL, status=status)
        with pytest.raises(FetchError, match="HTTP 502"):
            Retry(attempts=2, pause=0).call(lambda _: get())
        assert len(mock.calls) == 2

    def test_not_a_permanent_failure(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        mock.get(URL, status=404)
        with pytest.raises(FetchError, match="HTTP 404"):
            Retry().call(lambda _: get())
        assert (len(mock.calls), waits) == (1, [])

    def test_waits_longer_each_time(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        for _ in range(5):
            mock.get(URL, status=500)
        with pytest.raises(FetchError):
            Retry(attempts=5, pause=10, longest=45).call(lambda _: get())
        least, most = [10, 20, 40, 45], [12.5, 25, 45, 45]
        assert all(low <= wait <= high for low, wait, high in zip(least, waits, most, strict=True))

    def test_waits_as_long_as_the_server_asks(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        for seconds in ("0", "8", "3600"):
            mock.get(URL, status=429, headers={"Retry-After": seconds})
        mock.get(URL)
        Retry(pause=1, longest=60).call(lambda _: get())
        assert waits[0] == 0
        assert 8 <= waits[1] <= 10
        assert waits[2] == 60

    @given(st.integers(1, 50), st.none() | st.floats(0, 1e9))
    def test_no_wait_is_longer_than_the_longest(self, tried: int, asked: float | None) -> None:
        assert 0 <= Retry(pause=0.5, longest=60).pause_after(tried, asked) <= 60


class TestCredentials:
    @pytest.mark.parametrize(
        ("url", "clean", "credentials"),
        [
            ("https://example.org/simple/", "https://example.org/simple/", {}),
            (
                "https://user:pass@example.org/simple/",
                "https://example.org/simple/",
                {"https://example.org": ("user", "pass")},
            ),
            (
                "http://u%40x:p%3A%2F%C3%A9@example.org:8080/a?b",
                "http://example.org:8080/a?b",
                {"http://example.org:8080": ("u@x", "p:/é")},
            ),
            ("https://token@example.org/", "https://example.org/", {"https://example.org": ("token", "")}),
            ("https://a:b:c@example.org/", "https://example.org/", {"https://example.org": ("a", "b:c")}),
            ("https://a@b:c@example.org/", "https://example.org/", {"https://example.org": ("a@b", "c")}),
            ("https://@example.org/", "https://example.org/", {}),
            ("https://u:p@[::1]:80/", "https://[::1]:80/", {"https://[::1]:80": ("u", "p")}),
            ("HTTPS://u:p@Example.ORG/A", "https://example.org/A", {"https://example.org": ("u", "p")}),
        ],
    )
    def test_are_separated_from_the_url(
        self, url: str, clean: str, credentials: dict[str, tuple[str, str]]
    ) -> None:
        assert split_credentials(url) == (clean, credentials)

    def test_are_sent_to_their_origin_only(self, mock: responses.RequestsMock) -> None:
        mine = "https://example.org/a"
        others = [
            "https://files.example.org/a",
            "http://example.org/a",
            "https://example.org:8443/a",
            "https://example.org.example.com/a",
        ]
        for url in (mine, *others):
            mock.get(url)
        client = Client(credentials={"https://example.org": ("user", SECRET)})
        for url in (mine, *others, "https://EXAMPLE.org/a"):
            get(url, client)
        sent = authorizations(mock)
        assert sent == [
            (mine, basic("user", SECRET)),
            *((url, None) for url in others),
            (mine, basic("user", SECRET)),
        ]

    def test_do_not_go_with_a_redirect(self, mock: responses.RequestsMock) -> None:
        elsewhere = "https://files.example.org/x"
        mock.get(URL, status=302, headers={"Location": elsewhere})
        mock.get(elsewhere, status=302, headers={"Location": URL + "again"})
        mock.get(URL + "again")
        get(URL, Client(credentials={"https://example.org": ("user", SECRET)}))
        assert [authorization for _, authorization in authorizations(mock)] == [
            basic("user", SECRET),
            None,
            basic("user", SECRET),
        ]

    def test_beyond_latin_1_are_sent_in_utf_8(self, mock: responses.RequestsMock) -> None:
        mock.get(URL)
        get(URL, Client(credentials={"https://example.org": ("jürgen", "pass\u20ac")}))
        assert authorizations(mock) == [(URL, basic("jürgen", "pass\u20ac"))]

    def test_are_accepted_by_the_index(self, index_factory: Callable[..., Index]) -> None:
        index = index_factory(auth=("user", SECRET))
        url, credentials = split_credentials(index.url.replace("://", f"://user:{SECRET}@"))
        assert get(url, Client(credentials=credentials)).status == 200
        assert failure(url, Client(credentials={index.origin: ("user", f"{SECRET}-not")})).status == 401

    def test_are_in_no_error(self, mock: responses.RequestsMock) -> None:
        client = Client(credentials={"https://example.org": ("user", SECRET)})
        mock.get(URL, body=requests.ConnectionError(f"https://user:{SECRET}@example.org/"))
        assert failure(URL, client).transient

    @pytest.fixture
    def netrc(self) -> Path:
        return Path.home() / ".netrc"

    def test_netrc_is_read(self, mock: responses.RequestsMock, netrc: Path) -> None:
        netrc.write_text(f"machine example.org login user password {SECRET}\n")
        urls = [URL, "http://example.org:8080/", "https://files.example.org/", "https://other.example.com/"]
        client = Client()
        for url in urls:
            mock.get(url)
            get(url, client)
        assert [authorization for _, authorization in authorizations(mock)] == [
            basic("user", SECRET),
            basic("user", SECRET),
            None,
            None,
        ]

    def test_of_the_url_come_before_netrc(self, mock: responses.RequestsMock, netrc: Path) -> None:
        netrc.write_text("machine example.org login other password other\n")
        mock.get(URL)
        get(URL, Client(credentials={"https://example.org": ("user", SECRET)}))
        assert authorizations(mock) == [(URL, basic("user", SECRET))]

    @pytest.mark.parametrize("content", [b"machine example.org login", b"nonsense", b"\xff\xfe", b""])
    def test_a_netrc_that_cannot_be_read_is_none(
        self, mock: responses.RequestsMock, netrc: Path, content: bytes
    ) -> None:
        netrc.write_bytes(content)
        mock.get(URL)
        get()
        assert authorizations(mock) == [(URL, None)]


class TestBody:
    @pytest.fixture
    def url(self, index: Index) -> str:
        return index.url

    def answer(self, index: Index, content: bytes, encoding: str | None = None, *others: Any) -> None:
        fault = Together(Body(content), Headers({"Content-Encoding": encoding}), *others)
        index.fault("/simple/", fault)

    @pytest.mark.parametrize("encoding", [None, "", "identity"])
    def test_as_it_is(self, index: Index, url: str, encoding: str | None) -> None:
        self.answer(index, b"content" * 50_000, encoding)
        assert body(get(url)) == b"content" * 50_000

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip "])
    @pytest.mark.parametrize("size", [0, 1, 100, 3_000_000])
    def test_gzip_is_decoded(self, index: Index, url: str, encoding: str, size: int) -> None:
        content = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
        self.answer(index, gzip.compress(content, 1), encoding)
        reply = get(url)
        chunks = list(reply.text_chunks(LIMIT))
        reply.close()
        assert b"".join(chunks) == content
        assert max(map(len, chunks), default=0) <= 1 << 20

    def test_gzip_of_several_members_is_decoded(self, index: Index, url: str) -> None:
        members = [b"a" * 70_000, b"", b"b", b"c" * 2_000_000]
        self.answer(index, b"".join(gzip.compress(member) for member in members), "gzip", Chunked(1000))
        assert body(get(url)) == b"".join(members)

    @pytest.mark.parametrize("kept", [0, 1, 5, 100, -9, -8, -1])
    def test_gzip_that_ends_early_is_an_error(self, index: Index, url: str, kept: int) -> None:
        self.answer(index, gzip.compress(bytes(range(256)) * 10)[:kept], "gzip")
        error = failure(url)
        assert ("ends early" in error.cause, error.transient) == (True, True)

    @pytest.mark.parametrize(
        "broken", [b"<html>plain</html>", gzip.compress(b"x" * 100, mtime=0) + b"<html>"]
    )
    def test_what_is_not_gzip_is_an_error(self, index: Index, url: str, broken: bytes) -> None:
        self.answer(index, broken, "gzip")
        error = failure(url)
        assert ("gzip" in error.cause, error.transient) == (True, True)

    def test_gzip_with_a_wrong_checksum_is_an_error(self, index: Index, url: str) -> None:
        whole = gzip.compress(b"x" * 1000, mtime=0)
        self.answer(index, whole[:-8] + bytes(4) + whole[-4:], "gzip")
        assert failure(url).transient

    @pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x" * 1000])
    def test_an_encoding_that_was_not_requested_is_an_error(
        self, index: Index, url: str, encoding: str
    ) -> None:
        self.answer(index, b"content", encoding)
        error = failure(url)
        assert "encoding" in error.cause
        assert not error.transient

    def test_a_page_that_is_too_long_is_an_error(self, index: Index, url: str) -> None:
        for fault in (Body(b"x" * 1001), Together(Body(b"x" * 100_000), Chunked())):
            index.fault("/simple/", fault)
            with pytest.raises(FetchError, match="larger than 1000"), get(url) as reply:
                list(reply.text_chunks(1000))
        index.fault("/simple/", Body(b"x" * 1000))
        with get(url) as reply:
            assert len(b"".join(reply.text_chunks(1000))) == 1000

    @pytest.mark.parametrize("content", [bytes(50 << 20), b""], ids=["zeros", "nothing"])
    def test_a_bomb_is_bounded(self, index: Index, url: str, content: bytes) -> None:
        if content:
            bomb = gzip.compress(content, 9)
        else:
            # Blocks of no bytes, as many as one likes.
            bomb = gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 300_000
        self.answer(index, bomb, "gzip")
        chunks: list[bytes] = []
        with pytest.raises(FetchError, match="larger than 1000000"), get(url) as reply:
            chunks.extend(reply.text_chunks(1_000_000))
        assert sum(map(len, chunks)) <= 1_000_000

    def test_bytes_after_a_gzip_body_are_an_error(self, index: Index, url: str) -> None:
        self.answer(index, gzip.compress(b"x", mtime=0) + bytes(1 << 20), "gzip")
        assert "gzip" in failure(url).cause

    @pytest.mark.parametrize("after", [0, 1, 999])
    def test_a_body_that_ends_early_is_an_error(self, index: Index, url: str, after: int) -> None:
        for extra in ([], [Chunked(100)]):
            index.fault("/simple/", Together(Body(b"x" * 1000), *extra, Truncate(after)))
            assert failure(url).transient
        index.fault("/simple/", Together(Body(b"x" * 1000), Truncate(after)))
        assert f"{1000 - after} bytes early" in failure(url).cause

    def test_a_length_beside_chunks_is_ignored(self, index: Index, url: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": "1000"}), Chunked())
        reply = get(url)
        assert reply.length is None
        assert body(reply) == b"content"

    @pytest.mark.parametrize("value", ["-7", "+7", "seven", "", "7.0", "\xb2", "9" * 5000, "7, 8"])
    def test_an_invalid_length_is_ignored(self, index: Index, url: str, value: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": value, "Connection": "close"}))
        reply = get(url)
        assert reply.length is None
        assert body(reply) == b"content"

    def test_a_repeated_length_is_one_length(self, index: Index, url: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": "7, 7"}))
        reply = get(url)
        assert reply.length == 7
        assert body(reply) == b"content"

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            (Reset(None), "reset by peer|closed the connection"),
            (Truncate(None), "closed the connection"),
            (Stall(None), "timed out"),
            (Stall(10), "timed out"),
        ],
    )
    def test_a_broken_connection_is_transient(self, index: Index, url: str, fault: Any, cause: str) -> None:
        index.fault("/simple/", fault)
        error = failure(url, Client(pace=Pace(read=0.1)))
        assert error.transient
        assert re.search(cause, error.cause)

    def test_a_refused_connection_is_transient(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = failure(f"http://127.0.0.1:{port}/")
        assert ("Connection refused" in error.cause, error.transient) == (True, True)

    def test_readinto_returns_the_raw_bytes(self, index: Index, url: str) -> None:
        packed = gzip.compress(b"content", mtime=0)
        self.answer(index, packed, "gzip")
        buffer = memoryview(bytearray(1000))
        with get(url) as reply:
            got = reply.readinto(buffer)
            assert reply.readinto(buffer[got:]) == 0
        assert buffer[:got] == packed

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.integers(1, 3000), st.data())
    def test_any_gzip_in_any_pieces(
        self, index: Index, url: str, members: list[bytes], size: int, data: st.DataObject
    ) -> None:
        packed = list(map(gzip.compress, members))
        self.answer(index, b"".join(packed), "gzip", Chunked(size))
        assert body(get(url)) == b"".join(members)
        kept = data.draw(st.integers(0, len(packed[-1]) - 1))
        self.answer(index, b"".join([*packed[:-1], packed[-1][:kept]]), "gzip", Chunked(size))
        if kept == 0 and packed[:-1]:
            assert body(get(url)) == b"".join(members[:-1])
        else:
            assert failure(url).transient


class Proxy(http.server.ThreadingHTTPServer):
    """Passes each request on, and notes it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.seen: list[tuple[str, str | None]] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _ProxyHandler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Proxy-Authorization"]))
        parts = urlsplit(self.path)
        upstream = http.client.HTTPConnection(parts.netloc, timeout=5)
        headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
        upstream.request("GET", parts.path, headers=headers)
        answer = upstream.getresponse()
        try:
            content = answer.read()
        except http.client.IncompleteRead as error:
            content = error.partial
        upstream.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class TestProxies:
    @pytest.fixture
    def proxy(self) -> Iterator[Proxy]:
        with Proxy() as proxy:
            yield proxy

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_of_the_environment_are_used(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index_factory: Callable[..., Index], name: str
    ) -> None:
        index = index_factory(gzip=True)
        index.add_project("demo")
        monkeypatch.setenv(name, f"http://user:{SECRET}@{proxy.address}")
        client = Client()
        for _ in range(2):
            reply = client.get(index.url, {"Accept-Encoding": "gzip"})
            assert reply.headers["content-encoding"] == "gzip"
            assert b"demo" in body(reply)
        assert proxy.seen == [(index.url, basic("user", SECRET))] * 2
        assert "proxy-authorization" not in index.requests[0].headers

    @pytest.mark.parametrize("value", ["127.0.0.1", "*", "example.org, 127.0.0.1"])
    def test_not_for_what_no_proxy_names(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index, value: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", value)
        assert get(index.url).status == 200
        assert proxy.seen == []

    def test_not_for_another_scheme(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert get(index.url).status == 200
        assert proxy.seen == []

    def test_faults_are_the_same_through_one(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        index.fault("/simple/", Status(503, {"Retry-After": "7"}), Redirect("/simple/"))
        error = failure(index.url)
        assert (error.status, error.retry_after, error.transient) == (503, 7.0, True)
        assert get(index.url).status == 200
        file = index.add("demo", "demo-1.0.zip", b"0123456789")
        index.fault("demo-1.0.zip", Truncate(5), Status(204))
        client = Client()
        assert failure(index.file_url(file), client).transient
        get(index.file_url(file), client).close()
        assert body(get(index.file_url(file), client)) == b"0123456789"

    @pytest.mark.parametrize(
        "url",
        [
            "http://user:s3cret@127.0.0.1:1",
            "http://user:s3cret@[broken",
            "http://user:s3cret@",
            "http://user:s3cret@127.0.0.1:99999",
            "http://user:s3cret@a..b:80",
            "nonsense://user:s3cret@127.0.0.1:1",
        ],
    )
    def test_unusable_proxies_are_an_error_that_hides_their_password(
        self, monkeypatch: pytest.MonkeyPatch, index: Index, url: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", url)
        assert re.search("connection failed|proxy", failure(index.url).cause)
        assert index.requests == []


def test_zlib_is_what_gzip_is_made_of() -> None:
    """The bomb of empty blocks above is one."""
    bomb = gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 10
    assert zlib.decompressobj(wbits=31).decompress(bomb) == b""
