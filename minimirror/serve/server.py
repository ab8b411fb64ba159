"""The server: waitress, in front of the application.

It is plain Python, serves Windows and macOS too, and needs no thread for a client that is slow.
"""

from __future__ import annotations

import gc
import logging
import select
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from waitress.server import create_server

from minimirror.config import Config
from minimirror.selection import ProjectRules
from minimirror.serve.app import App, access_log
from minimirror.serve.backend import pypiserver_app
from minimirror.serve.channel import MAX_BODY, Channel
from minimirror.serve.errors import ServeError
from minimirror.serve.holdings import Holdings
from minimirror.serve.passwords import Passwords
from minimirror.serve.uploads import MAX_UPLOAD, Uploads
from minimirror.storage import FolderError, MirrorFolder

__all__ = ["serve"]

log = logging.getLogger("minimirror")

_THREADS = 8
"""Requests that are answered at once. Bodies go out, and come in, beside them."""

_SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one: ten times as often as usual."""

_SWEEP = 60.0
"""Seconds between two looks at what was retired."""

_POLL = hasattr(select, "poll")


def serve(  # noqa: PLR0913 - the command's options
    config: Config, *, host: str, port: int, htpasswd: Path | None = None, quiet: bool, verbose: bool
) -> None:
    """Serve the repository of a config until SIGINT or SIGTERM.

    :param port: 0 for any that is free
    :param htpasswd: the file of those who may upload; None where nobody may
    :raises FolderError: the folder has never been mirrored into, or cannot be used
    :raises CatalogError: its catalog cannot be read
    :raises ServeError: the address cannot be used, or the password file not be read
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    repository = MirrorFolder(config.repository)
    if not repository.catalog.exists():
        raise FolderError(
            f"repository {repository.path}: nothing was mirrored into it yet; `minimirror run` does"
        )
    with _address(host, port) as listening, _state(repository), _logging(verbose=verbose):
        app = _application(config, repository, htpasswd)
        server = _server(access_log(app) if verbose else app, listening, uploads=htpasswd is not None)
        if not quiet:
            sys.stderr.writelines(f"{line}\n" for line in _greeting(repository, listening, htpasswd))
        # What is here by now stays: looking for garbage among it would hold up everybody for some 30 ms.
        gc.freeze()
        # It returns at KeyboardInterrupt, which is how a server ends.
        server.run()
        with suppress(KeyboardInterrupt):
            server.close()


def _application(config: Config, repository: MirrorFolder, htpasswd: Path | None) -> App:
    holdings = Holdings.of(repository)
    named = ProjectRules(config.projects, config.exclude_projects).named()
    passwords = Passwords(htpasswd) if htpasswd is not None else None
    uploads = Uploads(holdings, passwords, named)
    holdings.own.refresh(wait=True)
    return App(holdings, uploads, pypiserver_app(holdings))


@contextmanager
def _address(host: str, port: int) -> Iterator[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise ServeError(f"{host}: {getattr(error, 'strerror', None) or error}") from None
    with listening:
        if sys.platform != "win32":
            # There it would let two servers have the same port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            # Waitress does so, too late to tell that another has the port.
            listening.listen(1024)
        except OSError as error:
            raise ServeError(
                f"{host} port {port}: {error.strerror}; `--port` takes another, 0 any that is free"
            ) from None
        yield listening


@contextmanager
def _state(repository: MirrorFolder) -> Iterator[None]:
    """The folders that serving needs, and somebody to sweep them."""
    repository.prepare()
    for folder in (repository.retired, repository.uploads):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"repository {repository.path}: {folder.name}: {error.strerror}") from None
    # Bodies that are too big for the memory go to the folder's own disk, not to a small one.
    tempfile.tempdir = str(repository.uploads)
    stop = threading.Event()

    def sweep() -> None:
        while not stop.wait(_SWEEP):
            repository.retired.mkdir(exist_ok=True)
            repository.sweep_served()

    repository.sweep_served()
    threading.Thread(target=sweep, name="sweep", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        for path in repository.retired.glob("*"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            repository.retired.rmdir()


@contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
    """What happens goes to standard error, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        log.removeHandler(handler)


def _server(app: Any, listening: socket.socket, *, uploads: bool) -> Any:
    server = create_server(
        app,
        sockets=[listening],
        threads=_THREADS,
        ident="minimirror",
        # select(), which Windows has alone, takes no more than 512.
        asyncore_use_poll=_POLL,
        connection_limit=2000 if _POLL else 400,
        backlog=1024,
        channel_timeout=60,
        cleanup_interval=10,
        max_request_header_size=32 << 10,
        max_request_body_size=MAX_UPLOAD if uploads else MAX_BODY,
        recv_bytes=64 << 10,
        # A client that goes away in the middle of a download is none.
        log_socket_errors=False,
    )
    server.channel_class = Channel  # type: ignore[union-attr]
    return server


def _greeting(repository: MirrorFolder, listening: socket.socket, htpasswd: Path | None) -> Iterator[str]:
    host, port = listening.getsockname()[:2]
    everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - it is what the user asked for
    name = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    loopback = host.startswith("127.") or host == "::1"
    trusted = "" if loopback else f" --trusted-host {name}"
    yield f"serving {repository.path} at {url}/simple/, until Ctrl-C"
    yield f"  pip install --index-url {url}/simple/{trusted} PROJECT"
    if htpasswd is not None:
        yield f"  twine upload --repository-url {url}/ FILE"
        if not loopback:
            yield "note: passwords cross the network in the clear; a proxy with TLS in front keeps them"
