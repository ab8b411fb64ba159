"""Which URLs may be requested, where redirects may lead, and where credentials come from."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream import FetchError
from minimirror.upstream.urls import checked_url, followed, split_credentials, without_own_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

URL = "https://example.org/simple/foo/"

PARTS = "http https file data : // / \\ @ [ ] ::1 127.0.0.1 example.org :80 ? # % %2f %00 .. é user:s3cret@"
SOUP = st.lists(
    st.sampled_from([*PARTS.split(), " ", "\t", "\r\n", "\0", "\ud800"]) | st.text(max_size=3), max_size=10
).map("".join)
ANY_URL = SOUP | SOUP.map("https://example.org/{}".format) | SOUP.map("http://{}".format) | st.text()


class TestCheckedUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/",
            "http://127.0.0.1:8080/files/a%20b+c!.zip?x=y/../z",
            "https://[::1]:8443/simple/",
            "https://example.org/a/../b//c",
        ],
    )
    def test_a_url_that_is_ready_stays_as_it_is(self, url: str) -> None:
        assert checked_url(url) == url

    @pytest.mark.parametrize(
        ("url", "ready"),
        [
            ("https://example.org", "https://example.org/"),
            ("https://example.org?a=b", "https://example.org/?a=b"),
            ("HTTPS://Example.ORG/A", "https://example.org/A"),
            ("https://example.org/a#b", "https://example.org/a"),
            ("https://example.org/a b.zip", "https://example.org/a%20b.zip"),
            ("https://example.org/é", "https://example.org/%C3%A9"),
            ("https://É.example.org:80/é", "https://xn--9ca.example.org:80/%C3%A9"),
            ("https://%C3%A9.example.org./", "https://xn--9ca.example.org./"),
            ("https://faß.example.org/", "https://xn--fa-hia.example.org/"),
            ("https://\uff11\uff12\uff17\u30020\u30020\u30021/", "https://127.0.0.1/"),
            ("https://example.org/a\r\nX: y", "https://example.org/a%0D%0AX:%20y"),
        ],
    )
    def test_another_is_made_ready(self, url: str, ready: str) -> None:
        assert checked_url(url) == ready

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.org/x",
            "file:///etc/passwd",
            "data:,x",
            "javascript:x",
            "git+https://example.org/x",
            "//example.org/x",
            "/x",
            "x",
            "",
        ],
    )
    def test_only_http_and_https_are_allowed(self, url: str) -> None:
        with pytest.raises(FetchError, match="only http and https") as caught:
            checked_url(url)
        assert not caught.value.transient

    @pytest.mark.parametrize(
        "url", ["http:///x", "http://:80/x", "http:x", "https:/example.org/x", "http://?x"]
    )
    def test_a_url_without_a_host_is_an_error(self, url: str) -> None:
        with pytest.raises(FetchError, match="no host") as caught:
            checked_url(url)
        assert not caught.value.transient

    @pytest.mark.parametrize(
        "url",
        [
            "https://user:s3cret@example.org/x",
            "https://user@example.org/x",
            "https://@example.org/x",
            "https://user:s3cret@[::1]/x",
        ],
    )
    def test_credentials_are_not_allowed(self, url: str) -> None:
        with pytest.raises(FetchError, match="credentials") as caught:
            checked_url(url)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "http://[broken/x",
            "http://[::1/x",
            "http://[::1]:80:80/x",
            "http://127.0.0.1:x/x",
            "http://127.0.0.1:-1/x",
        ],
    )
    def test_an_invalid_url_is_an_error(self, url: str) -> None:
        with pytest.raises(FetchError, match="invalid URL") as caught:
            checked_url(url)
        assert not caught.value.transient

    @pytest.mark.parametrize(
        "host", ["☃.example.org", "é..org", "é" * 70, "é." * 200, "%C3.example.org", "a%2Fé", "%zz"]
    )
    def test_a_host_name_that_cannot_be_encoded_is_an_error(self, host: str) -> None:
        for check in (checked_url, split_credentials):
            with pytest.raises(FetchError, match="host name"):
                check(f"https://{host}/x")

    @given(ANY_URL)
    def test_any_url_is_ready_to_be_sent_or_an_error(self, url: str) -> None:
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
    st.builds("[{1}{0}]".format, INTERNAL, st.sampled_from(["::ffff:", "::", "64:ff9b::"])),
    st.sampled_from(
        [
            "localhost",
            "LocalHost",
            "files.localhost",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fd00::1]",
        ]
    ),
)
"""Internal hosts, in every spelling."""


@st.composite
def internal_urls(draw: st.DrawFn) -> str:
    host = draw(SPELLED)
    if not host.startswith("["):
        encoded = draw(st.lists(st.booleans(), min_size=len(host), max_size=len(host)))
        host = "".join(f"%{ord(c):02x}" if odd else c for c, odd in zip(host, encoded, strict=True))
        host += draw(st.sampled_from(["", "."]))
    scheme = draw(st.sampled_from(["http://", "https://", "HTTP://", "//"]))
    port = draw(st.sampled_from(["", ":80", ":8080"]))
    return f"{scheme}{host}{port}{draw(st.sampled_from(['', '/', '/x', '?x', '#x']))}"


class TestFollowed:
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("https://files.example.org/x", "https://files.example.org/x"),
            ("/other/", "https://example.org/other/"),
            ("../bar/", "https://example.org/simple/bar/"),
            ("?a=b", "https://example.org/simple/foo/?a=b"),
            ("//files.example.org/x?y=z", "https://files.example.org/x?y=z"),
            ("http://example.org/x#fragment", "http://example.org/x"),
            ("http://93.184.215.14/x", "http://93.184.215.14/x"),
            ("http://[2606:2800:21f::1]/x", "http://[2606:2800:21f::1]/x"),
        ],
    )
    def test_a_location_is_joined_to_the_url(self, location: str, target: str) -> None:
        assert followed(URL, location) == target

    def test_a_location_in_utf_8_is_quoted(self) -> None:
        assert followed(URL, "/é b".encode().decode("latin-1")) == "https://example.org/%C3%A9%20b"

    @pytest.mark.parametrize(
        "location",
        ["file:///etc/passwd", "ftp://example.org/x", "https://user:s3cret@example.org/", "http://[broken"],
    )
    def test_what_must_not_be_requested_is_an_error(self, location: str) -> None:
        with pytest.raises(FetchError) as caught:
            followed(URL, location)
        assert not caught.value.transient
        assert "s3cret" not in str(caught.value)

    @given(internal_urls())
    def test_no_public_host_leads_to_an_internal_one_however_it_is_written(self, location: str) -> None:
        with pytest.raises(FetchError, match="internal address"):
            followed(URL, location)

    @pytest.mark.parametrize("url", ["http://10.0.0.1/simple/", "http://localhost/simple/"])
    def test_an_internal_host_may_lead_to_another(self, url: str) -> None:
        assert followed(url, "http://192.168.1.1/x") == "http://192.168.1.1/x"

    @given(ANY_URL)
    def test_any_location_is_followed_or_an_error(self, location: str) -> None:
        try:
            target = followed(URL, location.encode("utf-8", "replace").decode("latin-1"))
        except FetchError:
            return
        assert checked_url(target) == target
        assert urlsplit(target).hostname not in {"127.0.0.1", "::1", "localhost"}


class TestSplitCredentials:
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
            ("http://u:p@É.org/A", "http://xn--9ca.org/A", {"http://xn--9ca.org": ("u", "p")}),
        ],
    )
    def test_user_and_password_belong_to_the_origin(
        self, url: str, clean: str, credentials: dict[str, tuple[str, str]]
    ) -> None:
        assert split_credentials(url) == (clean, credentials)


class TestOwnCredentials:
    @pytest.mark.parametrize(
        "url",
        [
            "https://me:p%40ss@example.org/a@b.whl",
            "https://me:p%40ss@Example.org:443/a@b.whl",
            "HTTPS://me:p@ss@example.org/a@b.whl",
        ],
    )
    def test_a_link_may_repeat_those_of_the_index(self, url: str) -> None:
        for index in ("https://me:p%40ss@example.org/simple/", "https://me:p%40ss@example.org:443/simple/"):
            _, credentials = split_credentials(index)
            (origin,) = credentials
            assert without_own_credentials(url, credentials) == f"{origin}/a@b.whl"

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/a@b.whl",
            "http://me:p%40ss@example.org/a.whl",
            "https://me:p%40ss@example.org:8443/a.whl",
            "https://me:p%40ss@files.example.org/a.whl",
            "https://me:other@example.org/a.whl",
            "https://you:p%40ss@example.org/a.whl",
            "https://me@example.org/a.whl",
            "https://me:p%40ss@[broken/a.whl",
            "https://me:p%40ss@☃.example.org/a.whl",
        ],
    )
    def test_any_other_link_stays_as_it_is(self, url: str) -> None:
        assert without_own_credentials(url, {"https://example.org": ("me", "p@ss")}) == url
        assert without_own_credentials(url, {}) == url
