"""``/browse/``: simple-repository-browser, in its own thread.

Rendering a README may take seconds, in which the loop that serves pages and files must go on. So the browser
has its own loop, to which requests are passed. It starts with the first of them.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
from collections.abc import Awaitable, Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from minimirror.common import missing_extra
from minimirror.serve.mirror import ServedMirror

__all__ = ["Browser", "can_browse"]

log = logging.getLogger("minimirror")

_MODULE = "simple_repository_browser"

_PATIENCE = 5.0
"""Seconds that the browser has to end."""

_MAX_QUERY = 500
"""Bytes of a search, at most: its parser is slow."""

_POLICY = (
    b"default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline';"
    b" img-src 'self' data:; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""A README must load nothing from elsewhere: its badges show their text."""


def can_browse() -> bool:
    """Return whether the extra ``browse`` is installed."""
    return find_spec(_MODULE) is not None


class Browser:
    """An ASGI application that passes requests to the browser in its thread."""

    def __init__(self, mirror: ServedMirror) -> None:
        self._mirror = mirror
        self._starting = asyncio.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Event, Any] | None = None

    def close(self) -> None:
        """End the browser, if it runs."""
        if self._thread is not None and self._running is not None:
            loop, end, _ = self._running
            loop.call_soon_threadsafe(end.set)
            self._thread.join(_PATIENCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405)
        if not can_browse():
            raise HTTPException(404, missing_extra("/browse/", _MODULE, "browse"))
        if len(scope["query_string"]) > _MAX_QUERY:
            raise HTTPException(414, f"a search has at most {_MAX_QUERY} bytes")
        async with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="browse", daemon=True)
                self._thread.start()
                await run_in_threadpool(self._ready.wait)
        if self._running is None:
            raise HTTPException(503, "browsing does not work; see the log of the server")
        here, (there, _, app) = asyncio.get_running_loop(), self._running

        async def receive_here() -> Message:
            message: Message = await _in(here, receive())
            return message

        async def send_here(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _POLICY)]
            await _in(here, send(message))

        # It does not know HEAD; the server sends no body then.
        await _in(there, app({**scope, "method": "GET"}, receive_here, send_here))

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="minimirror-") as cache:
                asyncio.run(self._serve(Path(cache)))
        except Exception:
            log.exception("browsing does not work")
        finally:
            self._running = None
            self._ready.set()

    async def _serve(self, cache: Path) -> None:
        from minimirror.serve.browse.application import make_browser  # noqa: PLC0415 - it takes a second

        app, end = make_browser(self._mirror, cache), asyncio.Event()
        async with app.router.lifespan_context(app):
            self._running = asyncio.get_running_loop(), end, app
            self._ready.set()
            await end.wait()


def _in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Awaitable[Any]) -> Awaitable[Any]:
    """Do work in the loop of another thread."""

    async def do() -> Any:
        return await work

    return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), loop))
