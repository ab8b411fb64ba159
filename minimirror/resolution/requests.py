"""Read the inputs that a config names: requests for the resolver, and locks that need none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution.inputs import Input, OutsideProject, find_inputs, read_requirements
from minimirror.resolution.uv import ResolutionRequest
from minimirror.selection import IndexRules, ProjectRules, project_patterns
from minimirror.upstream import Indexes

__all__ = ["note_outside", "read_requests"]


def read_requests(
    config: Config, indexes: Indexes, summary: Summary
) -> tuple[list[ResolutionRequest], list[Input]]:
    """Read the inputs that a config names.

    Requirements that do not come from an index are notes in the summary.

    :returns: the requests for the resolver, and the locks
    :raises RequirementsError: a file is missing or invalid
    :raises ListingError: ``dependencies`` needs the index's list of projects, which cannot be read
    """
    inputs = find_inputs(config.requirements)
    count = Counter(each.name for each in inputs)
    inputs = [replace(each, name=each.full_name) if count[each.name] > 1 else each for each in inputs]
    locks = [each for each in inputs if each.kind in {"pylock", "uv.lock"}]
    requests = [_read_request(each, config, summary) for each in inputs if each not in locks]
    if config.dependencies:
        requests += (ResolutionRequest(text, text, key=text) for text in _requirements(config, indexes))
    return requests, locks


def _read_request(given: Input, config: Config, summary: Summary) -> ResolutionRequest:
    found = read_requirements(given)
    note_outside(found.problems, config, summary)
    ignored = project_patterns(config.ignore)
    for name in filter(ignored.match, found.projects):
        found.outside.setdefault(name, [OutsideProject(name)])
    for note in found.notes:
        summary.note(note)
    return ResolutionRequest(
        given.name,
        "\n".join(found.requirements),
        constraints=found.constraints,
        overrides=found.overrides,
        hashes=found.hashes,
        outside=found.outside,
        choices=found.choices,
        environments=found.environments,
        key=given.full_name,
    )


def note_outside(problems: Mapping[str, str], config: Config, summary: Summary) -> None:
    """Note what cannot be mirrored, unless the config acknowledges it.

    :param problems: sentences, each with the normalized project
    """
    known = project_patterns((*config.ignore, *config.exclude_projects))
    for problem, project in problems.items():
        if not known.match(project):
            summary.note(f'{problem} ("ignore": ["{project}"] silences this)')


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
