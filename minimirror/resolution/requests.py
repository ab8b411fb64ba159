"""Read the inputs that a config names: requests for the resolver, and locks that need none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution.inputs import Input, check_pyproject, find_inputs, read_requirements
from minimirror.resolution.uv import ResolutionRequest
from minimirror.selection import IndexRules, ProjectRules
from minimirror.upstream import Indexes

__all__ = ["read_requests"]


def read_requests(
    config: Config, indexes: Indexes, summary: Summary
) -> tuple[list[ResolutionRequest], list[Input]]:
    """Read the inputs that a config names.

    Requirements that do not come from an index are failures in the summary, and are not requested.

    :returns: the requests for the resolver, and the locks
    :raises RequirementsError: a file is missing or invalid
    :raises ListingError: ``dependencies`` needs the index's list of projects, which cannot be read
    """
    inputs = find_inputs(config.requirements)
    count = Counter(each.name for each in inputs)
    inputs = [replace(each, name=each.full_name) if count[each.name] > 1 else each for each in inputs]
    locks = [each for each in inputs if each.kind in {"pylock", "uv.lock"}]
    requests = [_read_request(each, summary) for each in inputs if each not in locks]
    if config.dependencies:
        requests += (
            ResolutionRequest(text, text, key=text, fingerprint=text)
            for text in _requirements(config, indexes)
        )
    return requests, locks


def _read_request(given: Input, summary: Summary) -> ResolutionRequest:
    key, fingerprint = given.full_name, given.fingerprint
    if given.kind == "pyproject":
        check_pyproject(given)
        return ResolutionRequest(
            given.name, given.path, given.extras, given.group, key=key, fingerprint=fingerprint
        )
    found = read_requirements(given)
    for problem in found.problems:
        summary.fail(given.name, None, problem)
    for note in found.notes:
        summary.note(note)
    return ResolutionRequest(
        given.name,
        "\n".join(found.requirements),
        constraints=found.constraints,
        hashes=found.hashes,
        key=key,
        fingerprint=fingerprint,
    )


def _requirements(config: Config, indexes: Indexes) -> Iterator[str]:
    """Yield the entries of ``projects`` as requirements, with the names that match each pattern."""
    rules = ProjectRules(config.projects, config.exclude_projects)
    for name in rules.named():
        yield from (f"{name}{specifier}" for specifier in rules.specifiers(name) or ("",))
    if rules.needs_root:
        named = set(rules.named())
        origins = IndexRules.of(config)
        for number, index in enumerate(indexes.all):
            listed = origins.names(number)
            if listed is None:
                listed = index.read_listing(lambda root: [name for name, _ in root.listed] if root else [])
            yield from (
                name
                for name in listed
                if name not in named and rules.selects(name) and origins.number_of(name) == number
            )
