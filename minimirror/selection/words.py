"""The words of the config that have matched nothing so far: a valid word may still be a mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from minimirror.distributions import MAX_FILENAME
from minimirror.selection.decision import Decision
from minimirror.selection.files import is_listed
from minimirror.selection.patterns import file_patterns, project_patterns
from minimirror.selection.rules import Rules

__all__ = ["UnmatchedPatterns", "UnmatchedWords", "Word"]

Word = tuple[str, str]
"""A key of the config, and one of its words."""


class UnmatchedWords:
    """The words of the rules of files that no file has matched so far, whatever the other rules say of it."""

    def __init__(self, rules: Rules) -> None:
        """Begin with all words."""
        self._left = dict(_tests(rules))

    def take(self, decisions: Sequence[Decision]) -> list[Word]:
        """Drop the words that files of a page match, and return them."""
        # Another thread may drop words meanwhile.
        matched = [word for word, matches in [*self._left.items()] if any(map(matches, decisions))]
        self.drop(matched)
        return matched

    def drop(self, matched: Iterable[Word]) -> None:
        """Drop words that files have matched elsewhere."""
        for word in matched:
            self._left.pop(word, None)

    def by_key(self) -> dict[str, list[str]]:
        """Return the words that are left."""
        found: dict[str, list[str]] = {}
        for key, word in sorted(self._left):
            found.setdefault(key, []).append(word)
        return found


def _tests(rules: Rules) -> Iterator[tuple[Word, Callable[[Decision], bool]]]:
    for key in ("package_types", "extensions", "python_versions", "platforms"):
        for word in getattr(rules, key) or ():
            yield (key, word), partial(_is_listed, key, frozenset([word]))
    for pattern in rules.exclude_files:
        yield ("exclude_files", pattern), partial(_is_excluded, pattern)
    for pattern in rules.min_age_exempt:
        yield ("min_age_exempt", pattern), partial(_is_exempt, pattern)
    for number, target in enumerate(rules.targets):
        yield ("targets", str(target)), partial(_is_accepted, 1 << number)


def _is_listed(key: str, listed: frozenset[str], each: Decision) -> bool:
    return each.distribution is not None and is_listed(key, each.distribution, listed)


def _is_excluded(pattern: str, each: Decision) -> bool:
    name = each.file.filename
    return len(name) <= MAX_FILENAME and file_patterns((pattern,)).match(name.lower())


def _is_exempt(pattern: str, each: Decision) -> bool:
    return each.distribution is not None and project_patterns((pattern,)).match(each.distribution.project)


def _is_accepted(bit: int, each: Decision) -> bool:
    return bool(each.targets & bit)


class UnmatchedPatterns:
    """Patterns of projects that have matched no project of the index so far."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Begin with all patterns."""
        self.left = list(patterns)

    def take(self, project: str) -> None:
        """Drop the patterns that match a project's normalized name."""
        if self.left:
            self.left = [each for each in self.left if not project_patterns((each,)).match(project)]
