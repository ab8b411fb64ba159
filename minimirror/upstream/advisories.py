"""Known vulnerabilities of releases, from the index's JSON API.

That API is PyPI's (``…/pypi/PROJECT/VERSION/json`` beside ``…/simple/``); no PEP describes it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name, canonicalize_version

from minimirror.common import MinimirrorError, shorten
from minimirror.upstream.errors import FetchError
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

    A page may list files that have never been a release. Such a version has none, but only if
    the API lists the project's releases without it, and reports those of the newest release.

    :returns: None if there are none; withdrawn ones do not count
    :raises NoAdvisoriesError: the index has no such API
    :raises AdvisoryError: its response does not fit the API, or it does not report on this release
    :raises FetchError: the response cannot be fetched
    """
    if not index.url.endswith(_SIMPLE):
        raise _no_api(index)
    api = f"{index.url.removesuffix(_SIMPLE)}/pypi/{quote(project)}"
    known = await _of_release(index, api, project, version)
    if known is not None:
        return known or None
    about = await _get(index, f"{api}/json")
    if about is None:
        raise _no_api(index)
    info, releases = about.get("info"), about.get("releases")
    newest = info.get("version") if isinstance(info, dict) else None
    if not isinstance(newest, str) or not isinstance(releases, dict):
        raise AdvisoryError(f"{api}/json: the response has no list of releases")
    listed = [each for each in releases if _is_same(each, version)]
    for spelling in listed:
        known = None if spelling == version else await _of_release(index, api, project, spelling)
        if known is not None:
            return known or None
    if listed or _is_same(newest, version) or await _of_release(index, api, project, newest) is None:
        raise AdvisoryError(
            f"index {index.url} has no JSON API for vulnerabilities of single releases; remove `vulnerable`"
            " from the config"
        )
    return None


async def _of_release(index: IndexReader, api: str, project: str, version: str) -> str | None:
    """Return the identifiers of a release's known vulnerabilities; None if the index does not know it."""
    url = f"{api}/{quote(version)}/json"
    answer = await _get(index, url)
    if answer is None:
        return None
    info = answer.get("info")
    about = info if isinstance(info, dict) else {}
    name, told = about.get("name", project), about.get("version", version)
    if canonicalize_name(str(name)) != project or not _is_same(str(told), version):
        raise AdvisoryError(f"{url}: the response is about {name!s:.80} {told!s:.80}")
    return _identifiers(url, answer)


def _is_same(version: str, other: str) -> bool:
    return canonicalize_version(version) == canonicalize_version(other)


def _no_api(index: IndexReader) -> NoAdvisoriesError:
    return NoAdvisoriesError(
        f"index {index.url} has no JSON API for vulnerabilities; remove `vulnerable` from the config"
    )


async def _get(index: IndexReader, url: str) -> dict[str, Any] | None:
    """Return the response; None if the index has none (HTTP 404, 410)."""
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    try:
        return _parsed(url, (await index.get(url, headers, limit=MAX_ANSWER)).body)
    except FetchError as error:
        if error.not_found:
            return None
        raise


def _parsed(url: str, body: bytes) -> dict[str, Any]:
    # NUL bytes are no separators, but show UTF-16, in which these are not single bytes.
    if sum(map(body.count, (b",", b"[", b"{", b"\0"))) > MAX_VALUES:
        raise AdvisoryError(f"{url}: the response has more than {MAX_VALUES:,} values")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise AdvisoryError(f"{url}: the response is not JSON") from None
    return answer if isinstance(answer, dict) else {}


def _identifiers(url: str, answer: dict[str, Any]) -> str:
    found = answer.get("vulnerabilities")
    if not isinstance(found, list):
        raise AdvisoryError(f"{url}: the response has no list of vulnerabilities")
    # What is no object, or has no identifier, is a vulnerability nevertheless.
    entries = (each if isinstance(each, dict) else {"id": each} for each in found)
    known = [str(each.get("id") or "unnamed")[:80] for each in entries if not each.get("withdrawn")]
    return ", ".join(shorten(known, _SHOWN))
