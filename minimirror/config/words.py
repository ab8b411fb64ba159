"""Types of the config's words: tags, extensions and choices; and lists of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, WithJsonSchema

from minimirror.common import did_you_mean, nearest, quoted
from minimirror.distributions import (
    EXTENSIONS,
    USUAL_PLATFORMS,
    USUAL_PYTHONS,
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
    "PlatformTag",
    "ProjectStatus",
    "PythonTag",
    "Some",
    "Unique",
    "Vulnerable",
    "known_or",
    "matching",
]

_Item = TypeVar("_Item")


def _unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(values))


Unique = Annotated[tuple[_Item, ...], AfterValidator(_unique)]
"""A list without duplicates, in its order."""

Some = Annotated[tuple[_Item, ...], Field(min_length=1), AfterValidator(_unique)]
"""The same, with at least one item."""


def matching(pattern: str) -> WithJsonSchema:
    """Return the JSON Schema of a text that matches a pattern."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def known_or(known: Iterable[str], pattern: str) -> WithJsonSchema:
    """Return the JSON Schema of a text that matches a pattern, for which editors offer some known ones."""
    return WithJsonSchema({"anyOf": [{"enum": list(known)}, {"type": "string", "pattern": pattern}]})


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

Closure = Literal["resolved", "releases"]
ProjectStatus = Literal["active", "archived", "deprecated", "quarantined"]  # PEP 792
Vulnerable = Literal["include", "report", "exclude"]
