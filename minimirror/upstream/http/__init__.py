"""The HTTP client: one GET, with the machine's own settings, and its errors in words.

Proxies, CA bundles and netrc are found by requests, so they are what people know from it. Credentials go to
the host that they are for, never into a message, a log or a URL that leaves this room.
"""

from minimirror.upstream.http.client import MAX_REDIRECTS, Client, netrc_credentials
from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe, refusal
from minimirror.upstream.http.reply import Reply
from minimirror.upstream.http.retry import Pace, Retry
from minimirror.upstream.http.urls import split_credentials

__all__ = [
    "MAX_REDIRECTS",
    "NETWORK_ERRORS",
    "Client",
    "FetchError",
    "Pace",
    "Reply",
    "Retry",
    "describe",
    "netrc_credentials",
    "refusal",
    "split_credentials",
]
