"""What is to be resolved: the environments that a config names, and the locks that need no resolver."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from minimirror.client import FetchError
from minimirror.config import Config
from minimirror.index import Index, PageError
from minimirror.listing import ListingError
from minimirror.requirements import Input, check_pyproject, inputs, read_requirements
from minimirror.resolve import Environment
from minimirror.selection import ProjectRules
from minimirror.summary import Summary

__all__ = ["Asked", "asked_for"]


@dataclass(frozen=True)
class Asked:
    """What a config asks for."""

    environments: Mapping[str, Environment]
    """To be resolved, by a fingerprint of what they say."""

    locks: tuple[Input, ...]
    """To be taken as they are."""


def asked_for(config: Config, index: Index, summary: Summary) -> Asked:
    """Read the inputs that a config names.

    Requirements that no index can answer for are failures in the summary; the rest is asked for.

    :raises RequirementsError: a file is not there, or makes no sense
    :raises ListingError: patterns of ``projects`` are to be followed, and the index's list of projects cannot
        be read
    """
    environments: dict[str, Environment] = {}
    locks = []
    for each in inputs(config.requirements):
        if each.kind in {"pylock", "uv.lock"}:
            locks.append(each)
        else:
            environments[each.fingerprint] = _environment(each, summary)
    if config.dependencies:
        for text in _followed(config, index):
            environments[hashlib.sha256(f"project {text}".encode()).hexdigest()] = Environment(text, text)
    return Asked(environments, tuple(locks))


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
