"""The index on the network: its pages, its files and its advisories.

``index`` reads the pages of the simple API, ``transfer`` downloads and verifies one file, ``remote_file``
reads parts of one, ``advisories`` queries known vulnerabilities, and ``http/`` sends the requests.
"""

from minimirror.upstream.advisories import ADVISORY_LIFETIME, AdvisoryError, vulnerabilities
from minimirror.upstream.http import (
    NETWORK_ERRORS,
    Client,
    FetchError,
    Pace,
    Retry,
    describe,
    netrc_credentials,
    status_error,
)
from minimirror.upstream.index import Index, ListingError, ProjectReply, Root
from minimirror.upstream.remote_file import NoRangesError, RemoteFile
from minimirror.upstream.transfer import check, download, matches

__all__ = [
    "ADVISORY_LIFETIME",
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
    "Root",
    "check",
    "describe",
    "download",
    "matches",
    "netrc_credentials",
    "status_error",
    "vulnerabilities",
]
