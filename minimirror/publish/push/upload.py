"""One file to its place in the other index: sent, and tried again where that may help."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor
from twine.package import PackageFile

from minimirror.publish.push.comparison import compare
from minimirror.publish.push.holdings import Holding
from minimirror.publish.push.package import UnreadableError, fields, read
from minimirror.publish.push.reason import MAX_BODY, reason
from minimirror.publish.push.target import REFUSED, Target
from minimirror.upstream import NETWORK_ERRORS, FetchError, describe, status_error

__all__ = ["Outcome", "Uploader"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file."""

    file: Holding
    kind: Literal["uploaded", "present", "conflict", "altered", "failed", "untried"]
    cause: str = ""
    """Why it is not there, in words."""


class Uploader:
    """Uploads files, from any number of threads."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._stopped = threading.Event()
        self._taken = False
        self.tried = False
        """Whether the server was sent any file."""
        self.in_flight: dict[str, int] = {}
        """The files on their way, with the bytes that have been sent."""
        self.refusal: str | None = None
        """Why the server takes nothing from whoever pushes."""

    def stop(self) -> None:
        """Begin with no other file, and break off those on their way."""
        self._stopped.set()

    def upload(self, file: Holding) -> Outcome:
        """Upload a file, unless it is another than the catalog says."""
        if self._stopped.is_set():
            return Outcome(file, "untried")
        try:
            package = read(file)
            self.tried = True
            self.in_flight[file.filename] = 0
            self._target.index.retry.call(lambda deadline: self._send(file, package, deadline))
        except UnreadableError as error:
            return Outcome(file, "altered" if error.altered else "failed", str(error))
        except FetchError as error:
            return self._not_uploaded(file, error)
        finally:
            self.in_flight.pop(file.filename, None)
        self._taken = True
        return Outcome(file, "uploaded")

    def _send(self, file: Holding, package: PackageFile, deadline: float) -> None:
        def watch(sent: Any) -> None:
            if self._stopped.is_set():
                raise FetchError("interrupted")
            if time.monotonic() > deadline:
                raise FetchError("it takes longer than a file may")
            self.in_flight[file.filename] = min(sent.bytes_read, file.size)

        try:
            with file.path.open("rb") as stream:
                content = (file.filename, stream, "application/octet-stream")
                form = MultipartEncoderMonitor(
                    MultipartEncoder([*fields(package), ("content", content)]), watch
                )
                self._post(form)
        except NETWORK_ERRORS as error:
            raise FetchError(describe(error), transient=True) from None

    def _post(self, form: Any) -> None:
        """Send a form.

        :raises FetchError: the server does not take it
        """
        with self._target.session.post(
            self._target.url,
            data=form,
            headers={"Content-Type": form.content_type},
            # Sent elsewhere, a POST may become a GET, and what answers would be taken for the index.
            allow_redirects=False,
            timeout=self._target.timeout,
            stream=True,
        ) as response:
            body = response.raw.read(MAX_BODY, decode_content=True)
            if 200 <= response.status_code < 300:  # noqa: PLR2004
                return
            said = reason(response.status_code, response.reason or "", body, self._target.secrets)
            if response.is_redirect:
                said = "the server sends uploads elsewhere: give the URL that takes them"
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise status_error(response.status_code, headers, said)

    def _not_uploaded(self, file: Holding, error: FetchError) -> Outcome:
        if error.status == 401 or (error.status in REFUSED and not self._taken):  # noqa: PLR2004
            # For the next file it would be the same, and too many wrong passwords lock a user out.
            self.refusal = str(error)
            self.stop()
            return Outcome(file, "untried")
        if self._stopped.is_set():
            return Outcome(file, "untried")
        if error.status is not None:
            # Another push may have brought it meanwhile, or an answer to this one was lost.
            found = compare(self._target.index, file.project, [file])
            if found.present:
                return Outcome(file, "present")
            if found.conflicts:
                return Outcome(file, "conflict")
        return Outcome(file, "failed", str(error))
