"""The upload of one file: sent, retried if that may help, and its refusal explained."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Iterable
from functools import partial
from http.client import responses
from pathlib import Path
from typing import Any

from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor
from twine.package import PackageFile

from minimirror.common import printable
from minimirror.publish.push.comparison import compare
from minimirror.publish.push.destination import ACCESS_DENIED, Destination
from minimirror.publish.push.model import FileResult, PushFile
from minimirror.publish.push.package import UnreadableError, form_fields, on_disk, read_package
from minimirror.upstream import NETWORK_ERRORS, FetchError, completed, network_error, status_error

__all__ = ["Uploader", "explain_refusal"]

_MAX_ANSWER = 16 << 10
"""Bytes of a server's response that are read."""

_MAX_REASON = 200
"""Characters of a server's reason that are shown."""

_MARKUP = re.compile(r"<(head|script|style)\b.*?(?:</\1>|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE)


class Uploader:
    """Uploads files; any number of threads may share it."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._stopped = threading.Event()
        self._accepted = False
        self.tried = False
        self.in_flight: dict[str, int] = {}
        """The files being sent, with the number of bytes sent so far."""
        self.refusal: str | None = None
        """Why the server takes no files with these credentials."""

    def stop(self) -> None:
        """Start no more uploads, and abort the current ones."""
        self._stopped.set()

    def upload(self, file: PushFile) -> FileResult:
        """Upload a file that has not changed since minimirror placed it."""
        if self._stopped.is_set():
            return FileResult(file, "untried")
        try:
            with on_disk(file) as path:
                package = read_package(file, path)
                self.tried = True
                self.in_flight[file.filename] = 0
                send = partial(self._send, file, path, package)
                completed(self._destination.index.retry.call(send, self._destination.index.client.pause))
        except UnreadableError as error:
            return FileResult(file, "altered" if error.altered else "failed", str(error))
        except FetchError as error:
            return self._not_uploaded(file, error)
        finally:
            self.in_flight.pop(file.filename, None)
        self._accepted = True
        return FileResult(file, "uploaded")

    async def _send(self, file: PushFile, path: Path, package: PackageFile, deadline: float) -> None:
        def watch(sent: Any) -> None:
            if self._stopped.is_set():
                raise FetchError("interrupted")
            if time.monotonic() > deadline:
                raise FetchError("the upload took longer than file_timeout allows")
            self.in_flight[file.filename] = min(sent.bytes_read, file.size)

        try:
            with path.open("rb") as stream:
                content = (file.filename, stream, "application/octet-stream")
                form = MultipartEncoder([*form_fields(package), ("content", content)])
                self._post(MultipartEncoderMonitor(form, watch))
        except NETWORK_ERRORS as error:
            raise network_error(error, self._destination.url) from None

    def _post(self, form: Any) -> None:
        """Send a form.

        :raises FetchError: the server does not accept it
        """
        with self._destination.session.post(
            self._destination.url,
            data=form,
            headers={"Content-Type": form.content_type},
            # A redirected POST may become a GET, whose success would look like that of the upload.
            allow_redirects=False,
            timeout=self._destination.timeout,
            stream=True,
        ) as response:
            body = response.raw.read(_MAX_ANSWER, decode_content=True)
            if 200 <= response.status_code < 300:  # noqa: PLR2004
                return
            if response.is_redirect:
                reason = "the server redirects uploads; pass the URL that takes them"
            else:
                secrets = self._destination.secrets
                reason = explain_refusal(response.status_code, response.reason or "", body, secrets)
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise status_error(response.status_code, headers, reason)

    def _not_uploaded(self, file: PushFile, error: FetchError) -> FileResult:
        if error.status == 401 or (error.status in ACCESS_DENIED and not self._accepted):  # noqa: PLR2004
            # Every other file would fail too, and repeated wrong passwords may lock the user out.
            self.refusal = str(error)
            self.stop()
        if self._stopped.is_set():
            return FileResult(file, "untried")
        if error.status is not None:
            # Another push may have uploaded it meanwhile, or this one did and the response was lost.
            (found,) = compare(self._destination.index, [file])
            if found.kind not in {"missing", "failed"}:
                return found
        return FileResult(file, "failed", str(error), error.passes)


def explain_refusal(status: int, phrase: str, body: bytes, secrets: Iterable[str]) -> str:
    """Return the reason that a server gives for its response, in one line; empty if it gives none.

    :param phrase: the reason phrase of the status line, where devpi gives its reason
    :param body: the beginning of the response: text, HTML or JSON
    :param secrets: texts to replace, in case the server repeats them
    """
    text = phrase if phrase and phrase != responses.get(status) else _plain_text(body)
    for secret in secrets:
        text = text.replace(secret, "…")
    text = printable(" ".join(text.split()))
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}…"


def _plain_text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return html.unescape(_MARKUP.sub(" ", text)) if re.match(r"\s*<", text) else text
