"""HTTP: content type, compression, conditional requests, ranges, credentials."""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .messages import Response

if TYPE_CHECKING:
    from collections.abc import Collection

    from .messages import Request
    from .model import Format

__all__ = ["authorised", "choose_type", "compressed", "conditional", "format_of", "ranged"]

_JSON_TYPES = ("application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json")
_HTML_TYPES = ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html")
_ANY = ("*/*", "text/*", "application/*")


def format_of(content_type: str) -> Format:
    return "json" if content_type in _JSON_TYPES else "html"


def choose_type(accept: str, formats: Collection[Format]) -> str | None:
    """Return the content type of the answer, or None if the client accepts none (PEP 691).

    JSON wins over a type of the same quality; a client that accepts anything gets HTML, if there is any.
    """
    if "json" not in formats:
        return "text/html"
    offered = _JSON_TYPES + (_HTML_TYPES if "html" in formats else ())
    qualities = _qualities(accept or "*/*")
    named = max(offered, key=lambda name: qualities.get(name, 0.0))
    anything = max(qualities.get(name, 0.0) for name in _ANY)
    if qualities.get(named, 0.0) > 0 and qualities[named] >= anything:
        return named.replace("latest", "v1")
    if anything > 0:
        return "text/html" if "html" in formats else _JSON_TYPES[0]
    return None


def compressed(request: Request, response: Response) -> Response:
    """Return the response, compressed with gzip if the client accepts it."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    body = gzip.compress(response.body, mtime=0)
    return replace(response, body=body).with_headers({"Content-Encoding": "gzip"})


def conditional(request: Request, response: Response, etag: str) -> Response:
    """Return the response with its ETag, or 304 if the client has it already."""
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    response = response.with_headers({"ETag": etag})
    if etag in known or "*" in known:
        return replace(response, status=304, body=b"")
    return response


def ranged(request: Request, response: Response) -> Response:
    """Return the requested part (206), a refusal (416), or the whole if no valid range was requested."""
    response = response.with_headers({"Accept-Ranges": "bytes"})
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if match is None or not any(match.groups()) or response.status != 200 or _outdated(request, response):
        return response
    total = len(response.body)
    first, last = _bounds(match[1], match[2], total)
    if first >= total or last < first:
        return Response(416, {"Content-Range": f"bytes */{total}"})
    part = replace(response, status=206, body=response.body[first : last + 1])
    return part.with_headers({"Content-Range": f"bytes {first}-{last}/{total}"})


def authorised(request: Request, auth: tuple[str, str]) -> bool:
    expected = base64.b64encode(":".join(auth).encode()).decode()
    return request.headers.get("authorization") == f"Basic {expected}"


def _qualities(accept: str) -> dict[str, float]:
    qualities = {}
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = [part[2:] for part in parameters if part.startswith("q=")]
        qualities[name] = float(quality[0]) if quality else 1.0
    return qualities


def _bounds(first: str, last: str, total: int) -> tuple[int, int]:
    if not first:
        return max(0, total - int(last)), total - 1
    return int(first), min(int(last), total - 1) if last else total - 1


def _outdated(request: Request, response: Response) -> bool:
    validator = request.headers.get("if-range")
    return validator is not None and validator not in {
        response.headers.get("ETag"),
        response.headers.get("Last-Modified"),
    }
