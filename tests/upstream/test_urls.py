"""Which URLs may be requested, and where redirects may lead."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream import FetchError
from minimirror.upstream.urls import checked_url, followed

if TYPE_CHECKING:
    from collections.abc import Sequence

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
