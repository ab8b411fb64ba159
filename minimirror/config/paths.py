"""Types of the config's paths: folders, buckets and files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainValidator, ValidationInfo

from minimirror.common import quoted
from minimirror.config.patterns import NAME
from minimirror.config.words import matching

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FilePath", "FolderPath", "RepositoryPath", "RequirementSource"]

# "pyproject.toml[test,docs]" and "pyproject.toml:dev", and the same of uv.lock
_PROJECT_FILE = re.compile(
    rf"(?P<path>(?:.*[/\\])?(?:pyproject\.toml|uv\.lock))(?P<part>\[\s*{NAME}(?:\s*,\s*{NAME})*\s*\]|:{NAME})?",
    re.DOTALL,
)
# What looks like one of these. A glob may have brackets elsewhere.
_WITH_PART = re.compile(r".*\.(?:toml|txt|in|lock)\s*(?:\[.*|:[^/\\]*)", re.DOTALL)


def _absolute(text: str, info: ValidationInfo) -> str:
    """Return an absolute path. A relative one starts at the context's folder, or at the current directory."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{quoted(text)}: this machine has no such user") from None
    context = info.context or {}
    folder = context.get("folders", {}).get(info.field_name) or context.get("folder") or Path.cwd()
    return os.path.abspath(folder / path)  # noqa: PTH100 - pathlib's resolve() would read the disk


def _path(what: str, example: str) -> Callable[[object, ValidationInfo], Path]:
    """Return a validator that makes a path absolute."""

    def validate(value: object, info: ValidationInfo) -> Path:
        try:
            text = os.fsdecode(value)  # type: ignore[arg-type]
        except TypeError:
            raise ValueError(f'must be a {what} in double quotes, such as "{example}"') from None
        if not text.strip() or "\0" in text:
            raise ValueError(f'must name a {what}, such as "{example}"')
        return Path(_absolute(text, info))

    return validate


_BUCKET = re.compile(r"(s3|gs|az)://[\w.-]+(/[^/?#%\s]+)*", re.ASCII)
_NO_PREFIX = {".", "..", ".minimirror"}
_folder = _path("folder", "~/minirepo")


def _repository(value: object, info: ValidationInfo) -> Path | str:
    """Return a folder's absolute path, or the URL of a bucket."""
    scheme, separator, _ = value.partition("://") if isinstance(value, str) else ("", "", "")
    if not separator or not scheme.isalnum():
        return _folder(value, info)
    text = str(value).strip().rstrip("/")
    if not _BUCKET.fullmatch(text) or _NO_PREFIX.intersection(text.split("/")):
        raise ValueError(
            'must be a folder, or a bucket as in "s3://bucket/prefix" (or gs://, az://); credentials do not'
            " belong here"
        )
    return text


def _requirement_source(value: object, info: ValidationInfo) -> str:
    """Return an absolute path or glob, with the extras or group of a project after it."""
    try:
        text = os.fsdecode(value).strip()  # type: ignore[arg-type]
    except TypeError:
        raise ValueError('must be a file in double quotes, such as "requirements.txt"') from None
    if not text or "\0" in text:
        raise ValueError('must name a file, such as "requirements.txt" or "groups/*.in"')
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise ValueError(f"{quoted(text)} is a URL: download the file and write its path")
    if text.startswith("-"):
        raise ValueError(f"{quoted(text)} is a pip option: write only the file's path")
    if project := _PROJECT_FILE.fullmatch(text):
        return _absolute(project["path"], info) + re.sub(r"\s", "", project["part"] or "")
    if _WITH_PART.fullmatch(text):
        raise ValueError(
            f'{quoted(text)}: write extras as "pyproject.toml[test,docs]" and a group as '
            '"pyproject.toml:dev", each in its own entry'
        )
    return _absolute(text, info)


FolderPath = Annotated[Path, PlainValidator(_path("folder", "~/minirepo")), matching(r"\S")]
RepositoryPath = Annotated[Path | str, PlainValidator(_repository), matching(r"\S")]
"""A folder, or as text the URL of a bucket."""

FilePath = Annotated[Path, PlainValidator(_path("file", "~/.ssh/allowed_signers")), matching(r"\S")]
RequirementSource = Annotated[str, PlainValidator(_requirement_source), matching(r"\S")]
