"""Uploads of local files into the folder, as twine and other tools send them.

The server has already limited the size of the body and stored it on disk. The file in it is written to
``.minimirror/uploads/``, synced, and then placed in the folder. No file is ever overwritten.
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
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from minimirror.common import printable
from minimirror.distributions import projects_named
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.passwords import Passwords
from minimirror.serve.responses import HttpResponse, error_response
from minimirror.storage import sync_names

__all__ = ["MAX_UPLOAD", "Uploads"]

log = logging.getLogger("minimirror")

MAX_UPLOAD = 4 << 30
"""Bytes of a request with an upload, at most."""

_MAX_UPLOADS = 4
"""Uploads that are processed at once; the other threads serve installers."""

_PIECE = 1 << 18
_MAX_FIELD = 1000
"""Bytes of a form field that are kept."""

_FIELDS = {":action", "sha256_digest"}
_LOGIN = ("WWW-Authenticate", 'Basic realm="minimirror", charset="UTF-8"')


class _RejectedUploadError(Exception):
    """An upload is rejected."""

    def __init__(self, why: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(why)
        self.response = error_response(status, why, *([_LOGIN] if status == HTTPStatus.UNAUTHORIZED else []))


def _exists(filename: str) -> _RejectedUploadError:
    return _RejectedUploadError(
        f"{filename} already exists; files are never overwritten", HTTPStatus.CONFLICT
    )


@dataclass
class _Form:
    """The fields of a form, and its file."""

    fields: dict[str, bytes] = field(default_factory=dict)
    filename: str | None = None
    sha256: str = ""


class Uploads:
    """Takes uploads from users with a password."""

    def __init__(self, mirror: ServedMirror, passwords: Passwords | None, named: Collection[str]) -> None:
        """Take uploads into a mirror.

        :param passwords: the users who may upload; None to reject all uploads
        :param named: the projects that the config names; these may have mirrored and local files
        """
        self._folder, self._catalog, self._local, _ = mirror
        self._passwords = passwords
        self._named = named
        self._slots = threading.Semaphore(_MAX_UPLOADS)
        self._placing = threading.Lock()

    def take(self, environ: dict[str, Any]) -> HttpResponse:
        """Take or reject an upload."""
        if not self._slots.acquire(blocking=False):
            why = "too many uploads at once; try again"
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, why, ("Retry-After", "2"))
        try:
            user = self._authenticate(environ.get("HTTP_AUTHORIZATION", ""))
            filename = self._take(environ)
        except _RejectedUploadError as error:
            log.warning("rejected an upload from %s: %s", environ["REMOTE_ADDR"], printable(str(error)))
            return error.response
        finally:
            self._slots.release()
        log.info("%s uploaded %s", printable(user), filename)
        return HttpResponse(HTTPStatus.OK, [("Content-Type", "text/plain")])

    def _authenticate(self, authorization: str) -> str:
        """Return the user's name."""
        if self._passwords is None:
            why = "uploads are disabled; start the server with `minimirror serve --htpasswd FILE`"
            raise _RejectedUploadError(why, HTTPStatus.FORBIDDEN)
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise _RejectedUploadError("uploads need a username and password", HTTPStatus.UNAUTHORIZED)
        try:
            user, _, password = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _RejectedUploadError("invalid Authorization header") from None
        if not self._passwords.check(user, password):
            raise _RejectedUploadError("wrong username or password", HTTPStatus.UNAUTHORIZED)
        return user

    def _take(self, environ: dict[str, Any]) -> str:
        """Place the file of an upload, and return its filename."""
        partial = self._folder.uploads / secrets.token_hex(16)
        try:
            with partial.open("xb") as stream:
                form = self._read(environ, stream)
                self._check(form)
                stream.flush()
                os.fsync(stream.fileno())
            filename = form.filename or ""
            self._place(partial, filename)
        except MultipartError as error:
            raise _RejectedUploadError(f"invalid form: {error}") from None
        finally:
            partial.unlink(missing_ok=True)
        self._local.add(filename)
        return filename

    def _read(self, environ: dict[str, Any], stream: IO[bytes]) -> _Form:
        content_type, options = parse_options_header(environ.get("CONTENT_TYPE", ""))
        if content_type != "multipart/form-data" or not options.get("boundary"):
            why = "uploads must be multipart/form-data"
            raise _RejectedUploadError(why, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
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
            raise _RejectedUploadError("the form has more than one file")
        form.filename = filename
        projects = projects_named(filename)
        if not projects:
            raise _RejectedUploadError(f"{filename[:100]!a} is not a valid distribution filename")
        for project in projects:
            if project not in self._named and self._catalog.files(project):
                raise _RejectedUploadError(
                    f"{project} is mirrored from an index and takes no local files; rename your project, or"
                    f" list {project} under `projects` in the config",
                    HTTPStatus.FORBIDDEN,
                )
        if self._folder.occupied(filename):
            raise _exists(filename)

    def _check(self, form: _Form) -> None:
        action = form.fields.get(":action", b"").decode(errors="replace")
        if action != "file_upload":
            raise _RejectedUploadError(f"action {action[:30]!a} is not supported")
        if form.filename is None:
            raise _RejectedUploadError("the form has no file in field 'content'")
        expected = form.fields.get("sha256_digest", b"").decode(errors="replace").lower()
        if expected and expected != form.sha256:
            raise _RejectedUploadError(f"{form.filename} does not match its sha256_digest; upload it again")

    def _place(self, partial: Path, filename: str) -> None:
        path = self._folder.path / filename
        # A link fails if another process has just placed a file with this name; a rename would overwrite it.
        try:
            os.link(partial, path)
        except FileExistsError:
            raise _exists(filename) from None
        except OSError:
            # Some file systems have no links.
            with self._placing:
                if self._folder.occupied(filename):
                    raise _exists(filename) from None
                partial.rename(path)
        sync_names(self._folder.path)
