"""What the pages for people have in common: they load nothing, and are light or dark as the system is."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response

__all__ = ["COPY", "is_secure", "web_page"]

_HERE = Path(__file__).parent

COPY = (_HERE / "copy.js").read_text("utf-8")
"""JavaScript: a button that copies the text of an element."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE = Template((_HERE / "page.html").read_text("utf-8"))


def web_page(title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page for people.

    :param title: text
    :param body: HTML
    """
    content = _PAGE.substitute(title=escape(title), body=body)
    return HTMLResponse(content, status, {**_HEADERS, **(headers or {})})


def is_secure(scheme: str, host: str) -> bool:
    """Return whether installers trust a server without an option: it has TLS, or is on this machine."""
    return scheme == "https" or host in {"localhost", "::1"} or host.startswith("127.")
