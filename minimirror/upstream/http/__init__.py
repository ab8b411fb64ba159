"""The HTTP client: GET requests with the system's settings, and errors in plain English.

``client`` sends requests and follows redirects, ``transport`` has the connections, ``http1`` reads the head
of a response, ``reply`` its body; ``retry`` says how long to wait, ``urls`` which URLs are allowed,
``errors`` what went wrong. Proxies, CA bundles and netrc come from requests. Credentials are sent to their
own host only, and never appear in a message, a log or a URL that leaves this room.
"""

from minimirror.upstream.http.client import MAX_REDIRECTS, Client, netrc_credentials
from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe, status_error
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
    "split_credentials",
    "status_error",
]
