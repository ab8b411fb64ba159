"""What the other index has already: by the digests on its pages, so that no file is read for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import algorithms_guaranteed

from minimirror.publish.push.holdings import Holding
from minimirror.simple_api import File, PageError
from minimirror.upstream import FetchError, Index, Retry, check

__all__ = ["Compared", "compare", "listed_at_once"]

_NO_PROJECT = {301, 302, 303, 307, 308, 404, 410}
"""The statuses that say: there is none here. A redirect leads to another host: see ``Client``."""


@dataclass(slots=True)
class Compared:
    """What of a project is there."""

    missing: list[Holding] = field(default_factory=list)
    present: list[Holding] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    """Those of the present of which the index tells no digest."""

    conflicts: list[Holding] = field(default_factory=list)
    """Files whose name is another file's there."""

    failures: list[tuple[Holding, str]] = field(default_factory=list)
    """Files of which it cannot be told, and why."""


def compare(index: Index, project: str, files: Sequence[Holding]) -> Compared:
    """Compare files of a project with its page."""
    found = Compared()
    try:
        listed = _listed(index.project(project).page.files)
    except (FetchError, PageError) as error:
        if not isinstance(error, FetchError) or error.status not in _NO_PROJECT:
            found.failures = [(file, f"whether it is there cannot be told: {error}") for file in files]
            return found
        listed = {}
    for file in files:
        _compare_file(found, file, listed.get(file.filename))
    return found


def listed_at_once(index: Index) -> Mapping[str, str]:
    """The sha256 of every file, by filename, where the index lists them all on one page; empty elsewhere.

    pypiserver has such a page at ``packages/`` beside ``simple/``. For each page of a project it walks its
    whole folder, which takes minutes for a thousand projects.
    """
    base = index.url.removesuffix("simple/")
    if base == index.url or base.endswith("+"):
        return {}
    try:
        files = Index(base, client=index.client, retry=Retry(attempts=1)).project("packages").page.files
    except (FetchError, PageError):
        return {}
    return {file.filename: file.digests["sha256"] for file in files if "sha256" in file.digests}


def _listed(files: Iterable[File]) -> dict[str, File]:
    # A page may name a file twice, as devpi's do where a base has it too; installers take the first.
    found: dict[str, File] = {}
    for file in files:
        found.setdefault(file.filename, file)
    return found


def _compare_file(found: Compared, file: Holding, there: File | None) -> None:
    if there is None:
        found.missing.append(file)
        return
    try:
        same = _is_same(file, there)
    except OSError as error:
        found.failures.append((file, f"cannot be read: {error.strerror or error}"))
        return
    if not same:
        found.conflicts.append(file)
        return
    found.present.append(file)
    found.unsure += [file.filename] * (not there.digests.keys() & algorithms_guaranteed)


def _is_same(file: Holding, there: File) -> bool:
    if sha256 := there.digests.get("sha256"):
        return sha256 == file.sha256
    # Old indexes tell md5 alone, and some nothing: then the size has to do.
    return check(file.path, there) is not None
