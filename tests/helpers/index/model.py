"""What an index has, and how it answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict
from urllib.parse import quote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["UPLOADED", "Advisory", "Details", "File", "Format", "Manner", "Project"]

Format = Literal["json", "html"]

UPLOADED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
"""When a file was uploaded, where the test does not say."""


class Details(TypedDict, total=False):
    """What a page says about a file. See `File`."""

    upload_time: datetime | str | None
    requires_python: str | None
    yanked: bool | str
    version: str | None
    hashes: bool | Mapping[str, str]
    size: bool | int
    core_metadata: bytes | Mapping[str, str] | bool | None
    url: str | None


@dataclass(frozen=True)
class File:
    """One file of a project."""

    project: str
    filename: str
    content: bytes = field(repr=False)
    upload_time: datetime | str | None = UPLOADED
    """A string goes on the page as it is."""
    requires_python: str | None = None
    yanked: bool | str = False
    """True, or a reason."""
    version: str | None = None
    """Read from the filename where it is left out."""
    hashes: bool | Mapping[str, str] = True
    """True for the content's sha256; a mapping goes on the page as it is, even if it is wrong."""
    size: bool | int = True
    """True for the content's size; a number goes on the page as it is, even if it is wrong."""
    core_metadata: bytes | Mapping[str, str] | bool | None = None
    """The metadata to serve, or only what the page says about it."""
    url: str | None = None
    """The URL on the page, if it is not that of the content."""
    copy: int = 0
    """Distinguishes files with the same name."""

    @property
    def path(self) -> str:
        """Return the path of the content, percent-decoded."""
        copy = f"{self.copy}/" if self.copy else ""
        return f"/files/{canonicalize_name(self.project)}/{copy}{self.filename}"

    @property
    def quoted_path(self) -> str:
        """Return the path of the content in a URL, with the filename as one component."""
        folder = self.path.removesuffix(self.filename)
        return quote(folder) + quote(self.filename, safe="")

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def said_hashes(self) -> dict[str, str]:
        if isinstance(self.hashes, bool):
            return {"sha256": self.sha256} if self.hashes else {}
        return dict(self.hashes)

    @property
    def said_size(self) -> int | None:
        if isinstance(self.size, bool):
            return len(self.content) if self.size else None
        return self.size

    @property
    def said_upload_time(self) -> str | None:
        if isinstance(self.upload_time, datetime):
            return self.upload_time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self.upload_time

    @property
    def said_core_metadata(self) -> dict[str, str] | bool | None:
        if isinstance(self.core_metadata, bytes):
            return {"sha256": hashlib.sha256(self.core_metadata).hexdigest()}
        if self.core_metadata is None or isinstance(self.core_metadata, bool):
            return self.core_metadata
        return dict(self.core_metadata)

    @property
    def said_version(self) -> str | None:
        if self.version is not None:
            return self.version
        try:
            if self.filename.endswith(".whl"):
                return str(parse_wheel_filename(self.filename)[1])
            return str(parse_sdist_filename(self.filename)[1])
        except (InvalidWheelFilename, InvalidSdistFilename):
            return None


class Advisory(NamedTuple):
    """A known vulnerability of a release."""

    id: str
    withdrawn: str | None = None
    """When it was withdrawn."""


@dataclass
class Project:
    """One project of the index."""

    name: str
    serial: int = 0
    files: list[File] = field(default_factory=list)
    status: str | None = None
    status_reason: str | None = None
    advisories: dict[str, list[Advisory]] = field(default_factory=dict)
    """By version."""

    @property
    def key(self) -> str:
        return canonicalize_name(self.name)

    @property
    def versions(self) -> list[str]:
        return sorted({version for file in self.files if (version := file.said_version) is not None})


@dataclass
class Manner:
    """How an index answers. Every field may be changed at any time."""

    formats: Collection[Format] = ("json", "html")
    """The formats it offers. HTML only is a server older than PEP 691, which ignores Accept."""
    serials: bool = True
    etags: bool = True
    ranges: bool = True
    relative_urls: bool = False
    base_href: str | None = None
    """A project page in HTML has this ``<base>``, and URLs relative to it."""
    digests: bool = True
    """Pages have the files' digests."""
    html_upload_times: bool = False
    """HTML pages have ``data-upload-time``, which is in no PEP."""
    gzip: bool = False
    """Pages are compressed for a client that accepts it."""
    json_api: bool | Literal["projects"] = True
    """PyPI's JSON API exists beside the simple API."""
    auth: tuple[str, str] | None = None
    latency: float = 0.0
    """Seconds before each answer."""
    api_version: str = "1.4"
