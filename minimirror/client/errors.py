"""Why a URL cannot be had, in words."""

from __future__ import annotations

from http.client import HTTPException

import requests
import urllib3

from minimirror.errors import MinimirrorError

__all__ = ["NETWORK_ERRORS", "FetchError", "describe"]


class FetchError(MinimirrorError):
    """A URL could not be had."""

    def __init__(
        self,
        cause: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        """What happened, in words, without a URL."""
        self.status = status
        """The HTTP status, where one was answered."""
        self.passing = passing
        """Whether another try may succeed."""
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""


NETWORK_ERRORS = (OSError, HTTPException, urllib3.exceptions.HTTPError)
# requests' own exceptions are OSErrors.


def describe(error: BaseException) -> str:
    """The cause in a person's words; the libraries' chains of class names help nobody."""
    root = error
    while (deeper := _deeper(root)) is not None:
        root = deeper
    if isinstance(root, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout):
        return "no answer in time"
    if isinstance(root, HTTPException):
        return f"the connection broke: {type(root).__name__}"
    if isinstance(root, OSError) and root.strerror:
        return f"the connection failed: {root.strerror}"
    text = str(root)
    # A URL may hold a password.
    return f"the connection failed: {type(root).__name__ if '://' in text or '@' in text else text}"


def _deeper(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return error.__cause__
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
