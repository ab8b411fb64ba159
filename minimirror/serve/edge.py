"""What every request and response passes first and last: proxies, CORS, the access log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minimirror.common import printable

__all__ = ["Edge"]

_METHODS = "GET, HEAD, OPTIONS"
_ANYONE = (b"access-control-allow-origin", b"*")
"""Any web page may read what everyone can: Python in a browser installs from here."""

_PREFLIGHT = {
    "Allow": f"{_METHODS}, POST",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
_EXPOSED = (b"access-control-expose-headers", b"*")


class Edge:
    """The outermost ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        proxies: Collection[IPv4Network | IPv6Network],
        count: Callable[[Scope, int], None],
        *,
        verbose: bool,
    ) -> None:
        """Wrap an application.

        :param proxies: the networks of the proxies whose ``X-Forwarded-…`` headers count
        :param count: counts each request, with the status of its answer
        :param verbose: log each request to standard error
        """
        self._app = app
        self._proxies = tuple(proxies)
        self._count = count
        self._verbose = verbose
        self._is_proxy = lru_cache(maxsize=1000)(self._find_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun, path, method = time.perf_counter(), scope["path"], scope["method"]
        if self._is_proxy(scope["client"][0]):
            _forward(scope)

        async def send_outside(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"])
                if method in {"GET", "HEAD"}:
                    message["headers"] = [*message["headers"], _ANYONE, _EXPOSED]
                if self._verbose:
                    _log(scope, method, path, message, time.perf_counter() - begun)
            await send(message)

        app: ASGIApp = self._app
        if not path.isprintable():
            app = PlainTextResponse("invalid path\n", 400)
        elif method == "OPTIONS":
            app = Response(status_code=204, headers=_PREFLIGHT)
        await app(scope, receive, send_outside)

    def _find_proxy(self, client: str) -> bool:
        address = ip_address(client)
        return any(address in network for network in self._proxies)


def _forward(scope: Scope) -> None:
    """Put the address that the proxy's client has used, and the client's own, into the request."""
    headers = Headers(scope=scope)
    if client := headers.get("x-forwarded-for"):
        scope["client"] = (client.rpartition(",")[2].strip(), 0)
    if (scheme := headers.get("x-forwarded-proto")) in {"http", "https"}:
        scope["scheme"] = scheme
    if host := headers.get("x-forwarded-host"):
        rest = [(key, value) for key, value in scope["headers"] if key != b"host"]
        scope["headers"] = [*rest, (b"host", host.encode("latin-1"))]
    if prefix := headers.get("x-forwarded-prefix", "").strip("/"):
        # The proxy has removed it from the path.
        scope["root_path"] = f"/{prefix}"
        scope["path"] = f"/{prefix}{scope['path']}"


def _log(scope: Scope, method: str, path: str, message: Message, took: float) -> None:
    size = next((value.decode() for key, value in message["headers"] if key == b"content-length"), "-")
    line = f"{scope['client'][0]} {method} {path} {message['status']} {size} {1000 * took:.1f} ms"
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(line)}\n")
