"""What every request and response passes first and last: proxies, CORS, the access log."""

from __future__ import annotations

import asyncio
import sys
import time
from http import HTTPStatus
from typing import Any, cast

from anyio import move_on_after
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minimirror.common import printable
from minimirror.serve.metrics import count_request
from minimirror.serve.proxies import Proxies
from minimirror.serve.refusals import allowed_methods

__all__ = ["Middleware"]

_ANYONE = (b"access-control-allow-origin", b"*")
"""Any web page may read what everyone can: Python in a browser installs from here."""

_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
_EXPOSED = (b"access-control-expose-headers", b"*")

_PATIENCE = 300.0
"""Seconds in which a client can send the rest of a refused request, and then read why."""


class Middleware:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, proxies: Proxies, *, verbose: bool) -> None:
        """:param verbose: log each request to standard error"""
        self._app = app
        self._proxies = proxies
        self._verbose = verbose
        self._requests: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        """Answer the requests that are still waiting: the server stops."""
        for each in self._requests:
            each.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun, path, method = time.perf_counter(), scope["path"], scope["method"]
        self._proxies.resolve(scope)
        has_answer = False

        async def send_outside(message: Message) -> None:
            nonlocal has_answer
            if message["type"] == "http.response.start":
                has_answer = True
                count_request(scope, message["status"])
                if method in {"GET", "HEAD"}:
                    message["headers"] = [*message["headers"], _ANYONE, _EXPOSED]
                if self._verbose:
                    _log(scope, method, path, message, time.perf_counter() - begun)
            await send(message)

        app: ASGIApp = self._app
        if method == "OPTIONS":
            app = Response(status_code=204, headers={"Allow": allowed_methods(scope), **_PREFLIGHT})
        elif not (path.startswith("/") and path.isprintable()):
            app = PlainTextResponse("invalid path\n", 400)
        elif method not in {"GET", "HEAD"}:
            app = _reads_everything(app)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._requests.add(task)
        try:
            await app(scope, receive, send_outside)
        except asyncio.CancelledError:
            if has_answer:
                raise
            why = "the server stops; try again later\n"
            response = PlainTextResponse(why, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "10"})
            await response(scope, receive, send_outside)
        finally:
            self._requests.discard(task)


def _reads_everything(app: ASGIApp) -> ASGIApp:
    """Wrap an application, so that it reads the rest of a request that it has refused.

    Most clients read the response only after they have sent everything; closing the connection would discard
    it.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        has_more = True

        async def receive_and_note() -> Message:
            nonlocal has_more
            message = await receive()
            has_more = message.get("more_body", False)
            return message

        await app(scope, receive_and_note, send)
        with move_on_after(_PATIENCE):
            while has_more:
                await receive_and_note()

    return answer


def _log(scope: Scope, method: str, path: str, message: Message, took: float) -> None:
    size = next((value.decode() for key, value in message["headers"] if key == b"content-length"), "-")
    line = f"{scope['client'][0]} {method} {path} {message['status']} {size} {1000 * took:.1f} ms"
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} {printable(line)}\n")
