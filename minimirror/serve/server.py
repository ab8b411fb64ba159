"""The server: Granian with the application.

Granian receives requests and sends responses in threads of its own, which no slow client can occupy, and
sends whole files by itself. The application runs in one asyncio loop.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from minimirror.config import Config, ServeSettings
from minimirror.serve.app import make_app
from minimirror.serve.browse import Browser
from minimirror.serve.certificate import check_certificate
from minimirror.serve.errors import ServeError
from minimirror.serve.middleware import Middleware
from minimirror.serve.opening import opened
from minimirror.serve.proxies import Proxies
from minimirror.serve.web import is_secure
from minimirror.storage import Repository

if TYPE_CHECKING:
    from minimirror.serve.on_demand import OnDemand

__all__ = ["serve"]

log = logging.getLogger("minimirror")

_SWITCH = 0.0005
"""Seconds after which a computing thread yields to another: a tenth of Python's default."""

_IDLE = 60_000
"""Milliseconds within which a client must send a request's headers."""

_MAX_HEADERS = 64 << 10
"""Bytes of a request's headers, at most."""

_MAX_CLIENTS = 8000
"""Connections at once, at most."""

_OWN_FILES = 100
"""Open files that the server needs besides a connection and a file for each client, at most."""

_PATIENCE = 3.0
"""Seconds that responses have to end when the server stops."""

_FAREWELL = 1.0
"""Seconds that those who still wait then have to read why they get nothing."""

_LOGGING = {
    "formatters": {"plain": {"format": "%(levelname)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}


_Address = tuple[str, int]
"""An IP address, and a port."""


def serve(config: Config, *, quiet: bool, verbose: bool, **chosen: Any) -> None:
    """Serve the mirror of a config until SIGINT or SIGTERM.

    :param chosen: values that replace those of ``config.serve``, by key; None to keep one
    :raises FolderError: the folder does not exist, or cannot be used
    :raises CatalogError: the catalog cannot be read
    :raises ServeError: the server cannot listen at the address, or a file that it needs cannot be read
    """
    known = {key: value for key, value in chosen.items() if value is not None}
    settings = config.serve.model_copy(update=known)
    check_certificate(settings.certificate, settings.key)
    config = config.model_copy(update={"serve": settings})
    with (
        _reserved(settings.host, settings.port) as address,
        _logging(verbose=verbose),
        opened(config) as found,
        closing(Browser(found.mirror)) as browser,
    ):
        proxies = Proxies(settings.trusted_proxies)
        middleware = Middleware(make_app(config, found, browser), proxies, verbose=verbose)
        server = _server(middleware, settings, address)
        greeting = [] if quiet else _greeting(found.mirror.folder, settings, address)
        # Everything loaded so far stays: a garbage collection of it would pause all requests for 30 ms.
        gc.freeze()
        stopped = asyncio.run(_run(server, middleware, address, greeting, found.on_demand))
    if not quiet:
        sys.stderr.write("Stopped.\n")
    if not stopped:
        # A thread of the server still waits for a client, which need not keep the process.
        sys.stderr.flush()
        os._exit(0)


async def _run(
    server: Server, middleware: Middleware, address: _Address, greeting: list[str], on_demand: OnDemand | None
) -> bool:
    """Serve until a signal arrives; return whether all clients were done then."""
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        # It would log each request that is broken off from now on.
        logging.getLogger("_granian").handlers = [logging.NullHandler()]
        loop.set_exception_handler(lambda *_: None)
        # Once the loop has ended, the server has stopped.
        if not loop.is_closed():
            loop.call_soon_threadsafe(server.stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        # Not add_signal_handler, which Windows does not have.
        signal.signal(number, stop)
    task = asyncio.create_task(server.serve())
    while not task.done() and not await _answers(address):
        await asyncio.sleep(0.01)
    sys.stderr.writelines(f"{line}\n" for line in greeting)
    sys.stderr.flush()
    # Windows wakes up for a signal only if there is something to do.
    while not server.interrupt_signal and not task.done():
        await asyncio.wait({task}, timeout=0.5)
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE)
    if on_demand is not None:
        await on_demand.finish()
    if not done:
        middleware.stop()
        done, _ = await asyncio.wait({task}, timeout=_FAREWELL)
    for each in done:
        each.result()
    return bool(done)


async def _answers(address: _Address) -> bool:
    host, port = address
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def _server(app: Any, settings: ServeSettings, address: _Address) -> Server:
    return Server(
        app,
        *address,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_IDLE, max_buffer_size=_MAX_HEADERS),
        websockets=False,
        backlog=1024,
        backpressure=_max_clients(),
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
        ssl_cert=settings.certificate,
        ssl_key=settings.key or settings.certificate,
        ssl_protocol_min=SSLProtocols.tls12,
    )


def _max_clients() -> int:
    """Return how many connections there may be, for which the system gives us open files."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return _MAX_CLIENTS
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (sys.maxsize if each == resource.RLIM_INFINITY else each for each in limits)
    allowed = min(2 * _MAX_CLIENTS + _OWN_FILES, hard)
    if soft < allowed:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, limits[1]))
            soft = allowed
    return max(50, min(_MAX_CLIENTS, (soft - _OWN_FILES) // 2))


@contextmanager
def _reserved(host: str, port: int) -> Iterator[_Address]:
    """Check that the address can be used, and yield its IP address and real port.

    Granian would share a port that is in use.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        reserved = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ServeError(f"cannot listen on {host}: {why}; choose another address with --host") from None
    with reserved:
        if sys.platform != "win32":
            # On Windows, this option would let two servers use the same port.
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reserved.bind(address)
            taken = reserved.getsockname()[:2]
        except OSError as error:
            raise ServeError(
                f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host and"
                " --port (0 for any free port)"
            ) from None
        if sys.platform != "linux":
            # Elsewhere, a second socket cannot have the same address.
            reserved.close()
        yield taken


@contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        log.removeHandler(handler)


def _greeting(folder: Repository, settings: ServeSettings, address: _Address) -> list[str]:
    host, port = address
    everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - the user asked for it
    name = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    scheme = "http" if settings.certificate is None else "https"
    url = f"{scheme}://{name}:{port}"
    is_private = is_secure(scheme, host)
    trusted = "" if is_private else f" --trusted-host {name}"
    lines = [
        f"Serving {folder} at {url}/simple/ (press Ctrl-C to stop)",
        f"  pip install --index-url {url}/simple/{trusted} PROJECT",
    ]
    if settings.htpasswd is not None:
        lines.append(f"  twine upload --repository-url {url}/ FILE")
        if not is_private:
            lines.append("note: passwords are sent unencrypted; use TLS: --certificate FILE, or a proxy")
    return lines
