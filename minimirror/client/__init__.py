"""The HTTP client: one GET, with the machine's own settings, and its errors in words.

Proxies, CA bundles and netrc are found by requests, so they are what people know from it. Credentials go to
the host that they are for, never into a message, a log or a URL that leaves this room.
"""

from minimirror.client.client import MAX_REDIRECTS, Client, netrc_credentials
from minimirror.client.errors import NETWORK_ERRORS, FetchError, describe, refusal
from minimirror.client.reply import Reply
from minimirror.client.retry import Pace, Retry
from minimirror.client.urls import split_credentials

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
