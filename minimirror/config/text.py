"""Types of the config's texts: words, project and file patterns, and paths."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from minimirror.common import did_you_mean, nearest, quoted
from minimirror.distributions import (
    EXTENSIONS,
    USUAL_PLATFORMS,
    USUAL_PYTHONS,
    PackageType,
    is_platform,
    is_python,
    similar_platforms,
    similar_pythons,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Closure",
    "Extension",
    "FilePath",
    "FilePattern",
    "FolderPath",
    "KnownType",
    "PlatformTag",
    "Project",
    "ProjectPattern",
    "ProjectStatus",
    "PythonTag",
    "RepositoryPath",
    "RequirementSource",
    "Some",
    "Unique",
    "Vulnerable",
    "known_or",
    "matching",
    "one_of",
]

_Item = TypeVar("_Item")


def _unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(values))


def _unique_some(values: tuple[_Item, ...] | None) -> tuple[_Item, ...] | None:
    if values is not None and not values:
        raise ValueError("the list is empty, so no file would match: fill it, or remove the key to keep all")
    return _unique(values or ()) or None


Unique = Annotated[tuple[_Item, ...], AfterValidator(_unique)]
"""A list without duplicates, in its order."""

Some = Annotated[
    tuple[_Item, ...] | None, AfterValidator(_unique_some), Field(json_schema_extra={"minItems": 1})
]
"""The same, with at least one item, or None."""


def matching(pattern: str) -> WithJsonSchema:
    """Return the JSON Schema of a text that matches a pattern."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def known_or(known: Iterable[str], pattern: str) -> WithJsonSchema:
    """Return the JSON Schema of a text that matches a pattern, for which editors offer some known ones."""
    return WithJsonSchema({"anyOf": [{"enum": list(known)}, {"type": "string", "pattern": pattern}]})


# Words


def _tag(
    kind: str, is_tag: Callable[[str], bool], similar: Callable[[str], list[str]], examples: str
) -> Callable[[str], str]:
    """Return a validator of tags, and of what stands for several of them."""

    def validate(value: str) -> str:
        word = value.strip()
        if not word:
            raise ValueError("is empty: write something between the quotes, or remove it")
        if is_tag(word):
            return word
        words = re.split(r"[\s,;]+", word)
        if len(words) > 1 and all(map(is_tag, words)):
            separate = ", ".join(f'"{each}"' for each in words)
            raise ValueError(f"{quoted(value)} must be separate words: write {separate}")
        meant = did_you_mean(similar(word)) or f"; write {examples}"
        raise ValueError(f"unknown {kind} {quoted(value)}{meant}")

    return validate


def _extension(value: str) -> str:
    """Return a last extension in lower case, without its dot."""
    extension = value.strip().lower().removeprefix(".")
    if extension in EXTENSIONS:
        return extension
    last = extension.rpartition(".")[2]
    if last in EXTENSIONS and extension.isprintable():
        raise ValueError(f'only the last extension counts: write "{last}" instead of {quoted(value)}')
    suffix = next((each for each in EXTENSIONS if len(each) > 1 and extension.endswith(each)), extension)
    raise ValueError(
        f"unknown extension {quoted(value)}"
        + (nearest(suffix, EXTENSIONS) or f"; choose from {', '.join(EXTENSIONS)}")
    )


def one_of(known: tuple[str, ...], kind: str) -> Callable[[object], object]:
    """Return a validator of words that must be among the known ones."""

    def validate(value: object) -> object:
        if value in known:
            return value
        near = nearest(value, known) if isinstance(value, str) else ""
        shown = f" {quoted(value)}" if isinstance(value, str) else ""
        raise ValueError(f"unknown {kind}{shown}" + (near or f"; choose from {', '.join(known)}"))

    return validate


_PYTHON_EXAMPLES = (
    '"py3", "cp312", "source" for sdists, or "any" and versions such as "2.7" for older formats'
)
_PLATFORM_EXAMPLES = '"any", a family such as "linux", "macosx" or "win", or a whole tag such as "win_amd64"'

PythonTag = Annotated[
    str,
    AfterValidator(_tag("Python tag", is_python, similar_pythons, _PYTHON_EXAMPLES)),
    known_or(USUAL_PYTHONS, r"\S"),
]
PlatformTag = Annotated[
    str,
    AfterValidator(_tag("platform", is_platform, similar_platforms, _PLATFORM_EXAMPLES)),
    known_or(USUAL_PLATFORMS, r"\S"),
]
Extension = Annotated[str, AfterValidator(_extension), known_or(EXTENSIONS, r"^\s*\.?[A-Za-z0-9]+\s*$")]

_Closure = Literal["resolved", "releases"]
_Status = Literal["active", "archived", "deprecated", "quarantined"]  # PEP 792
_Vulnerable = Literal["include", "report", "exclude"]

KnownType = Annotated[PackageType, BeforeValidator(one_of(get_args(PackageType), "package type"))]
ProjectStatus = Annotated[_Status, BeforeValidator(one_of(get_args(_Status), "project status"))]
Closure = Annotated[_Closure, BeforeValidator(one_of(get_args(_Closure), "closure"))]
Vulnerable = Annotated[_Vulnerable, BeforeValidator(one_of(get_args(_Vulnerable), "value"))]


# Patterns of projects and files

# PEP 508, "Names"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# fnmatch: *, ?, [seq] and [!seq], among the characters of a name
_GLOB = r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\])+"
# "requests[socks]" could be read as a glob, but is never meant as one.
_WITH_EXTRAS = rf"{_NAME}\s*\[[A-Za-z0-9._,\s-]*\]"

_REGEX = "re:"
"""The prefix of a regular expression. Names and globs have no colon."""


def _is_name_or_glob(text: str) -> bool:
    if re.fullmatch(_NAME, text):
        return True
    return bool(
        re.fullmatch(_GLOB, text) and re.search(r"[*?[]", text) and not re.fullmatch(_WITH_EXTRAS, text)
    )


def _is_regex(text: str) -> bool:
    """Return whether the text is a regular expression, ``re:…``.

    :raises ValueError: if the expression is invalid
    """
    if not text.startswith(_REGEX):
        return False
    pattern = text.removeprefix(_REGEX)
    if not pattern.strip():
        raise ValueError(f'{quoted(text)} has no regular expression after "re:"')
    try:
        with warnings.catch_warnings():
            # Python warns of "[[" and the like, whose meaning may change.
            warnings.simplefilter("error")
            re.compile(pattern)
    except re.error as error:
        place = "" if error.pos is None else f', at character {error.pos + 1} after "re:"'
        raise ValueError(f"invalid regular expression {quoted(text)}: {error.msg}{place}") from None
    except Warning as warning:
        raise ValueError(
            f'ambiguous regular expression {quoted(text)}: {warning}; add a backslash, as in "\\\\["'
        ) from None
    except (OverflowError, RecursionError):
        raise ValueError(f"the regular expression {quoted(text)} is too big") from None
    return True


def _project_pattern(value: str) -> str:
    text = value.strip()
    if not (_is_regex(text) or _is_name_or_glob(text)):
        raise ValueError(
            f'{quoted(value)} is not a project name, a glob such as "*-nightly", '
            'or a regular expression such as "re:tf-.*"'
        )
    return text


def _project(value: str) -> str:
    text = value.strip()
    if not (_is_regex(text) or _is_name_or_glob(text)):
        _check_requirement(text)
    return text


def _check_requirement(text: str) -> None:
    """Raise ValueError if the text is not a project name with optional versions."""
    # Most configs have only names and globs, and need no packaging.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    if "@" in text:
        raise ValueError(f"{quoted(text)} has a URL: write only the project's name")
    if ";" in text:
        raise ValueError(f'{quoted(text)} has a marker: remove ";" and what follows')
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError(
            f'{quoted(text)} is not a project name, a glob such as "django-*", '
            'or a requirement such as "numpy>=2,<3"'
        ) from None
    if requirement.extras or "[" in text:
        plain = f"{requirement.name}{requirement.specifier}"
        raise ValueError(f"{quoted(text)} has extras, which select no files: write {quoted(plain)}")


def _file_pattern(value: str) -> str:
    text = value.strip()
    if _is_regex(text):
        return text
    if not text:
        raise ValueError('is empty: write a glob such as "*.exe" between the quotes, or remove it')
    if "/" in text or "\\" in text:
        raise ValueError(f'{quoted(value)} has a folder: write only a filename, such as "*.exe"')
    if "{" in text or "}" in text:
        raise ValueError(f'{quoted(value)} has braces, which globs do not support: write "*.exe", "*.msi"')
    return text


ProjectPattern = Annotated[
    str, AfterValidator(_project_pattern), matching(r"^\s*(re:.*|[A-Za-z0-9._*?\[\]!-]+)\s*$")
]
Project = Annotated[str, AfterValidator(_project), matching(r"^\s*(re:.*|[A-Za-z0-9._*?\[-][^@;]*)$")]
FilePattern = Annotated[str, AfterValidator(_file_pattern), matching(r"^\s*(re:.*|[^/\\{}]*\S[^/\\{}]*)$")]


# Paths

# "pyproject.toml[test,docs]" and "pyproject.toml:dev", and the same of uv.lock
_PROJECT_FILE = re.compile(
    rf"(?P<path>(?:.*[/\\])?(?:pyproject\.toml|uv\.lock))(?P<part>\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\]|:{_NAME})?",
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


_BUCKET = re.compile(r"(s3|gs|az)://[\w.-]+(/[^/?#\s]+)*", re.ASCII)
_folder = _path("folder", "~/minirepo")


def _repository(value: object, info: ValidationInfo) -> Path | str:
    """Return a folder's absolute path, or the URL of a bucket."""
    scheme, separator, _ = value.partition("://") if isinstance(value, str) else ("", "", "")
    if not separator or not scheme.isalnum():
        return _folder(value, info)
    text = str(value).strip().rstrip("/")
    if not _BUCKET.fullmatch(text):
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
