"""What the proxies in front of the server say of a request."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["Proxies"]


class Proxies:
    """The proxies whose ``X-Forwarded-…`` headers count."""

    def __init__(self, networks: Collection[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)
        self._is_proxy = lru_cache(maxsize=1000)(self._find)

    def resolve(self, scope: Scope) -> None:
        """Put the client of a proxy, and the address that it has used, into its request."""
        raw = [each for each in scope["headers"] if each[0].startswith(b"x-forwarded-")]
        if not raw or not self._is_proxy(scope["client"][0]):
            return
        headers = Headers(raw=raw)

        def forwarded(name: str) -> list[str]:
            values = ",".join(headers.getlist(f"x-forwarded-{name}")).split(",")
            return [value.strip() for value in values if value.strip()]

        # Each proxy adds whom it was asked by. What stands before an untrusted address may be invented.
        with suppress(ValueError):
            for client in reversed(forwarded("for")):
                is_proxy = self._is_proxy(client)
                scope["client"] = (client, 0)
                if not is_proxy:
                    break
        # The first of several proxies knows the address that the client has used.
        if (scheme := "".join(forwarded("proto")[:1])) in {"http", "https"}:
            scope["scheme"] = scheme
        for host in forwarded("host")[:1]:
            rest = [(key, value) for key, value in scope["headers"] if key != b"host"]
            scope["headers"] = [*rest, (b"host", host.encode("latin-1"))]
        if prefix := "".join(forwarded("prefix")[:1]).strip("/"):
            # The proxy has removed it from the path.
            scope["root_path"] = f"/{prefix}"
            scope["path"] = f"/{prefix}{scope['path']}"

    def _find(self, client: str) -> bool:
        address = ip_address(client)
        # What an IPv4 client is called where the server listens on an IPv6 address.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)
