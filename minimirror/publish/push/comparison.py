"""Which files the other index already has, by the digests on its pages, so that no file is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minimirror.publish.push.model import FileResult, PushFile
from minimirror.simple_api import File, PageError
from minimirror.upstream import FetchError, Index, Retry, check

__all__ = ["compare", "list_digests"]

_NO_PROJECT = {301, 302, 303, 307, 308, 404, 410}
"""Statuses that mean that the index has no such project. A redirect leads to another host: see ``Client``."""

_CONFLICT = "the index has a different file with this name, which is never replaced"


def compare(index: Index, files: Sequence[PushFile]) -> list[FileResult]:
    """Compare files of one project with the project's page."""
    listed: dict[str, File] = {}
    try:
        for entry in index.project(files[0].project).page.files:
            # devpi lists a file twice if a base index has it too; installers take the first.
            listed.setdefault(entry.filename, entry)
    except (FetchError, PageError) as error:
        if not isinstance(error, FetchError) or error.status not in _NO_PROJECT:
            cause = f"cannot read the project's page: {error}"
            passes = isinstance(error, FetchError) and error.passes
            return [FileResult(file, "failed", cause, passes) for file in files]
    return [_compare_file(file, listed.get(file.filename)) for file in files]


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


def _compare_file(file: PushFile, listed: File | None) -> FileResult:
    if listed is None:
        return FileResult(file, "missing")
    try:
        if not _is_same(file, listed):
            return FileResult(file, "conflict", _CONFLICT)
    except OSError as error:
        return FileResult(file, "failed", f"cannot read the file: {error.strerror or error}")
    return FileResult(file, "present" if listed.verifiable else "same size")


def _is_same(file: PushFile, listed: File) -> bool:
    if sha256 := listed.digests.get("sha256"):
        return sha256 == file.sha256
    # Old indexes list md5 only, and some no digest: then the size decides.
    return check(file.stored, listed) is not None
