"""The index on the network: its pages, its files and its advisories.

Requests go two ways. ``client`` sends single ones with requests: the root, questions while resolving,
uploads. ``transfers`` sends many at a time with libcurl: all that workers fetch; ``exchange`` is one of them,
``origins`` says how many may be in progress, and ``sockets`` watches their sockets. Both ways follow the same
rules: ``environment`` says which proxy, CA bundle and credentials to use, ``urls`` and ``addresses`` what may
be requested, ``http`` which redirects are followed, ``decoding`` how long a body may be, ``retry`` how long
to wait, ``room`` which pages may be in memory, and ``errors`` what went wrong.

On them stand ``reader``, which reads the pages of the simple API, ``links``, which reads one page of links
to files as such an index, ``index``, which waits for each answer, ``downloading``, which fetches and verifies
one file into a ``target``, ``remote_file``, which reads parts of one, and ``advisories``, which queries known
vulnerabilities.

Credentials are sent to their own host only, and never appear in a message, a log or a URL that leaves this
room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror.common import lazy
from minimirror.upstream.advisories import (
    ADVISORY_LIFETIME,
    AdvisoryError,
    NoAdvisoriesError,
    vulnerabilities,
)
from minimirror.upstream.client import Client
from minimirror.upstream.downloading import Downloaded, check, download, matches
from minimirror.upstream.environment import netrc_credentials
from minimirror.upstream.errors import NETWORK_ERRORS, FetchError, network_error, status_error
from minimirror.upstream.http import Request, completed
from minimirror.upstream.index import Index, Indexes, ListingError, Root
from minimirror.upstream.links import reader_of
from minimirror.upstream.reader import IndexAddress, IndexReader, ProjectReply
from minimirror.upstream.remote_file import NoRangesError, RemoteFile
from minimirror.upstream.retry import Pace, Retry
from minimirror.upstream.room import AsyncRoom
from minimirror.upstream.target import PartialFile, Target

if TYPE_CHECKING:
    from minimirror.upstream.transfers import STREAMS, Transfers

__all__ = [
    "ADVISORY_LIFETIME",
    "NETWORK_ERRORS",
    "STREAMS",
    "AdvisoryError",
    "AsyncRoom",
    "Client",
    "Downloaded",
    "FetchError",
    "Index",
    "IndexAddress",
    "IndexReader",
    "Indexes",
    "ListingError",
    "NoAdvisoriesError",
    "NoRangesError",
    "Pace",
    "PartialFile",
    "ProjectReply",
    "RemoteFile",
    "Request",
    "Retry",
    "Root",
    "Target",
    "Transfers",
    "check",
    "completed",
    "download",
    "matches",
    "netrc_credentials",
    "network_error",
    "reader_of",
    "status_error",
    "vulnerabilities",
]

# A run that has nothing to do needs no libcurl.
__getattr__ = lazy(__name__, {"transfers": "STREAMS Transfers"})
