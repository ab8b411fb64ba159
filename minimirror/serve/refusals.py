"""How a request is refused: always with words, as a page for browsers and as text for others."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from minimirror.common import printable
from minimirror.serve.accept import TYPES, choose_type
from minimirror.serve.web import web_page

__all__ = ["UPLOAD_PATHS", "allowed_methods", "refusal"]

UPLOAD_PATHS = ("/", "/simple/", "/simple", "/legacy/", "/legacy")
"""The paths that take uploads."""


def allowed_methods(scope: Scope) -> str:
    """Return the methods that a path has, for the header ``Allow`` (RFC 9110, 10.2.1)."""
    prefix = scope.get("app_root_path", scope.get("root_path", ""))
    takes_uploads = scope["path"].removeprefix(prefix) in UPLOAD_PATHS
    return f"GET, HEAD, OPTIONS{', POST' if takes_uploads else ''}"


async def refusal(request: Request, error: Any) -> Response:
    """Return the response to a request that is refused.

    :param error: an ``HTTPException``; Starlette's own have the name of the status instead of words
    """
    why, headers = error.detail, error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        why = f"{request.method} is not supported here"
        if request.method == "POST":
            why += f"; upload to {request.base_url}"
        headers = {"Allow": allowed_methods(request.scope)}
    elif why == HTTPStatus.NOT_FOUND.phrase:
        why = "there is nothing at this address"
    accept = request.headers.get("accept", "")
    if "text/html" in accept and choose_type(accept, TYPES) == "text/html":
        title = HTTPStatus(error.status_code).phrase
        return web_page(title, f"<h1>{title}</h1>\n<p>{escape(why)}</p>", error.status_code, headers)
    return PlainTextResponse(f"{printable(why)}\n", error.status_code, headers)
