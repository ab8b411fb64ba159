"""Uploads: somebody's own files into the folder, as twine and its like send them.

The body of a request is bounded, and on the disk, before it comes here; the file in it is written to
``.minimirror/uploads/``, synced, and moved into the folder whole. Nothing is ever overwritten.
"""

from __future__ import annotations

import binascii
import hashlib
import logging
import os
import secrets
import threading
from base64 import b64decode
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from minimirror.common import printable
from minimirror.distributions import projects_named
from minimirror.serve.answer import Answer, refusal
from minimirror.serve.holdings import Holdings
from minimirror.serve.passwords import Passwords

__all__ = ["MAX_UPLOAD", "Uploads"]

log = logging.getLogger("minimirror")

MAX_UPLOAD = 4 << 30
"""Bytes of a request with an upload."""

_AT_ONCE = 4
"""Uploads that are taken at once; the other threads are for those who install."""

_PIECE = 1 << 18
_MAX_FIELD = 1000
"""Bytes of a form field that are looked at."""

_FIELDS = {":action", "sha256_digest"}
_LOGIN = ("WWW-Authenticate", 'Basic realm="minimirror", charset="UTF-8"')
_BUSY = ("Retry-After", "2")


class _RefusedError(Exception):
    """Why an upload is not taken."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.answer = refusal(status, why, *headers)


@dataclass
class _Form:
    """What a form says."""

    fields: dict[str, bytes] = field(default_factory=dict)
    filename: str | None = None
    sha256: str = ""


class Uploads:
    """Takes uploads, of those who may."""

    def __init__(
        self,
        holdings: Holdings,
        passwords: Passwords | None,
        named: Collection[str],
    ) -> None:
        """Begin with those who may, None for nobody.

        :param named: the projects that the config names, which may have files of both kinds
        """
        self._repository, self._catalog, self._own, _ = holdings
        self._passwords = passwords
        self._named = named
        self._slots = threading.Semaphore(_AT_ONCE)
        self._placing = threading.Lock()

    def take(self, environ: dict[str, Any]) -> Answer:
        """Take an upload, or say why not."""
        if not self._slots.acquire(blocking=False):
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at once, try again", _BUSY)
        try:
            user = self._authenticate(environ.get("HTTP_AUTHORIZATION", ""))
            filename = self._take(environ)
        except _RefusedError as refused:
            log.warning("upload from %s refused: %s", environ["REMOTE_ADDR"], printable(str(refused)))
            return refused.answer
        finally:
            self._slots.release()
        log.info("%s uploaded %s", printable(user), filename)
        return Answer(HTTPStatus.OK, [("Content-Type", "text/plain")])

    def _authenticate(self, authorization: str) -> str:
        if self._passwords is None:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN, "uploads are off here; `minimirror serve --htpasswd FILE` allows them"
            )
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "an upload needs a user and a password", _LOGIN)
        try:
            user, _, password = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the Authorization header cannot be read") from None
        if not self._passwords.check(user, password):
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "wrong user or password", _LOGIN)
        return user

    def _take(self, environ: dict[str, Any]) -> str:
        partial = self._repository.uploads / secrets.token_hex(16)
        try:
            with partial.open("xb") as stream:
                form = self._read(environ, stream)
                self._check(form)
                stream.flush()
                os.fsync(stream.fileno())
            filename = form.filename or ""
            self._place(partial, filename)
        except MultipartError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error}") from None
        finally:
            partial.unlink(missing_ok=True)
        self._own.add(filename)
        return filename

    def _read(self, environ: dict[str, Any], stream: IO[bytes]) -> _Form:
        content_type, options = parse_options_header(environ.get("CONTENT_TYPE", ""))
        if content_type != "multipart/form-data" or not options.get("boundary"):
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an upload is multipart/form-data")
        form, segment, digest = _Form(), None, hashlib.sha256()
        body = environ["wsgi.input"]
        with PushMultipartParser(options["boundary"]) as parser:
            while not parser.closed:
                for event in parser.parse(body.read(_PIECE)):
                    if isinstance(event, MultipartSegment):
                        segment = event
                        if segment.name == "content":
                            self._begin_file(form, segment.filename or "")
                    elif event and segment is not None and segment.name == "content":
                        stream.write(event)
                        digest.update(event)
                    elif event and segment is not None and segment.name in _FIELDS:
                        known = form.fields.get(segment.name, b"")
                        form.fields[segment.name] = (known + event)[:_MAX_FIELD]
        form.sha256 = digest.hexdigest()
        return form

    def _begin_file(self, form: _Form, filename: str) -> None:
        if form.filename is not None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the form has more than one file")
        form.filename = filename
        projects = projects_named(filename)
        if not projects:
            raise _RefusedError(
                HTTPStatus.BAD_REQUEST, f"{filename[:100]!a} is not the name of a distribution file"
            )
        for project in projects:
            if project not in self._named and self._catalog.files(project):
                raise _RefusedError(
                    HTTPStatus.FORBIDDEN,
                    f"{project} is mirrored from the index, and nobody puts a file of his own beside that;"
                    " take another name, or name it in `projects` of the config",
                )
        if self._repository.occupied(filename):
            raise _RefusedError(HTTPStatus.CONFLICT, f"{filename} already exists, and is never overwritten")

    def _check(self, form: _Form) -> None:
        action = form.fields.get(":action", b"").decode(errors="replace")
        if action != "file_upload":
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the action {action[:30]!a} is not offered here")
        if form.filename is None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the form has no file in its field 'content'")
        told = form.fields.get("sha256_digest", b"").decode(errors="replace").lower()
        if told and told != form.sha256:
            raise _RefusedError(
                HTTPStatus.BAD_REQUEST, f"{form.filename} came with another sha256 than was told"
            )

    def _place(self, partial: Path, filename: str) -> None:
        target = self._repository.path / filename
        # What another process has put there a moment ago must not be overwritten either: a rename would.
        try:
            os.link(partial, target)
        except FileExistsError:
            raise _RefusedError(
                HTTPStatus.CONFLICT, f"{filename} already exists, and is never overwritten"
            ) from None
        except OSError:
            # Not every file system has links.
            with self._placing:
                if self._repository.occupied(filename):
                    raise _RefusedError(HTTPStatus.CONFLICT, f"{filename} already exists") from None
                partial.rename(target)
        with suppress(OSError):
            self._sync()

    def _sync(self) -> None:
        folder = os.open(self._repository.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
