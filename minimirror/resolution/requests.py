"""What is to be resolved: the environments that a config names, and the locks that need no resolver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution.inputs import Input, check_pyproject, inputs, read_requirements
from minimirror.resolution.uv import Environment
from minimirror.selection import ProjectRules
from minimirror.simple_api import PageError
from minimirror.upstream import FetchError, Index, ListingError

__all__ = ["Asked", "Question", "asked_for"]

_LOCKS = {"pylock", "uv.lock"}


class Question(NamedTuple):
    """Something to be resolved."""

    key: str
    """What it is remembered by: a file by its whole path, whatever the working directory is."""

    fingerprint: str
    """Text that differs where it says something else."""

    environment: Environment
    """No two have one name."""


class Asked(NamedTuple):
    """What a config asks for."""

    questions: list[Question]
    locks: list[Input]
    """To be taken as they are."""


def asked_for(config: Config, index: Index, summary: Summary) -> Asked:
    """Read the inputs that a config names.

    Requirements that no index can answer for are failures in the summary; the rest is asked for.

    :raises RequirementsError: a file is not there, or makes no sense
    :raises ListingError: patterns of ``projects`` are to be followed, and the index's list of projects cannot
        be read
    """
    given = _named_apart(inputs(config.requirements))
    files = [each for each in given if each.kind not in _LOCKS]
    questions = [Question(each.whole_name, each.fingerprint, _environment(each, summary)) for each in files]
    if config.dependencies:
        questions += (Question(text, text, Environment(text, text)) for text in _followed(config, index))
    return Asked(questions, [each for each in given if each.kind in _LOCKS])


def _named_apart(given: list[Input]) -> list[Input]:
    """The same, those by their whole path that would otherwise have one name."""
    count = Counter(each.name for each in given)
    return [replace(each, name=each.whole_name) if count[each.name] > 1 else each for each in given]


def _environment(given: Input, summary: Summary) -> Environment:
    if given.kind == "pyproject":
        check_pyproject(given)
        return Environment(given.name, given.path, given.extras, given.group)
    found = read_requirements(given)
    for problem in found.problems:
        summary.fail(given.name, None, problem)
    for note in found.notes:
        summary.note(note)
    return Environment(
        given.name, "\n".join(found.requirements), constraints=found.constraints, hashes=found.hashes
    )


def _followed(config: Config, index: Index) -> Iterator[str]:
    """The entries of ``projects``, patterns replaced by the names that match them."""
    rules = ProjectRules(config.projects, config.exclude_projects)
    for name in rules.named():
        yield from (f"{name}{specifier}" for specifier in rules.specifiers(name) or ("",))
    if rules.needs_root:
        named = set(rules.named())
        yield from (name for name in _listed(index) if name not in named and rules.wants(name))


def _listed(index: Index) -> list[str]:
    def read(deadline: float) -> list[str]:
        with index.root(None, deadline) as root:
            return [name for name, _ in root.listed] if root else []

    try:
        return index.retry.call(read)
    except (FetchError, PageError) as error:
        raise ListingError(f"index {index.url}: its list of projects cannot be read: {error}") from error
