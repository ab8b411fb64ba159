"""The index's address in the config."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainValidator, WithJsonSchema

__all__ = ["IndexUrl", "index_url"]


def index_url(value: object) -> str:
    """Return the URL, ending in ``/``. No message repeats it: it may hold a password."""
    url = value.strip() if isinstance(value, str) else ""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must be a URL without spaces")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "is not a URL: look at its host and port, and write / @ : in a password as %2F %40 %3A"
        ) from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError('must be a URL that starts with "https://" or "http://"')
    if not host:
        raise ValueError('names no host, as in "https://index.example.org/simple/"')
    if "?" in url or "#" in url:
        raise ValueError('must end with its path, such as "/simple/": leave out "?" and "#" and what follows')
    return url if url.endswith("/") else url + "/"


IndexUrl = Annotated[
    str,
    PlainValidator(index_url),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+\s*$"}),
]
