"""Patterns: globs, and regular expressions after ``re:``. They match the whole text and ignore case."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Sequence

__all__ = ["Patterns", "file_patterns", "is_expression", "project_patterns"]

_EXPRESSION = "re:"


def is_expression(pattern: str) -> bool:
    """Return whether a pattern is a regular expression."""
    return pattern.startswith(_EXPRESSION)


class Patterns:
    """Several patterns; a text may match any of them."""

    def __init__(self, patterns: Sequence[str], spelling: Callable[[str], str]) -> None:
        """Compile the patterns.

        :param spelling: normalizes a glob or a plain name in the way that the texts are normalized
        :raises re.error: a regular expression is invalid
        """
        # Each expression stays separate, since it may number its groups. There may be hundreds of globs.
        expressions = [pattern[len(_EXPRESSION) :] for pattern in patterns if is_expression(pattern)]
        globs = [fnmatch.translate(spelling(each)) for each in patterns if not is_expression(each)]
        self._matchers = [re.compile(each, re.IGNORECASE).fullmatch for each in expressions]
        if globs:
            self._matchers.append(re.compile("|".join(globs)).match)

    def match(self, text: str) -> bool:
        """Return whether a normalized text matches any of them."""
        for matches in self._matchers:  # noqa: SIM110 - any() takes twice the time, for each name of a root
            if matches(text):
                return True
        return False


@functools.lru_cache(maxsize=256)
def project_patterns(patterns: tuple[str, ...]) -> Patterns:
    """Compile patterns that match normalized project names (PEP 503)."""
    return Patterns(patterns, lambda glob: re.sub(r"[-_.]+", "-", glob).lower())


@functools.lru_cache(maxsize=256)
def file_patterns(patterns: tuple[str, ...]) -> Patterns:
    """Compile patterns that match filenames in lower case."""
    return Patterns(patterns, str.lower)
