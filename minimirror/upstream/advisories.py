"""Which releases are known to be vulnerable, by the index's own JSON API.

That API is PyPI's (``…/pypi/PROJECT/VERSION/json`` beside ``…/simple/``); no PEP has it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from minimirror.common import MinimirrorError
from minimirror.upstream.http import FetchError
from minimirror.upstream.index import Index

__all__ = ["KEPT", "AdvisoryError", "vulnerabilities"]

KEPT = 86400.0
"""Seconds after which the index is to be asked again: what it knows of a release changes without a trace."""

MAX_ANSWER = 64 << 20
"""Bytes of an answer, decoded; it repeats the description and the files of the release."""

_SIMPLE = "/simple/"
_MISSING = {404, 410}
_SHOWN = 10
"""Identifiers that are told."""


class AdvisoryError(MinimirrorError):
    """The index does not tell which releases are known to be vulnerable."""


def vulnerabilities(index: Index, project: str, version: str) -> str | None:
    """The identifiers of a release's known vulnerabilities, withdrawn ones aside; None where there are none.

    :raises AdvisoryError: the index has no such API, or answers what is none of it
    :raises FetchError: it cannot be had
    """
    if not index.url.endswith(_SIMPLE):
        raise AdvisoryError(_without(index))
    api = f"{index.url.removesuffix(_SIMPLE)}/pypi/{quote(project)}"
    try:
        return _read(_answer(index, f"{api}/{quote(version)}/json"))
    except FetchError as error:
        if error.status not in _MISSING:
            raise
    try:
        _answer(index, f"{api}/json")
    except FetchError as error:
        if error.status not in _MISSING:
            raise
        raise AdvisoryError(_without(index)) from error
    # The API knows the project, and not this version: it has files without ever having been a release.
    return None


def _without(index: Index) -> str:
    return (
        f"index {index.url}: it has no JSON API that tells vulnerabilities: take `vulnerable` out of the"
        " config"
    )


def _answer(index: Index, url: str) -> Any:
    def read(deadline: float) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        with index.client.get(url, headers, deadline) as reply:
            return b"".join(reply.text_chunks(MAX_ANSWER))

    try:
        return json.loads(index.retry.call(read))
    except (ValueError, RecursionError):
        raise AdvisoryError(f"{url}: is not JSON") from None


def _read(answer: Any) -> str | None:
    found = answer.get("vulnerabilities") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise AdvisoryError("the index's JSON API answers without a list of vulnerabilities")
    known = [str(each.get("id", "unnamed"))[:80] for each in found if isinstance(each, dict) and _holds(each)]
    told = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    return told or None


def _holds(advisory: dict[str, Any]) -> bool:
    return not advisory.get("withdrawn")
