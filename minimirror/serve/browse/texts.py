"""What authors wrote, made harmless: it loads nothing and runs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from markupsafe import escape
from pkginfo import Distribution
from simple_repository_browser.fetch_description import (
    PackageInfo,
    RequirementsSequence,
    _parse_requirements,
)

__all__ = ["about", "harmless"]

_PICTURE = re.compile(r"<(?:img|source)\b(?:[^>\"]|\"[^\"]*\")*>")
_ALT = re.compile(r"\balt=\"([^\"]*)\"")
_EXTRA = re.compile(r"[\w.-]+", re.ASCII)


def harmless(info: PackageInfo) -> PackageInfo:
    """Return what a file says, without what would load pictures or run scripts in the page."""
    urls = {name: url for name, url in info.project_urls.items() if url.startswith(("https://", "http://"))}
    return replace(
        info,
        description=_PICTURE.sub(_words_of_picture, info.description),
        project_urls=urls,
        requires_dist=RequirementsSequence(filter(_is_harmless, info.requires_dist)),
    )


def about(metadata: bytes | None) -> PackageInfo:
    """Return what core metadata says, with its description as it was written, and without links."""
    info = Distribution()
    info.parse(metadata or b"")
    return PackageInfo(
        summary=info.summary or "",
        description=f"<pre>{escape(info.description or '')}</pre>",
        author=info.author,
        maintainer=info.maintainer,
        classifiers=info.classifiers,
        requires_dist=_parse_requirements(info),
    )


def _words_of_picture(picture: re.Match[str]) -> str:
    words = _ALT.search(picture[0])
    return f"<span>{words[1]}</span>" if words else ""


def _is_harmless(requirement: Any) -> bool:
    if not requirement.is_valid:
        return True
    extras = RequirementsSequence.extras_for_requirement(requirement)
    return all(map(_EXTRA.fullmatch, extras))
