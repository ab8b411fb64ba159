"""Why a URL cannot be had, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPException

import requests
import urllib3

from minimirror.common import MinimirrorError

__all__ = ["NETWORK_ERRORS", "FetchError", "describe", "refusal"]

_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""The statuses that may be gone at the next try."""


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


def refusal(status: int, headers: Mapping[str, str], reason: str | None = None) -> FetchError:
    """The error that an answer of a status stands for.

    :param headers: of the answer, looked up by names in lower case
    :param reason: what the server says of it
    """
    return FetchError(
        f"HTTP {status}: {reason}" if reason else f"HTTP {status}",
        status=status,
        passing=status in _PASSING,
        retry_after=_retry_after(headers.get("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either of the header's forms (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


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
