"""The index on the network: its pages, its files and its advisories.

``index`` is the client of the simple API, ``download`` fetches and checks one file, ``remote_file`` reads
parts of one, ``advisories`` asks for known vulnerabilities, and ``http/`` makes the requests.
"""

from minimirror.upstream.advisories import KEPT, AdvisoryError, vulnerabilities
from minimirror.upstream.http import (
    NETWORK_ERRORS,
    Client,
    FetchError,
    Pace,
    Retry,
    describe,
    netrc_credentials,
    refusal,
)
from minimirror.upstream.index import Index, ListingError, ProjectReply
from minimirror.upstream.remote_file import NoRangesError, RemoteFile
from minimirror.upstream.transfer import check, download, matches

__all__ = [
    "KEPT",
    "NETWORK_ERRORS",
    "AdvisoryError",
    "Client",
    "FetchError",
    "Index",
    "ListingError",
    "NoRangesError",
    "Pace",
    "ProjectReply",
    "RemoteFile",
    "Retry",
    "check",
    "describe",
    "download",
    "matches",
    "netrc_credentials",
    "refusal",
    "vulnerabilities",
]
