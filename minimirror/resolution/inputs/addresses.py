"""Addresses in place of a project's name, or after it and ``@`` (PEP 508): URLs and local paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from minimirror.common import printable, quoted
from minimirror.distributions import projects_named

__all__ = ["Address", "kind_of_address", "kind_of_url", "name_like", "parse_requirement"]

_URL = re.compile(r"(?:https?|ftp|file|ssh|(?:git|hg|svn|bzr)(?:\+[a-z]+)?):", re.IGNORECASE)
_VCS = re.compile(r"(?:ssh|git|hg|svn|bzr)[+:]", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$", re.IGNORECASE)
_WITH_EXTRAS = re.compile(r"(?P<address>.*?)\s*(?:\[(?P<extras>[^\[\]]*)\])?", re.DOTALL)
_EGG = re.compile(r"(?:^|&)egg=([A-Za-z0-9._-]+)")
_DIGEST = re.compile(r"\b(sha256|sha384|sha512)=([0-9a-f]+)\b")


def kind_of_address(text: str) -> str | None:
    """Return the kind of address in place of a project's name; None if it may be a name."""
    before = text.partition(";")[0].strip()
    if _URL.match(before):
        return kind_of_url(before)
    before = _without_extras(before)[0]
    if before.startswith((".", "/")):
        return "a local path"
    is_path = "/" in before or "\\" in before or _ARCHIVE.search(before)
    # PROJECT @ URL contains all of these too.
    return "a local path" if is_path and "@" not in before else None


def kind_of_url(url: str) -> str:
    """Return the kind of a URL."""
    if _VCS.match(url):
        return "a version control URL"
    return "a local path" if url.lower().startswith("file:") else "a URL"


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement as pip does.

    :raises ValueError: it is invalid
    """
    try:
        # pip allows an empty marker.
        return Requirement(text.strip().removesuffix(";"))
    except InvalidRequirement as error:
        cause = printable((str(error) or "could not parse it").splitlines()[0])
        raise ValueError(f"invalid requirement {quoted(text, 200)}: {cause}") from None


def _without_extras(text: str) -> tuple[str, str]:
    found = _WITH_EXTRAS.fullmatch(text)
    return (found["address"], found["extras"] or "") if found else (text, "")


class Address(NamedTuple):
    """A parsed address."""

    url: str
    """The URL or path, without a fragment."""

    fragment: str = ""
    extras: frozenset[str] = frozenset()
    marker: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse an address that is in place of a project's name."""
        # A URL may contain a semicolon, so only one after a space ends it (PEP 508).
        before, _, marker = text.strip().partition(" ;" if _URL.match(text.strip()) else ";")
        url, _, fragment = before.strip().partition("#")
        url, extras = _without_extras(url)
        names = frozenset(name_like(each) for each in extras.split(",") if each.strip())
        return cls(url, fragment, names, marker.strip())

    @classmethod
    def of(cls, requirement: Requirement) -> Address:
        """Return the address of ``PROJECT @ URL``."""
        url, _, fragment = (requirement.url or "").partition("#")
        marker = str(requirement.marker or "")
        return cls(url, fragment, frozenset(map(canonicalize_name, requirement.extras)), marker)

    def path(self, folder: Path) -> Path:
        """Return the local path.

        :param folder: where relative paths start
        """
        if self.url.lower().startswith("file:"):
            text = self.url[5:].replace("${PROJECT_ROOT}", folder.as_posix())
            return folder / url2pathname(urlsplit(text).path if text.startswith("//") else text)
        path = folder / self.url
        # pip starts at the current folder instead.
        return path if path.exists() else next(filter(Path.exists, [Path(self.url).absolute()]), path)

    @property
    def filename(self) -> str:
        """The last component of the path."""
        return unquote(re.split(r"[/\\]", self.url.partition("?")[0].rstrip("/\\"))[-1])

    @property
    def pinned(self) -> list[str]:
        """The digests in the fragment, such as ``sha256:…``."""
        return [f"{found[1]}:{found[2]}" for found in _DIGEST.finditer(self.fragment.lower())]

    @property
    def project(self) -> str:
        """The project that the fragment or the filename names, normalized, as far as one can tell."""
        if egg := _EGG.search(self.fragment):
            return name_like(egg[1])
        named = projects_named(self.filename)
        return named[-1] if named else name_like(self.filename.partition("@")[0].removesuffix(".git"))


def name_like(text: str) -> str:
    """Return a valid normalized name that is like a text."""
    return canonicalize_name(re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")) or "unnamed"
