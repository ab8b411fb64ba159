"""Patterns: globs and, after ``re:``, regular expressions. They match a whole text, whatever its case."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Sequence

__all__ = ["Patterns", "file_patterns", "is_expression", "project_patterns"]

_EXPRESSION = "re:"


def is_expression(pattern: str) -> bool:
    """Whether a pattern is a regular expression."""
    return pattern.startswith(_EXPRESSION)


class Patterns:
    """Some patterns, any of which a text may match."""

    def __init__(self, patterns: Sequence[str], spelling: Callable[[str], str]) -> None:
        """Compile the patterns.

        :param spelling: spells a glob, or a plain name, as the texts are that may match it
        :raises re.error: a regular expression is none
        """
        # Each expression stands alone, since it may number its groups. Of globs there may be hundreds.
        expressions = [pattern[len(_EXPRESSION) :] for pattern in patterns if is_expression(pattern)]
        globs = [fnmatch.translate(spelling(each)) for each in patterns if not is_expression(each)]
        self._matchers = [re.compile(each, re.IGNORECASE).fullmatch for each in expressions]
        if globs:
            self._matchers.append(re.compile("|".join(globs)).match)

    def match(self, text: str) -> bool:
        """Whether a text, spelled as the globs are, matches any."""
        for matches in self._matchers:  # noqa: SIM110 - any() takes twice the time, of each name of a root
            if matches(text):
                return True
        return False


@functools.lru_cache(maxsize=256)
def project_patterns(patterns: tuple[str, ...]) -> Patterns:
    """Patterns of projects, which match normalized names (PEP 503)."""
    return Patterns(patterns, lambda glob: re.sub(r"[-_.]+", "-", glob).lower())


@functools.lru_cache(maxsize=256)
def file_patterns(patterns: tuple[str, ...]) -> Patterns:
    """Patterns of files, which match filenames in lower case."""
    return Patterns(patterns, str.lower)
