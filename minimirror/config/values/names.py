"""Names, globs and regular expressions of projects and of files in the config."""

from __future__ import annotations

import re
import warnings
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from minimirror.common import quoted

__all__ = ["FilePattern", "Project", "ProjectPattern"]

# PEP 508, "Names"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# fnmatch: *, ?, [seq] and [!seq], among the characters of a name
_GLOB = r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\])+"
# "requests[socks]" is a glob to the letter, but nobody means it so
_WITH_EXTRAS = rf"{_NAME}\s*\[[A-Za-z0-9._,\s-]*\]"

_REGEX = "re:"
"""What a regular expression begins with where a glob may stand: no name and no glob holds a colon."""


def _is_name_or_glob(text: str) -> bool:
    if re.fullmatch(_NAME, text):
        return True
    return bool(
        re.fullmatch(_GLOB, text) and re.search(r"[*?[]", text) and not re.fullmatch(_WITH_EXTRAS, text)
    )


def _is_regex(text: str) -> bool:
    """Whether the text is a regular expression, ``re:…``; ValueError where that is broken."""
    if not text.startswith(_REGEX):
        return False
    pattern = text.removeprefix(_REGEX)
    if not pattern.strip():
        raise ValueError(f'{quoted(text)} has no regular expression after "re:"')
    try:
        with warnings.catch_warnings():
            # What Python warns of, such as "[[", may come to mean something else one day.
            warnings.simplefilter("error")
            re.compile(pattern)
    except re.error as error:
        place = "" if error.pos is None else f', at character {error.pos + 1} after "re:"'
        raise ValueError(f"{quoted(text)} is a broken regular expression: {error.msg}{place}") from None
    except Warning as warning:
        raise ValueError(
            f'{quoted(text)} is an unclear regular expression: {warning}; a backslash, as in "\\\\[", helps'
        ) from None
    except (OverflowError, RecursionError):
        raise ValueError(f"{quoted(text)} is too big a regular expression") from None
    return True


def _project_pattern(value: str) -> str:
    """Return the name, the glob or the regular expression of projects."""
    text = value.strip()
    if not (_is_regex(text) or _is_name_or_glob(text)):
        raise ValueError(
            f'{quoted(value)} is neither a project\'s name, nor a glob such as "*-nightly", '
            'nor a regular expression such as "re:tf-.*"'
        )
    return text


def _project(value: str) -> str:
    """Return the name, the glob, the regular expression or the requirement of projects."""
    text = value.strip()
    if not (_is_regex(text) or _is_name_or_glob(text)):
        _check_requirement(text)
    return text


def _check_requirement(text: str) -> None:
    """Raise ValueError where the text is not a name with, maybe, versions."""
    # Names and globs, all that most configs have, do without it.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    if "@" in text:
        raise ValueError(f"{quoted(text)} asks for a URL: write the project's name alone")
    if ";" in text:
        raise ValueError(f'{quoted(text)} has a marker: leave out ";" and what follows')
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError(
            f'{quoted(text)} is neither a project\'s name, nor a glob such as "django-*", '
            'nor a requirement such as "numpy>=2,<3"'
        ) from None
    if requirement.extras or "[" in text:
        plain = f"{requirement.name}{requirement.specifier}"
        raise ValueError(
            f"{quoted(text)} asks for extras, which name dependencies and no files: write {quoted(plain)}"
        )


def _file_pattern(value: str) -> str:
    """Return the name, the glob or the regular expression of files."""
    text = value.strip()
    if _is_regex(text):
        return text
    if not text:
        raise ValueError('is empty: write a glob such as "*.exe" between the quotes, or take it out')
    if "/" in text or "\\" in text:
        raise ValueError(f'{quoted(value)} has a folder, but only a filename is compared: write "*.exe"')
    if "{" in text or "}" in text:
        raise ValueError(f'{quoted(value)} has braces, which a glob does not know: write "*.exe", "*.msi"')
    return text


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


ProjectPattern = Annotated[
    str, AfterValidator(_project_pattern), _text(r"^\s*(re:.*|[A-Za-z0-9._*?\[\]!-]+)\s*$")
]
Project = Annotated[str, AfterValidator(_project), _text(r"^\s*(re:.*|[A-Za-z0-9._*?\[-][^@;]*)$")]
FilePattern = Annotated[str, AfterValidator(_file_pattern), _text(r"^\s*(re:.*|[^/\\{}]*\S[^/\\{}]*)$")]
