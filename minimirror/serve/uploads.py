"""Uploads of local files into the folder, as twine and other tools send them.

The file of a form is written to ``.minimirror/uploads/`` while it arrives, synced, and then placed in the
folder. No file is ever overwritten.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import shutil
from base64 import b64decode
from collections.abc import Collection
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from minimirror.common import has_sha256, is_disk_full, printable, refuse_link
from minimirror.distributions import (
    BrokenArchiveError,
    MetadataError,
    projects_named,
    read_metadata,
    requires_python,
)
from minimirror.serve.form import Form, boundary_of
from minimirror.serve.local_files import LocalFiles
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.passwords import Passwords
from minimirror.storage import MirrorFolder, sync_names

__all__ = ["Uploads", "refused_upload"]

log = logging.getLogger("minimirror")

_MAX_UPLOAD = 4 << 30
"""Bytes of a request with an upload, at most."""

_AT_ONCE = 1000
"""Uploads at once, at most. Each has an open file, and a piece in memory."""

_PIECE = 64 << 10
"""Bytes that are written at once."""

_PATIENCE = 60.0
"""Seconds within which a sender must send a piece."""

_THREADS = 8
"""Threads that write and check uploads; as many as there are would leave none for pages."""

_LOGIN = {"WWW-Authenticate": 'Basic realm="minimirror", charset="UTF-8"'}


class Uploads:
    """Takes uploads from users with a password."""

    def __init__(
        self,
        folder: MirrorFolder,
        local: LocalFiles,
        mirror: ServedMirror,
        passwords: Passwords,
        named: Collection[str],
    ) -> None:
        """Take uploads into a folder.

        :param passwords: the users who may upload
        :param named: the projects that the config names; these may have mirrored and local files
        """
        self._folder, self._local = folder, local
        self._catalog, self._placing = mirror.catalog, mirror.placing
        self._passwords = passwords
        self._named = named
        self._sizes: list[int] = []
        """Bytes of the requests that are being received."""
        # Not for as long as an upload takes, which its sender decides.
        self._in_thread = partial(anyio.to_thread.run_sync, limiter=anyio.CapacityLimiter(_THREADS))
        # Otherwise many wrong passwords would keep all threads busy, and those of one client all others
        # waiting.
        self._checking = anyio.CapacityLimiter(1)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, request: Request) -> None:
        """Take an upload.

        :raises HTTPException: it is refused
        """
        user = ""
        try:
            client = request.client.host if request.client else ""
            async with self._turns.setdefault(client, asyncio.Lock()):
                user = await self._authenticate(request.headers.get("authorization", ""))
            filename = await self._take(request)
        except HTTPException as error:
            raise refused_upload(request, error, user) from None
        log.info("%s uploaded %s", printable(user), filename)

    async def _authenticate(self, authorization: str) -> str:
        """Return the user's name."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise HTTPException(401, "uploads need a username and password", _LOGIN)
        try:
            user, _, password = b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            raise HTTPException(400, "invalid Authorization header") from None
        check = self._passwords.check
        if not await anyio.to_thread.run_sync(check, user, password, limiter=self._checking):
            raise HTTPException(401, "wrong username or password", _LOGIN)
        return user

    async def _take(self, request: Request) -> str:
        """Receive and place a file, and return its name."""
        size = int(request.headers.get("content-length", 0))
        if size > _MAX_UPLOAD:
            raise _too_large()
        boundary = boundary_of(request.headers.get("content-type", ""))
        if boundary is None:
            raise HTTPException(415, "uploads must be multipart/form-data")
        # Somebody who writes to the folder may have put it there since the server started.
        refuse_link(self._folder.uploads)
        partial = self._folder.uploads / secrets.token_hex(16)
        self._check_room(size)
        self._sizes.append(size)
        try:
            with partial.open("xb") as stream:
                form = Form(boundary, stream)
                await self._receive(request, form)
                return await self._in_thread(self._accept, form, partial)
        except (FormParserError, UnicodeDecodeError) as error:
            raise HTTPException(400, f"invalid form: {error}") from None
        except ClientDisconnect:
            raise HTTPException(408, "the upload broke off") from None
        except TimeoutError:
            least = f"{_PIECE >> 10} kB within {_PATIENCE:.0f} s"
            raise HTTPException(408, f"the upload is too slow: it must bring {least}") from None
        except OSError as error:
            if is_disk_full(error):
                raise HTTPException(507, "not enough disk space") from None
            raise
        finally:
            self._sizes.remove(size)
            partial.unlink(missing_ok=True)

    def _check_room(self, size: int) -> None:
        """Refuse an upload of so many bytes if there is no room for it."""
        if len(self._sizes) >= _AT_ONCE:
            raise HTTPException(503, "too many uploads at once; try again", {"Retry-After": "10"})
        if sum(self._sizes) + size > shutil.disk_usage(self._folder.state).free:
            raise HTTPException(507, "not enough disk space")

    async def _receive(self, request: Request, form: Form) -> None:
        gathered, received = bytearray(), 0
        with anyio.fail_after(_PATIENCE) as patience:
            async for piece in request.stream():
                gathered += piece
                received += len(piece)
                if received > _MAX_UPLOAD:
                    raise _too_large()
                if len(gathered) >= _PIECE:
                    # The sender cannot help it if others are written first.
                    patience.deadline = math.inf
                    await self._in_thread(form.write, bytes(gathered))
                    gathered.clear()
                    patience.deadline = anyio.current_time() + _PATIENCE
        await self._in_thread(form.write, bytes(gathered))

    def _accept(self, form: Form, partial: Path) -> str:
        """Check a form, and place its file."""
        form.finish()
        action, filename = form.fields.get(":action", ""), form.filename
        if action != "file_upload":
            raise HTTPException(400, f"action {action[:30]!a} is not supported")
        if filename is None:
            raise HTTPException(400, "the form has no file in field 'content'")
        projects = projects_named(filename)
        if not projects:
            raise HTTPException(400, f"{filename[:100]!a} is not a valid distribution filename")
        if form.fields.get("sha256_digest", "").lower() not in {"", form.sha256}:
            raise HTTPException(400, f"{filename} does not match its sha256_digest; upload it again")
        metadata = _check_content(partial, filename)
        with self._placing:
            if self._is_there(filename, projects, form.sha256):
                return filename
            self._check_projects(projects)
            self._place(partial, filename)
        needed = form.fields.get("requires_python")
        if needed and not filename.endswith(".whl") and not (metadata and requires_python(metadata)):
            self._local.note_python(filename, projects[0], needed)
        self._local.add(filename)
        return filename

    def _is_there(self, filename: str, projects: list[str], sha256: str) -> bool:
        """Return whether the folder has this file, so that a repeated upload has succeeded."""
        known = [row.filename for project in projects for row in self._catalog.files(project)]
        known += [name for project in projects for name in self._local.names(project)]
        # On some systems, names that differ only in case are one.
        for name in {filename, *(each for each in known if each.lower() == filename.lower())}:
            if self._folder.occupied(name):
                if self._folder.size(name) is None or not has_sha256(self._folder.path / name, sha256):
                    raise _exists(name)
                return True
        return False

    def _check_projects(self, projects: list[str]) -> None:
        for project in projects:
            if project not in self._named and self._catalog.files(project):
                raise HTTPException(
                    403,
                    f"{project} is mirrored from an index and takes no local files; rename your project, or"
                    f" list {project} under `projects` in the config",
                )

    def _place(self, partial: Path, filename: str) -> None:
        path = self._folder.path / filename
        # A link fails if another process has just placed a file with this name; a rename would overwrite it.
        try:
            os.link(partial, path)
        except FileExistsError:
            raise _exists(filename) from None
        except OSError:
            # Some file systems have no links.
            if self._folder.occupied(filename):
                raise _exists(filename) from None
            partial.rename(path)
        sync_names(self._folder.path)


def refused_upload(request: Request, error: HTTPException, user: str = "") -> HTTPException:
    """Log that an upload is refused, and return why."""
    client = request.client.host if request.client else ""
    who = f"{user} at {client}" if user else client
    log.warning("refused an upload from %s: %s", printable(who), printable(error.detail))
    return error


def _check_content(partial: Path, filename: str) -> bytes | None:
    """Return a file's metadata. Refuse a wheel without it, and an sdist that is no complete archive."""
    try:
        with partial.open("rb") as stream:
            return read_metadata(stream, filename)
    except MetadataError as error:
        if filename.endswith(".whl") or isinstance(error, BrokenArchiveError):
            raise HTTPException(
                400, f"{filename} cannot be installed: {error}; build and upload it again"
            ) from None
        return None


def _exists(filename: str) -> HTTPException:
    return HTTPException(409, f"{filename} already exists with other content; files are never overwritten")


def _too_large() -> HTTPException:
    return HTTPException(413, f"an upload has at most {_MAX_UPLOAD >> 30} GB")
