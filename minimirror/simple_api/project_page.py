"""A project page of the simple API, read into its files.

The rules: the simple API in HTML (PEP 503) and JSON (PEP 691); ``data-requires-python`` (PEP 503), yanked
files (PEP 592), the API version (PEP 629), core metadata (PEP 658, PEP 714), sizes and upload times
(PEP 700), provenance (PEP 740), project status (PEP 792).

pypi-simple reads such pages too, and the tests compare with it; but it reads a page as a whole, so that one
bad entry costs all of them, and it takes 150 ms to import, in each process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin

from minimirror.common import MinimirrorError

__all__ = ["File", "Page", "PageError", "as_serial", "check_version", "read_html", "read_json"]

API_MAJOR = 1
"""The major version of the simple API that is read here (PEP 629)."""

MAX_PROBLEMS = 10_000
"""Entries that cannot be read, more than which make a page none."""

_DIGEST = re.compile(r"[0-9a-fA-F]{32,128}")
_ALGORITHM = re.compile(r"(?:md5|sha|blake)", re.IGNORECASE)
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_MAX_SIZE = 1 << 50
_MAX_SERIAL = 1 << 63
"""What SQLite holds."""


class PageError(MinimirrorError):
    """A page of the index cannot be read."""


class File(NamedTuple):
    """One file as a project page lists it."""

    filename: str
    """As the page gives it: nothing has been checked yet."""

    url: str
    """Absolute, without fragment."""

    digests: Mapping[str, str]
    """Hexadecimal digests in lower case, by hashlib's name of the algorithm; may be empty."""

    size: int | None = None
    """Bytes (PEP 700)."""

    upload_time: float | None = None
    """Seconds since the epoch (PEP 700)."""

    requires_python: str | None = None
    """A version specifier (PEP 345)."""

    yanked: str | None = None
    """Why the file was yanked, maybe empty; None where it was not (PEP 592)."""

    core_metadata: str | None = None
    """``sha256=…`` of the metadata file beside it, or ``true``; None where there is none (PEP 714)."""

    provenance: str | None = None
    """Absolute URL of the file's attestations (PEP 740); None where it has none."""


@dataclass(slots=True)
class Page:
    """A project page."""

    files: list[File] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Entries that could not be read, in words."""

    status: str = "active"
    """The project's status (PEP 792): active, archived, quarantined, deprecated, or one yet to come."""

    serial: int | None = None
    """The index's serial of the project's last change, where it tells them."""


def read_json(body: bytes, url: str) -> Page:
    """Read a page in the JSON format (PEP 691).

    :param body: the page
    :param url: the page's own URL, to which relative ones are joined
    :raises PageError: it is not JSON, or not of that format
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PageError(f"the page is not JSON: {_one_line(error)}") from None
    if not isinstance(data, dict) or not isinstance(data.get("files"), list):
        raise PageError("the page has no list of files")
    meta = data.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    check_version(meta.get("api-version", "1.0"))
    status = data.get("project-status")
    page = Page(serial=as_serial(meta.get("_last-serial")))
    if isinstance(status, dict) and isinstance(status.get("status"), str):
        page.status = status["status"]
    for entry in data["files"]:
        try:
            page.files.append(_json_file(entry, url))
        except (KeyError, TypeError, ValueError) as error:
            _note(page, f"an entry that cannot be read, {_named(entry)}: {_one_line(error)}")
    return page


def _note(page: Page, problem: str) -> None:
    if len(page.problems) == MAX_PROBLEMS:
        raise PageError(f"more than {MAX_PROBLEMS} entries of the page cannot be read; {problem}")
    page.problems.append(problem)


def _named(entry: object) -> str:
    name = entry.get("filename") if isinstance(entry, dict) else entry
    # Anything else may be nested too deep to be written.
    plain = isinstance(name, str | int | float) or name is None
    return repr(str(name)[:80]) if plain else f"a {type(name).__name__}"


def _json_file(entry: Mapping[str, Any], page_url: str) -> File:
    filename, url = entry["filename"], entry["url"]
    if not isinstance(filename, str) or not isinstance(url, str):
        raise TypeError("filename and url must be strings")
    requires_python = entry.get("requires-python")
    yanked = entry.get("yanked")
    return File(
        filename=_text(filename),
        url=_text(_joined(page_url, url).partition("#")[0]),
        digests=_json_digests(entry.get("hashes")),
        size=_json_size(entry.get("size")),
        upload_time=_timestamp(entry.get("upload-time")),
        requires_python=_text(requires_python) if isinstance(requires_python, str) else None,
        yanked=None if not yanked else _text(yanked) if isinstance(yanked, str) else "",
        core_metadata=_json_core_metadata(entry),
        provenance=_provenance(entry.get("provenance"), page_url),
    )


def _text(value: str) -> str:
    """The same, if it is text: JSON may hold halves of characters, which nothing else can.

    :raises ValueError: it does
    """
    if not value.isascii():
        value.encode()
    return value


def _json_digests(hashes: object) -> dict[str, str]:
    if hashes is None:
        return {}
    if not isinstance(hashes, dict):
        raise TypeError("hashes must be an object")
    return {_text(name).lower(): _digest(value) for name, value in hashes.items()}


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("a digest must be hexadecimal")
    return value.lower()


def _json_size(size: object) -> int | None:
    if size is None:
        return None
    if type(size) is not int or not 0 <= size < _MAX_SIZE:
        raise ValueError("size must be a number of bytes")
    return size


def _json_core_metadata(entry: Mapping[str, Any]) -> str | None:
    found = entry.get("core-metadata", entry.get("dist-info-metadata"))
    digest = found.get("sha256") if isinstance(found, dict) else None
    if isinstance(digest, str) and _DIGEST.fullmatch(digest):
        return f"sha256={digest.lower()}"
    return "true" if found else None


class _LinkReader(HTMLParser):
    """Collects the links of a page, its base, and its ``pypi:`` meta elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.meta: dict[str, str] = {}
        self.links: list[dict[str, str]] = []
        self.has_tags = False

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002 - the signature is HTMLParser's
        """Count no lines: nobody asks for them, and it takes a tenth of the time."""
        return j

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of the three elements that matter."""
        self.has_tags = True
        found = {name: value or "" for name, value in reversed(attrs)}
        if tag == "a" and "href" in found:
            self.links.append(found)
        elif tag == "meta" and found.get("name", "").startswith("pypi:"):
            self.meta.setdefault(found["name"][len("pypi:") :], found.get("content", ""))
        elif tag == "base" and self.base is None:
            self.base = found.get("href")


def read_html(body: str, url: str) -> Page:
    """Read a page in the HTML format (PEP 503): each link is a file, named by the last part of its path.

    A link to a folder is none: plain web servers list the parent's.

    :param body: the page
    :param url: the page's own URL, to which its ``<base>``, if any, and relative URLs are joined
    :raises PageError: it is of a newer API version, or no HTML page
    """
    reader = _LinkReader()
    try:
        reader.feed(body)
        # What is left begins with a tag that never ends; to close the parser would take a time that grows
        # with the square of its length.
        if "<" in reader.rawdata:
            raise PageError("the page ends inside a tag")
        base = urljoin(url, reader.base) if reader.base else url
    except (AssertionError, ValueError, RecursionError) as error:
        raise PageError(f"the page is not HTML: {_one_line(error)}") from None
    check_version(reader.meta.get("repository-version", "1.0"))
    if not reader.has_tags:
        raise PageError("the page is not HTML")
    page = Page(status=reader.meta.get("project-status", "active"))
    for link in reader.links:
        try:
            file = _html_file(link, base)
            if file.filename:
                page.files.append(file)
        except ValueError as error:
            _note(page, f"a link that cannot be read, {link['href'][:80]!r}: {_one_line(error)}")
    return page


def _html_file(link: Mapping[str, str], base: str) -> File:
    url, _, fragment = _joined(base, link["href"].strip()).partition("#")
    # Not "://": file:/etc/x and data:,/x are other schemes' ways to say where a file is.
    path = url.partition("?")[0].partition(":")[2].removeprefix("//").partition("/")[2]
    core_metadata = link.get("data-core-metadata", link.get("data-dist-info-metadata", "")).lower()
    return File(
        filename=unquote(path.rpartition("/")[2]),
        url=url,
        digests=_html_digests(fragment),
        upload_time=_timestamp(link.get("data-upload-time")),
        requires_python=link.get("data-requires-python"),
        yanked=link.get("data-yanked"),
        core_metadata=core_metadata if core_metadata not in {"", "false"} else None,
        provenance=_provenance(link.get("data-provenance"), base),
    )


def _html_digests(fragment: str) -> dict[str, str]:
    """The digests in a URL's fragment. What else may stand there means nothing here, ``egg=…`` for one."""
    pairs = (part.partition("=") for part in fragment.split("&"))
    return {name.lower(): _digest(value) for name, _, value in pairs if _ALGORITHM.match(name)}


_PLAIN_URL = re.compile(r"https?://[^\s/?#@\[\]]+/[!-~]*")
"""An absolute URL that joining would leave as it is, at 15 µs a link."""


def _joined(base: str, url: str) -> str:
    return url if _PLAIN_URL.fullmatch(url) and "/." not in url else urljoin(base, url)


def _provenance(url: object, base: str) -> str | None:
    """The absolute URL of a file's attestations, None for what is none: a file does not fail for it."""
    with suppress(ValueError):
        found = _text(_joined(base, url)) if isinstance(url, str) and url else ""
        if found.startswith(("http://", "https://")):
            return found
    return None


def _timestamp(value: object) -> float | None:
    """Seconds since the epoch, None for what is no time: a file does not fail for it."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    date, time, fraction, zone = found.groups(default="")
    try:
        # Python 3.10 reads neither "Z" nor fractions of other than 3 or 6 digits.
        return datetime.fromisoformat(
            f"{date}T{time}.{fraction[:6]:0<6}{zone if zone not in 'Zz' else '+00:00'}"
        ).timestamp()
    except (ValueError, OverflowError):
        return None


def as_serial(value: object) -> int | None:
    """A serial as the index wrote it, in JSON or in a header; None where it is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:  # noqa: PLR2004
        value = int(value)
    return value if type(value) is int and 0 <= value < _MAX_SERIAL else None


def check_version(version: object) -> None:
    """Refuse an API version that is not understood (PEP 629)."""
    text = str(version)[:20] if isinstance(version, str | int | float) else f"a {type(version).__name__}"
    major, _, _ = text.partition(".")
    if not major.isdecimal() or int(major) > API_MAJOR:
        raise PageError(f"the index speaks version {text!r} of the simple API; {API_MAJOR} is understood")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
