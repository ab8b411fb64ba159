"""The server: waitress with the application.

waitress is plain Python, runs on Windows and macOS too, and needs no thread for a slow client.
"""

from __future__ import annotations

import gc
import logging
import select
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
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.passwords import Passwords
from minimirror.serve.uploads import MAX_UPLOAD, Uploads
from minimirror.storage import FolderError, MirrorFolder

__all__ = ["serve"]

log = logging.getLogger("minimirror")

_THREADS = 8
"""Requests that are processed at once. Another thread receives and sends bodies."""

_SWITCH = 0.0005
"""Seconds after which a computing thread yields to another: a tenth of Python's default."""

_CLEAN_UP_EVERY = 60.0
"""Seconds between two clean-ups of deleted files and unfinished uploads."""

_POLL = hasattr(select, "poll")


def serve(  # noqa: PLR0913 - the command's options
    config: Config, *, host: str, port: int, htpasswd: Path | None = None, quiet: bool, verbose: bool
) -> None:
    """Serve the mirror of a config until SIGINT or SIGTERM.

    :param port: 0 for any free port
    :param htpasswd: the password file of the users who may upload; None to disable uploads
    :raises FolderError: the folder has no catalog yet, or cannot be used
    :raises CatalogError: the catalog cannot be read
    :raises ServeError: the server cannot listen at the address, or the password file cannot be read
    """
    folder = MirrorFolder(config.repository)
    folder.require_catalog()
    with _listen(host, port) as listening, _prepared(folder), _logging(verbose=verbose):
        app = _application(config, folder, htpasswd)
        server = _server(access_log(app) if verbose else app, listening, uploads=htpasswd is not None)
        if not quiet:
            sys.stderr.writelines(f"{line}\n" for line in _greeting(folder, listening, htpasswd))
        # Everything loaded so far stays: a garbage collection of it would pause all requests for 30 ms.
        gc.freeze()
        # It returns at KeyboardInterrupt.
        server.run()
        with suppress(KeyboardInterrupt):
            server.close()


def _application(config: Config, folder: MirrorFolder, htpasswd: Path | None) -> App:
    mirror = ServedMirror.open(folder)
    named = ProjectRules(config.projects, config.exclude_projects).named()
    passwords = Passwords(htpasswd) if htpasswd is not None else None
    uploads = Uploads(mirror, passwords, named)
    mirror.local.refresh(wait=True)
    return App(mirror, uploads, pypiserver_app(mirror))


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ServeError(f"cannot listen on {host}: {why}; choose another address with --host") from None
    with listening:
        if sys.platform != "win32":
            # On Windows, this option would let two servers use the same port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            # waitress listens later, too late to report that the port is in use.
            listening.listen(1024)
        except OSError as error:
            raise ServeError(
                f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host and"
                " --port (0 for any free port)"
            ) from None
        yield listening


@contextmanager
def _prepared(folder: MirrorFolder) -> Iterator[None]:
    """Create the folders that a server needs, and clean them up from time to time."""
    folder.prepare()
    for path in (folder.retired, folder.uploads):
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"cannot create {path}: {error.strerror}") from None
    # Bodies that do not fit into memory go to the mirror's disk; the system's temporary folder may be small.
    tempfile.tempdir = str(folder.uploads)
    stop = threading.Event()

    def clean_up() -> None:
        while not stop.wait(_CLEAN_UP_EVERY):
            folder.retired.mkdir(exist_ok=True)
            folder.delete_expired()

    folder.delete_expired()
    threading.Thread(target=clean_up, name="clean up", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        for path in folder.retired.glob("*"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.retired.rmdir()


@contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
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
        # Windows has only select(), which takes at most 512.
        asyncore_use_poll=_POLL,
        connection_limit=2000 if _POLL else 400,
        backlog=1024,
        channel_timeout=60,
        cleanup_interval=10,
        max_request_header_size=32 << 10,
        max_request_body_size=MAX_UPLOAD if uploads else MAX_BODY,
        recv_bytes=64 << 10,
        # A client may disconnect in the middle of a download.
        log_socket_errors=False,
    )
    server.channel_class = Channel  # type: ignore[union-attr]
    return server


def _greeting(folder: MirrorFolder, listening: socket.socket, htpasswd: Path | None) -> Iterator[str]:
    host, port = listening.getsockname()[:2]
    everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - the user asked for it
    name = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    loopback = host.startswith("127.") or host == "::1"
    trusted = "" if loopback else f" --trusted-host {name}"
    yield f"Serving {folder.path} at {url}/simple/ (press Ctrl-C to stop)"
    yield f"  pip install --index-url {url}/simple/{trusted} PROJECT"
    if htpasswd is not None:
        yield f"  twine upload --repository-url {url}/ FILE"
        if not loopback:
            yield "note: passwords are sent unencrypted; put a TLS proxy in front of this server"
