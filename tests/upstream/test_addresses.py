"""Which addresses are on the public internet, and which a public index may lead to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream.addresses import AddressGuard, is_internal_host, is_public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PUBLIC = ["93.184.215.14", "8.8.8.8", "1.1.1.1", "223.255.255.254"]
INTERNAL = {
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "private, 10/8": "10.1.2.3",
    "shared by a provider's customers": "100.64.0.1",
    "loopback": "127.0.0.1",
    "other loopback": "127.255.255.254",
    "link-local": "169.254.169.254",
    "private, 172.16/12": "172.31.255.254",
    "protocol assignments": "192.0.0.192",
    "documentation": "192.0.2.1",
    "private, 192.168/16": "192.168.0.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "global multicast": "233.252.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
}


def ipv6(prefix: str, address: str, shift: int = 0) -> str:
    """Return an IPv6 address with an IPv4 address in it, so many bits from its end."""
    return str(IPv6Address(int(IPv6Address(prefix)) | int(IPv4Address(address)) << shift))


def teredo(address: str) -> str:
    """Return the address of a client that is behind a Teredo server (RFC 4380)."""
    return ipv6("2001:0:5db8:d70e::", str(IPv4Address(int(IPv4Address(address)) ^ 0xFFFFFFFF)))


EMBEDDINGS: dict[str, Callable[[str], str]] = {
    "mapped": lambda address: f"::ffff:{address}",
    "compatible": lambda address: f"::{address}",
    "NAT64": lambda address: ipv6("64:ff9b::", address),
    "6to4": lambda address: ipv6("2002::", address, 80),
    "Teredo": teredo,
}
"""IPv6 addresses whose packets end up at an IPv4 address."""


class TestIsPublic:
    @pytest.mark.parametrize("address", [*PUBLIC, "2606:2800:21f::1", "2a00::1", "2001:4860:4860::8888"])
    def test_addresses_of_the_internet_are(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize("address", INTERNAL.values(), ids=INTERNAL)
    def test_other_ipv4_addresses_are_not(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            "::",
            "::1",
            "::ffff:0:127.0.0.1",
            "64:ff9b:1::7f00:1",
            "100::1",
            "2001:2::1",
            "2001:db8::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456:789a::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ],
    )
    def test_other_ipv6_addresses_are_not(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize("embedding", EMBEDDINGS.values(), ids=EMBEDDINGS)
    @pytest.mark.parametrize(("addresses", "public"), [(PUBLIC, True), (INTERNAL.values(), False)])
    def test_an_embedded_address_decides(
        self, embedding: Callable[[str], str], addresses: Iterable[str], public: bool
    ) -> None:
        assert {is_public(embedding(address)) for address in addresses} == {public}

    @given(st.ip_addresses(v=4).map(str), st.sampled_from(sorted(EMBEDDINGS)))
    def test_an_embedded_address_is_public_only_if_it_is_itself(self, address: str, embedding: str) -> None:
        assert is_public(EMBEDDINGS[embedding](address)) <= is_public(address)

    @given(st.ip_addresses().map(str))
    def test_every_address_is_public_or_not(self, address: str) -> None:
        assert is_public(address) == is_public(f"{address}%eth0")

    @pytest.mark.parametrize("text", ["", "example.org", "127.1", "1.2.3.4.5", "[::1]"])
    def test_anything_else_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError, match="address"):
            is_public(text)


class TestIsInternalHost:
    @pytest.mark.parametrize(
        "host",
        [
            *INTERNAL.values(),
            "::1",
            "::",
            "fe80::1",
            "fe80::1%eth0",
            "fe80::1%25eth0",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "localhost",
            "localhost.",
            "index.localhost",
            "127.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "10.1",
            "0",
        ],
    )
    def test_internal_addresses_are(self, host: str) -> None:
        assert is_internal_host(host)

    @pytest.mark.parametrize(
        "host",
        [
            *PUBLIC,
            "2606:2800:21f::1",
            "134744072",
            "example.org",
            "localhost.example.org",
            "notlocalhost",
            "7zip.org",
            "",
        ],
    )
    def test_public_addresses_and_names_are_not(self, host: str) -> None:
        assert not is_internal_host(host)


class TestAddressGuard:
    PUBLIC_INDEX = "http://93.184.215.14/simple/"
    INTERNAL_INDEX = "http://10.0.0.1/simple/"

    @pytest.mark.parametrize("index", [PUBLIC_INDEX, INTERNAL_INDEX])
    @pytest.mark.parametrize("from_public", [False, True])
    def test_public_addresses_are_allowed(self, index: str, from_public: bool) -> None:
        assert AddressGuard(index).allows("files.example.org", "1.1.1.1", from_public=from_public)

    def test_a_public_index_does_not_lead_to_an_internal_address(self) -> None:
        guard = AddressGuard(self.PUBLIC_INDEX)
        assert not guard.allows("files.example.org", "10.0.0.2", from_public=False)
        assert not guard.allows("10.0.0.2", "10.0.0.2", from_public=False)

    def test_an_internal_index_leads_to_other_internal_addresses(self) -> None:
        assert AddressGuard(self.INTERNAL_INDEX).allows("files", "10.0.0.2", from_public=False)

    def test_a_redirect_of_a_public_host_does_not(self) -> None:
        assert not AddressGuard(self.INTERNAL_INDEX).allows("files", "10.0.0.2", from_public=True)

    @pytest.mark.parametrize("from_public", [False, True])
    def test_the_index_itself_may_have_any_address(self, from_public: bool) -> None:
        guard = AddressGuard("https://Index.example.org:8443/simple/")
        assert guard.allows("index.example.org", "10.0.0.1", from_public=from_public)

    def test_an_index_whose_name_only_a_proxy_can_resolve_is_public(self) -> None:
        guard = AddressGuard("https://no-such-host.invalid/simple/")
        assert not guard.allows("files.example.org", "10.0.0.2", from_public=False)
