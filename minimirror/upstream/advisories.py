"""Known vulnerabilities of releases, from the index's JSON API.

That API is PyPI's (``…/pypi/PROJECT/VERSION/json`` beside ``…/simple/``); no PEP describes it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from minimirror.common import MinimirrorError, shorten
from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import Request
from minimirror.upstream.reader import IndexReader

__all__ = ["ADVISORY_LIFETIME", "AdvisoryError", "NoAdvisoriesError", "vulnerabilities"]

ADVISORY_LIFETIME = 86400.0
"""Seconds until the index must be asked again: no serial or ETag shows when an advisory changes."""

MAX_ANSWER = 4 << 20
"""Bytes of a response, decoded; it repeats the description and the files of the release."""

MAX_VALUES = 200_000
"""Values of a response: one of two bytes may take two hundred bytes of memory."""

_SIMPLE = "/simple/"
_SHOWN = 10
"""Identifiers in a message."""


class AdvisoryError(MinimirrorError):
    """The index does not report known vulnerabilities."""


class NoAdvisoriesError(AdvisoryError):
    """The index has no API for known vulnerabilities."""


async def vulnerabilities(index: IndexReader, project: str, version: str) -> str | None:
    """Return the identifiers of a release's known vulnerabilities: ``PYSEC-2024-1, GHSA-…``.

    :returns: None if there are none; withdrawn ones do not count
    :raises NoAdvisoriesError: the index has no such API
    :raises AdvisoryError: its response does not fit the API
    :raises FetchError: the response cannot be fetched
    """
    if not index.url.endswith(_SIMPLE):
        raise _no_api(index)
    api = f"{index.url.removesuffix(_SIMPLE)}/pypi/{quote(project)}"
    release = f"{api}/{quote(version)}/json"
    answer = await _get(index, release)
    if answer is not None:
        return _identifiers(release, answer)
    if await _get(index, f"{api}/json") is None:
        raise _no_api(index)
    # The API knows the project, but not this version, which has files without ever having been a release.
    return None


def _no_api(index: IndexReader) -> NoAdvisoriesError:
    return NoAdvisoriesError(
        f"index {index.url} has no JSON API for vulnerabilities; remove `vulnerable` from the config"
    )


async def _get(index: IndexReader, url: str) -> dict[str, Any] | None:
    """Return the response; None if the index has none (HTTP 404, 410)."""
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}

    async def read(deadline: float) -> bytes:
        return (await index.http.get(Request(url, headers, deadline, limit=MAX_ANSWER))).body

    try:
        body = await index.retry.call(read, index.http.pause)
    except FetchError as error:
        if error.not_found:
            return None
        raise
    return _parsed(url, body)


def _parsed(url: str, body: bytes) -> dict[str, Any]:
    # NUL bytes are no separators, but show UTF-16, in which these are not single bytes.
    if sum(map(body.count, (b",", b"[", b"{", b"\0"))) > MAX_VALUES:
        raise AdvisoryError(f"{url}: the response has more than {MAX_VALUES:,} values")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise AdvisoryError(f"{url}: the response is not JSON") from None
    return answer if isinstance(answer, dict) else {}


def _identifiers(url: str, answer: dict[str, Any]) -> str | None:
    found = answer.get("vulnerabilities")
    if not isinstance(found, list):
        raise AdvisoryError(f"{url}: the response has no list of vulnerabilities")
    known = [
        str(each.get("id", "unnamed"))[:80]
        for each in found
        if isinstance(each, dict) and not each.get("withdrawn")
    ]
    return ", ".join(shorten(known, _SHOWN)) or None
