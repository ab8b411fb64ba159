"""Folders and files of the config: absolute paths, of what need not be there yet."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from minimirror.common import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["File", "Folder", "RequirementSource"]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"

# "pyproject.toml[test,docs]" and "pyproject.toml:dev"
_PYPROJECT = re.compile(
    rf"(?P<path>(?:.*[/\\])?pyproject\.toml)(?P<part>\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\]|:{_NAME})?",
    re.DOTALL,
)
# What looks like one of these to the eye; a glob may hold brackets elsewhere.
_WITH_PART = re.compile(r".*\.(?:toml|txt|in|lock)\s*(?:\[.*|:[^/\\]*)", re.DOTALL)


def _absolute(text: str, info: ValidationInfo) -> str:
    """Return an absolute path; a relative one starts at the context's folder, else where we are."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{quoted(text)} starts at the home of a user whom this machine does not know"
        ) from None
    context = info.context or {}
    folder = context.get("folders", {}).get(info.field_name) or context.get("folder") or Path.cwd()
    return os.path.abspath(folder / path)  # noqa: PTH100 - pathlib's resolve() would read the disk


def _path(what: str, example: str) -> Callable[[object, ValidationInfo], Path]:
    """Return the validator of a path, which returns it as an absolute one."""

    def validate(value: object, info: ValidationInfo) -> Path:
        try:
            text = os.fsdecode(value)  # type: ignore[arg-type]
        except TypeError:
            raise ValueError(f'must be a {what} in double quotes, such as "{example}"') from None
        if not text.strip() or "\0" in text:
            raise ValueError(f'must name a {what}, such as "{example}"')
        return Path(_absolute(text, info))

    return validate


def _requirement_source(value: object, info: ValidationInfo) -> str:
    """Return an absolute path or glob, with what it says of a ``pyproject.toml`` behind it."""
    try:
        text = os.fsdecode(value).strip()  # type: ignore[arg-type]
    except TypeError:
        raise ValueError('must be a file in double quotes, such as "requirements.txt"') from None
    if not text or "\0" in text:
        raise ValueError('must name a file, such as "requirements.txt" or "groups/*.in"')
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise ValueError(f"{quoted(text)} is a URL: fetch the file, and name it here")
    if text.startswith("-"):
        raise ValueError(f"{quoted(text)} is an option of pip: write only the file's path")
    if project := _PYPROJECT.fullmatch(text):
        return _absolute(project["path"], info) + re.sub(r"\s", "", project["part"] or "")
    if _WITH_PART.fullmatch(text):
        raise ValueError(
            f'{quoted(text)}: extras and a group are written "pyproject.toml[test,docs]" and '
            '"pyproject.toml:dev", an entry each'
        )
    return _absolute(text, info)


_SOME_TEXT = WithJsonSchema({"type": "string", "pattern": r"\S"})

Folder = Annotated[Path, PlainValidator(_path("folder", "~/minirepo")), _SOME_TEXT]
File = Annotated[Path, PlainValidator(_path("file", "~/.ssh/allowed_signers")), _SOME_TEXT]
RequirementSource = Annotated[str, PlainValidator(_requirement_source), _SOME_TEXT]
