"""The resolver: the releases that requirements need on a target, with all dependencies.

It is uv, run once per input and target (``resolver``, ``process``, ``platform``) over an HTTP server on
loopback (``index_server``) that shows the part of the index that the policy allows for the target
(``filtered_index``, ``fetcher``). So every rule applies to the resolution, and all requests to the index use
minimirror's own credentials, proxies, retries and bounds. ``sdist`` reads what an sdist is built with;
``explanation`` turns uv's errors into messages for the user.
"""

from minimirror.resolution.uv.model import Resolution, ResolveError
from minimirror.resolution.uv.resolver import resolve

__all__ = ["Resolution", "ResolveError", "resolve"]
