"""Which files the other index already has, by the digests on its pages, so that no file is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import algorithms_guaranteed

from minimirror.publish.push.model import PushFile
from minimirror.simple_api import File, PageError
from minimirror.upstream import FetchError, Index, Retry, check

__all__ = ["Comparison", "compare", "list_digests"]

_NO_PROJECT = {301, 302, 303, 307, 308, 404, 410}
"""Statuses that mean that the index has no such project. A redirect leads to another host: see ``Client``."""


@dataclass(slots=True)
class Comparison:
    """A project's files, compared with those in the index."""

    missing: list[PushFile] = field(default_factory=list)
    present: list[PushFile] = field(default_factory=list)
    without_digest: list[str] = field(default_factory=list)
    """Present files for which the index lists no digest."""

    conflicts: list[PushFile] = field(default_factory=list)
    """Files whose name belongs to a different file in the index."""

    failures: list[tuple[PushFile, str]] = field(default_factory=list)
    """Files that could not be compared, with the cause."""


def compare(index: Index, project: str, files: Sequence[PushFile]) -> Comparison:
    """Compare files of a project with the project's page."""
    result = Comparison()
    listed: dict[str, File] = {}
    try:
        for entry in index.project(project).page.files:
            # devpi lists a file twice if a base index has it too; installers take the first.
            listed.setdefault(entry.filename, entry)
    except (FetchError, PageError) as error:
        if not isinstance(error, FetchError) or error.status not in _NO_PROJECT:
            result.failures = [(file, f"cannot read the project's page: {error}") for file in files]
            return result
    for file in files:
        _compare_file(result, file, listed.get(file.filename))
    return result


def list_digests(index: Index) -> Mapping[str, str]:
    """Return the sha256 of every file by filename if one page of the index lists all files, else nothing.

    pypiserver has such a page at ``packages/``, beside ``simple/``. For each page of a project it walks its
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


def _compare_file(result: Comparison, file: PushFile, listed: File | None) -> None:
    if listed is None:
        result.missing.append(file)
        return
    try:
        same = _is_same(file, listed)
    except OSError as error:
        result.failures.append((file, f"cannot read the file: {error.strerror or error}"))
        return
    if not same:
        result.conflicts.append(file)
        return
    result.present.append(file)
    if not listed.digests.keys() & algorithms_guaranteed:
        result.without_digest.append(file.filename)


def _is_same(file: PushFile, listed: File) -> bool:
    if sha256 := listed.digests.get("sha256"):
        return sha256 == file.sha256
    # Old indexes list md5 only, and some no digest: then the size decides.
    return check(file.path, listed) is not None
