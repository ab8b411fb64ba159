"""A project page, read into its files: HTML (PEP 503) or JSON (PEP 691).

Both may say more: ``data-requires-python`` (PEP 503), yanked files (PEP 592), the API version (PEP 629), core
metadata (PEP 658, PEP 714), sizes and upload times (PEP 700), provenance (PEP 740), project status (PEP 792).

pypi-simple reads such pages too, and the tests compare the results. But it rejects the whole page for one bad
entry, and takes 150 ms to import in each process.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin

from packaging.utils import canonicalize_name

from minimirror.common import KNOWN_ALGORITHMS
from minimirror.simple_api.entry_values import (
    DIGEST,
    digests_of,
    joined,
    provenance_of,
    size_of,
    specifier_of,
    text_of,
    timestamp_of,
)
from minimirror.simple_api.json_text import MAX_VALUE, JsonText
from minimirror.simple_api.link_reader import MAX_FILES, LinkReader
from minimirror.simple_api.protocol import (
    ACTIVE,
    JSON_TYPE,
    OtherPageError,
    PageError,
    check_version,
    parse_content_type,
    parse_serial,
)
from minimirror.simple_api.web_page import FILE, WebPage

__all__ = ["File", "Page", "read_html", "read_json", "read_page"]

MAX_PROBLEMS = 10_000
"""Entries that cannot be read; a page with more is rejected."""

_ALGORITHM = re.compile(r"(?:md5|sha|blake)", re.IGNORECASE)
_NO_ALGORITHM = {"egg", "subdirectory"}
"""What else pip knows in the fragment of a URL."""

MAX_SPECIFIERS = 200_000
"""Characters of all different requires-python of a page: a second of work for six targets."""

_STEP = 1 << 18
"""Bytes of a long page to parse at once."""


class File(NamedTuple):
    """One file as a project page lists it."""

    filename: str
    """As on the page: nothing has been checked yet."""

    url: str
    """Absolute, without fragment."""

    digests: Mapping[str, str]
    """Hexadecimal digests in lower case, by algorithm, as hashlib names it; may be empty. That of an
    unknown algorithm may have another form.
    """

    size: int | None = None
    """Bytes (PEP 700)."""

    upload_time: float | None = None
    """Seconds since the epoch (PEP 700)."""

    requires_python: str | None = None
    """A version specifier (PEP 345); :func:`read_page` drops invalid ones, as pip does."""

    yanked: str | None = None
    """Why the file was yanked, maybe empty; None if it was not (PEP 592)."""

    core_metadata: str | None = None
    """``sha256=…`` of the metadata file beside it, or ``true``; None if there is none (PEP 714)."""

    provenance: str | None = None
    """Absolute URL of the file's attestations (PEP 740); None if it has none."""

    pinned: tuple[str, ...] = ()
    """Digests such as ``sha256:…`` that requirements pin; unless there are none, it must have one of them."""

    @property
    def verifiable(self) -> bool:
        """Whether it has a digest of a known algorithm, so that its bytes can be checked."""
        algorithms = (each.partition(":")[0] for each in self.pinned)
        return not KNOWN_ALGORITHMS.isdisjoint((*self.digests, *algorithms))


@dataclass(slots=True)
class Page:
    """A project page."""

    files: list[File] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A message for each entry that cannot be read."""

    invalid_pythons: dict[str, str] = field(default_factory=dict)
    """Each Requires-Python that was dropped because it is invalid, by filename."""

    status: str = ACTIVE
    """The project's status: a :data:`ProjectStatus`, or one that a later PEP adds."""

    serial: int | None = None
    """The serial of the project's last change, if the index has serials."""


def read_page(body: bytes, content_type: str | None, url: str) -> Page:
    """Read a page in the format that its Content-Type names.

    :param url: the page's own URL, to which relative URLs are joined
    :raises PageError: it cannot be read
    """
    media_type, charset = parse_content_type(content_type)
    page = read_json(body, url) if media_type == JSON_TYPE else read_html(body, url, charset)
    specifiers = {file.requires_python or "" for file in page.files}
    if sum(map(len, specifiers)) > MAX_SPECIFIERS:
        raise PageError(f"the page has more than {MAX_SPECIFIERS:,} characters of different requires-python")
    if not all(map(_is_specifier, specifiers)):
        _drop_invalid_pythons(page)
    return page


def _drop_invalid_pythons(page: Page) -> None:
    for at, file in enumerate(page.files):
        if file.requires_python is not None and not _is_specifier(file.requires_python):
            page.invalid_pythons[file.filename] = file.requires_python
            page.files[at] = file._replace(requires_python=None)


@functools.lru_cache(maxsize=4096)
def _is_specifier(text: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - not every process needs it

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def read_json(body: bytes, url: str) -> Page:
    """Read a page in the JSON format (PEP 691).

    :param url: the page's own URL, to which relative URLs are joined
    :raises PageError: it cannot be read
    """
    page = Page()
    listed = False
    for name, value in _members(body):
        if name == "files":
            listed = True
            page.files, page.problems = [], []
            _take_files(page, value, url)
        elif name == "meta" and isinstance(value, dict):
            check_version(value.get("api-version", "1.0"))
            page.serial = parse_serial(value.get("_last-serial"))
        elif name == "project-status" and isinstance(value, dict) and isinstance(value.get("status"), str):
            page.status = value["status"]
    if not listed:
        raise PageError("the page has no list of files")
    return page


def _members(body: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the members of a page that mean something. A long page's files are an iterator, to be read first.

    :raises PageError: it is not JSON
    """
    if len(body) > MAX_VALUE:
        steps = (body[at : at + _STEP] for at in range(0, len(body), _STEP))
        encoding = json.detect_encoding(body)
        text = JsonText(steps, "the page", "utf-8-sig" if encoding == "utf-8" else encoding)
        for name in text.members():
            if name == "files" and text.peek() == "[":
                yield name, text.items()
            elif name in {"meta", "project-status", "files"}:
                yield name, text.value()
            else:
                text.skip()
        return
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"<":
            page = WebPage()
            page.feed(body[:_STEP].decode("utf-8", "replace"))
            if page.title:
                raise OtherPageError(page.title, "the page is not JSON: ") from None
        raise PageError(f"the page is not JSON: {error!s:.100}") from None
    if isinstance(data, dict):
        # The version first: other versions may have other files.
        yield from sorted(data.items(), key=lambda member: member[0] != "meta")


def _take_files(page: Page, entries: object, url: str) -> None:
    if not isinstance(entries, list | Iterator):
        raise PageError("the page has no list of files")
    for entry in entries:
        try:
            page.files.append(_json_file(entry, url))
        except ValueError as error:
            name = entry.get("filename") if isinstance(entry, dict) else entry
            # Other types may be nested too deep to print.
            which = f"the entry {repr(name)[:80]}" if isinstance(name, str | int | float) else "an entry"
            _report(page, f"cannot read {which}: {error!s:.100}")
        if len(page.files) > MAX_FILES:
            raise PageError(f"the page lists more than {MAX_FILES:,} files")


def _report(page: Page, problem: str) -> None:
    if len(page.problems) == MAX_PROBLEMS:
        raise PageError(f"the page has more than {MAX_PROBLEMS} invalid entries; the last: {problem}")
    page.problems.append(problem)


def _json_file(entry: object, page_url: str) -> File:
    if not isinstance(entry, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - not a programming error
    filename, url = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(url, str):
        raise ValueError("filename and url must be strings")  # noqa: TRY004
    hashes, requires_python = entry.get("hashes"), entry.get("requires-python")
    yanked = entry.get("yanked")
    return File(  # without keywords, which double the time that it takes
        text_of(filename),
        text_of(joined(page_url, url).partition("#")[0]),
        digests_of(hashes.items()) if isinstance(hashes, dict) else {},
        size_of(entry.get("size")),
        timestamp_of(entry.get("upload-time")),
        specifier_of(requires_python) if isinstance(requires_python, str) else None,
        None if not yanked else text_of(yanked) if isinstance(yanked, str) else "",
        _json_core_metadata(entry),
        provenance_of(entry.get("provenance"), page_url),
    )


def _json_core_metadata(entry: Mapping[str, Any]) -> str | None:
    found = entry.get("core-metadata", entry.get("dist-info-metadata"))
    digest = found.get("sha256") if isinstance(found, dict) else None
    if isinstance(digest, str) and DIGEST.fullmatch(digest):
        return f"sha256={digest.lower()}"
    return "true" if found else None


def read_html(body: bytes, url: str, encoding: str = "utf-8") -> Page:
    """Read a page in the HTML format (PEP 503): each link is a file, named by the last part of its path.

    A link to a folder is not: plain web servers list the parent folder.

    :param url: the page's own URL, to which its ``<base>``, if any, and relative URLs are joined
    :raises PageError: it cannot be read
    """
    reader = LinkReader()
    reader.read_page(body, encoding)
    try:
        base = urljoin(url, reader.base) if reader.base else url
    except ValueError as error:
        raise PageError(f"the page has an invalid base: {error!s:.100}") from None
    check_version(reader.meta.get("repository-version", "1.0"))
    page = Page(status=reader.meta.get("project-status", ACTIVE))
    for link in reader.links:
        try:
            file = _html_file(link, base)
            if file.filename:
                page.files.append(file)
        except ValueError as error:
            _report(page, f"cannot read the link {link['href'][:80]!r}: {error!s:.100}")
    if not any(file.digests or FILE.search(file.filename) for file in page.files):
        reader.check_is_index(canonicalize_name(unquote(url.rstrip("/").rpartition("/")[2])))
    return page


def _html_file(link: Mapping[str, str], base: str) -> File:
    url, _, fragment = joined(base, link["href"].strip()).partition("#")
    # Not "://": other schemes write file:/etc/x and data:,/x.
    path = url.partition("?")[0].partition(":")[2].removeprefix("//").partition("/")[2]
    core_metadata = link.get("data-core-metadata", link.get("data-dist-info-metadata", "")).lower()
    return File(
        filename=unquote(path.rpartition("/")[2]),
        url=url,
        digests=_html_digests(fragment),
        upload_time=timestamp_of(link.get("data-upload-time")),
        requires_python=specifier_of(link.get("data-requires-python")),
        yanked=link.get("data-yanked"),
        core_metadata=core_metadata if core_metadata not in {"", "false"} else None,
        provenance=provenance_of(link.get("data-provenance"), base),
    )


def _html_digests(fragment: str) -> dict[str, str]:
    """Return the digests in a URL's fragment; ignore anything else, such as ``egg=…``."""
    pairs = (part.partition("=") for part in unquote(fragment).split("&"))
    return digests_of((name, value) for name, _, value in pairs if _is_digest(name, value))


def _is_digest(name: str, value: str) -> bool:
    return bool(_ALGORITHM.match(name) or (DIGEST.fullmatch(value) and name.lower() not in _NO_ALGORITHM))
