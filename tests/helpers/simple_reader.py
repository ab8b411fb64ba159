"""Read the static index as a client does, and find what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pypi_simple import DistributionPackage, IndexPage, ProjectPage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BASE", "digest", "pages", "read", "statuses", "untrue"]

BASE = "https://example.org/simple/"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pages(repository: Path) -> dict[str, dict[str, DistributionPackage]]:
    """Return the files of each project that the root lists, from JSON; HTML must agree."""
    found = read(repository, "index.json")
    html = read(repository, "index.html")
    assert [(project, list(files)) for project, files in found.items()] == [
        (project, list(files)) for project, files in html.items()
    ]
    return found


def read(repository: Path, name: str) -> dict[str, dict[str, DistributionPackage]]:
    """Read one format, at any moment of a run; return nothing if there is no root yet."""
    simple = repository / "simple"
    projects = _root(simple / name) if (simple / name).exists() else []
    return {each: {file.filename: file for file in _page(simple / each / name).packages} for each in projects}


def statuses(repository: Path) -> dict[str, str | None]:
    """Return the status of each project."""
    return {path.parent.name: _page(path).status for path in (repository / "simple").glob("*/index.html")}


def untrue(repository: Path) -> list[str]:
    """Return what the pages of each format list and the folder does not have, at any moment of a run."""
    simple = repository / "simple"
    found = []
    for name in ("index.json", "index.html"):
        listed = _root(simple / name) if (simple / name).exists() else []
        found += [f"{name}: {each} has no page" for each in listed if not (simple / each / name).is_file()]
        for path in simple.glob(f"*/{name}"):
            found += [f"{path.parent.name}/{name}: {problem}" for problem in _untrue(repository, path)]
    return found


def _untrue(repository: Path, path: Path) -> Iterator[str]:
    for each in _page(path).packages:
        assert unquote(each.url) == f"{BASE.removesuffix('simple/')}{each.filename}"
        named = {each.filename: each.digests}
        if each.has_metadata:
            named[f"{each.filename}.metadata"] = each.metadata_digests or {}
        for name, digests in named.items():
            if not (repository / name).is_file():
                yield f"{name} is not there"
            elif digests != {"sha256": digest((repository / name).read_bytes())}:
                yield f"{name} is another"


def _root(path: Path) -> list[str]:
    content = path.read_bytes()
    if path.suffix == ".json":
        return IndexPage.from_json_data(json.loads(content)).projects
    return IndexPage.from_html(content, "utf-8").projects


def _page(path: Path) -> ProjectPage:
    project, content = path.parent.name, path.read_bytes()
    url = f"{BASE}{project}/"
    if path.suffix == ".json":
        return ProjectPage.from_json_data(json.loads(content), url)
    return ProjectPage.from_html(project, content, url, "utf-8")
