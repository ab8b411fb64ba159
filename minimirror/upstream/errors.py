"""Why a URL cannot be fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException

import urllib3

from minimirror.common import MinimirrorError

__all__ = ["NETWORK_ERRORS", "FetchError", "TimeLimitError", "TooLargeError", "status_error"]

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Statuses for which another try may succeed."""


class FetchError(MinimirrorError):
    """A URL could not be fetched."""

    def __init__(
        self,
        cause: str,
        *,
        status: int | None = None,
        transient: bool = False,
        passes: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        """What happened, without the URL."""
        self.status = status
        """The HTTP status; None if there was no response."""
        self.transient = transient
        """Whether another try may succeed."""
        self.passes = transient if passes is None else passes
        """Whether a later run may succeed."""
        self.retry_after = retry_after
        """Seconds that the server asks the client to wait."""

    @property
    def not_found(self) -> bool:
        """Whether the URL does not exist on the server."""
        return self.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class TimeLimitError(FetchError):
    """It took longer than it may."""

    def __init__(self) -> None:
        super().__init__("gave up after the time limit (`file_timeout`)", passes=True)


class TooLargeError(FetchError):
    """A page or another response is larger than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the page is larger than {limit} bytes")


NETWORK_ERRORS = (OSError, HTTPException, urllib3.exceptions.HTTPError)
# requests' own exceptions are OSErrors.


def status_error(status: int, headers: Mapping[str, str], reason: str | None = None) -> FetchError:
    """Return the error for an HTTP status.

    :param headers: the response's, by lower-case name
    :param reason: the server's own message
    """
    return FetchError(
        f"HTTP {status}: {reason}" if reason else f"HTTP {status}",
        status=status,
        transient=status in _TRANSIENT,
        retry_after=_retry_after(headers.get("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    """Return seconds, from either form of the header (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
