"""Which addresses a server may make us connect to.

Otherwise an index on the internet could make minimirror fetch, and show, what an internal network serves: by
a link, by a redirect, or by a name that resolves to an internal address.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import cached_property
from urllib.parse import urlsplit

__all__ = ["AddressGuard", "is_internal_host", "is_public"]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of the internet. Python takes some reserved and site-local addresses beyond it for global, too."""

_PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
"""For protocols within a network (RFC 6890). Older versions of Python take most of it for public."""


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet.

    >>> is_public("192.168.1.1"), is_public("::ffff:127.0.0.1"), is_public("93.184.215.14")
    (False, False, True)

    :raises ValueError: it is not an IP address
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    embedded = _embedded(found) if isinstance(found, ipaddress.IPv6Address) else None
    if embedded is not None:
        return is_public(str(embedded))
    if isinstance(found, ipaddress.IPv6Address) and found not in _GLOBAL_UNICAST:
        return False
    return found.is_global and not found.is_multicast and found not in _PROTOCOL_ASSIGNMENTS


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 address end up at."""
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def is_internal_host(host: str) -> bool:
    """Return whether a host, without resolving it, is this machine or not on the public internet."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        pass
    try:
        # The resolver accepts other spellings of an address: 127.1, 0x7f000001.
        return host[:1].isdigit() and not is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        return False


class AddressGuard:
    """Keeps a public index, and a public host, from leading to internal addresses."""

    def __init__(self, index_url: str) -> None:
        self._parts = urlsplit(index_url)
        self.host = self._parts.hostname or ""
        """The index's host, which the user has named."""

    def allows(self, host: str, address: str, *, from_public: bool) -> bool:
        """Return whether an address may be connected to. The index's own host always may.

        :param host: the host in the URL
        :param address: what it resolves to
        :param from_public: whether a host on the public internet redirected to it
        """
        if host == self.host or is_public(address):
            return True
        return not (from_public or self._index_is_public)

    @cached_property
    def _index_is_public(self) -> bool:
        try:
            found = socket.getaddrinfo(self._parts.hostname, self._parts.port, type=socket.SOCK_STREAM)
        except OSError:
            # Only a proxy knows it, so it is not in this network.
            return True
        return any(is_public(str(address[0])) for *_, address in found)
