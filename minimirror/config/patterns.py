"""Types of the config's patterns: names, globs and regular expressions of projects and files."""

from __future__ import annotations

import re
import warnings
from typing import Annotated

from pydantic import AfterValidator

from minimirror.common import quoted
from minimirror.config.words import matching

__all__ = ["NAME", "FilePattern", "Project", "ProjectPattern"]

# PEP 508, "Names"
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# fnmatch: *, ?, [seq] and [!seq], among the characters of a name
_GLOB = r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\])+"
# "requests[socks]" could be read as a glob, but is never meant as one.
_WITH_EXTRAS = rf"{NAME}\s*\[[A-Za-z0-9._,\s-]*\]"

_REGEX = "re:"
"""The prefix of a regular expression. Names and globs have no colon."""


def _is_name_or_glob(text: str) -> bool:
    if re.fullmatch(NAME, text):
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
        raise ValueError(f"{quoted(text)} contains a URL: write only the project's name")
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
        raise ValueError(f'{quoted(value)} contains a folder: write only a filename, such as "*.exe"')
    if "{" in text or "}" in text:
        raise ValueError(
            f'{quoted(value)} contains braces, which globs do not support: write "*.exe", "*.msi"'
        )
    return text


ProjectPattern = Annotated[
    str, AfterValidator(_project_pattern), matching(r"^\s*(re:.*|[A-Za-z0-9._*?\[\]!-]+)\s*$")
]
Project = Annotated[str, AfterValidator(_project), matching(r"^\s*(re:.*|[A-Za-z0-9._*?\[-][^@;]*)$")]
FilePattern = Annotated[str, AfterValidator(_file_pattern), matching(r"^\s*(re:.*|[^/\\{}]*\S[^/\\{}]*)$")]
