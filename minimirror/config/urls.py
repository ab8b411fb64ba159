"""URLs of indexes: checked, and compared."""

from __future__ import annotations

import ast
import re
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import PlainValidator

from minimirror.common import ascii_netloc
from minimirror.config.words import matching

__all__ = [
    "PLAIN_URL",
    "IndexUrl",
    "Scheduler",
    "comparable_url",
    "default_index_url",
    "index_url",
    "is_page",
    "page_url",
]


def default_index_url() -> str:
    """Return PyPI's URL, ``pypi_simple.PYPI_SIMPLE_ENDPOINT``.

    It is read from the package's source if it is plain text there. Importing the package loads its HTML
    parser, which takes longer than everything else that most commands do.
    """
    spec = find_spec("pypi_simple")
    loader = spec.loader if spec else None
    source = loader.get_source("pypi_simple") if isinstance(loader, InspectLoader) else None
    for statement in ast.parse(source or "").body:
        match statement:
            case ast.AnnAssign(ast.Name("PYPI_SIMPLE_ENDPOINT"), value=ast.Constant(str(url))):
                return url
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return PYPI_SIMPLE_ENDPOINT


def index_url(value: object) -> str:
    """Return the URL of an index, ending in ``/``.

    :raises ValueError: as :func:`page_url`; or it is the URL of a page
    """
    url = page_url(value)
    if is_page(url):
        raise ValueError(
            'is a page, not an index: if it lists links to files, add it to "indexes", with'
            ' "kind": "find-links"'
        )
    return url if url.endswith("/") else f"{url}/"


def is_page(url: str) -> bool:
    """Return whether a URL ends in the name of an HTML page."""
    return url.lower().endswith((".html", ".htm"))


def page_url(value: object) -> str:
    """Return the URL as it is written.

    :raises ValueError: if it is not a URL of an index. The message never repeats it: it may hold a password
    """
    url = value.strip() if isinstance(value, str) else ""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must be a URL without spaces")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "invalid URL: check its host and port, and write / @ : in a password as %2F %40 %3A"
        ) from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError('must be a URL that starts with "https://" or "http://"')
    if not host:
        raise ValueError('the URL has no host: write it like "https://index.example.org/simple/"')
    try:
        ascii_netloc(parts.netloc)
    except ValueError:
        raise ValueError("the host name in the URL is invalid") from None
    if "?" in url or "#" in url:
        raise ValueError('must end with its path, such as "/simple/": remove "?" or "#" and what follows')
    return url


def comparable_url(url: str) -> str:
    """Return a URL as indexes are compared: without credentials, default port and slash at its end."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(port)
    return urlunsplit(parts._replace(netloc=host)).rstrip("/")


PLAIN_URL = r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+\s*$"
IndexUrl = Annotated[str, PlainValidator(index_url), matching(PLAIN_URL)]


def _scheduler(value: object) -> str:
    """Return the address of a Dask scheduler.

    :raises ValueError: it has another form
    """
    address = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(_SCHEDULER, address):
        raise ValueError(
            'must be the address of a Dask scheduler, such as "tcp://scheduler:8786" or "tls://…"'
        )
    return address


_SCHEDULER = r"(tcp|tls|ws|wss)://([\w.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
Scheduler = Annotated[str, PlainValidator(_scheduler), matching(rf"^\s*{_SCHEDULER}\s*$")]
