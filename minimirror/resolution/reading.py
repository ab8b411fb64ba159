"""Read the inputs that a config names: requirements for the resolver, and locks that need none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name, is_normalized_name

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution.inputs import (
    NO_PRERELEASES,
    Input,
    Needs,
    OutsideProject,
    Requirements,
    find_inputs,
    read_requirements,
)
from minimirror.selection import IndexRules, ProjectRules, project_patterns
from minimirror.upstream import Indexes

__all__ = ["note_outside", "read_inputs"]


def read_inputs(config: Config, indexes: Indexes, summary: Summary) -> tuple[list[Requirements], list[Input]]:
    """Read the inputs that a config names.

    Requirements that do not come from an index are notes in the summary.

    :returns: requirements for the resolver, and the locks
    :raises RequirementsError: a file is missing or invalid
    :raises ListingError: ``dependencies`` needs the index's list of projects, which cannot be read
    """
    inputs = find_inputs(config.requirements)
    count = Counter(each.name for each in inputs)
    inputs = [replace(each, name=each.full_name) if count[each.name] > 1 else each for each in inputs]
    locks = [each for each in inputs if each.kind in {"pylock", "uv.lock"}]
    requests = [_read_requirements(each, config, summary) for each in inputs if each not in locks]
    if config.dependencies:
        requests += (Requirements(text, text, Needs([text])) for text in _entries(config, indexes))
    # No page is read for these, even if a project of the index takes one of them from a URL.
    known = set(filter(is_normalized_name, map(canonicalize_name, config.ignore)))
    ignored = project_patterns(config.ignore)
    for request in requests:
        for name in sorted(known | set(filter(ignored.match, request.projects))):
            request.outside.setdefault(name, [OutsideProject(name)])
    return [each for each in requests if each.requirements], locks


def _read_requirements(given: Input, config: Config, summary: Summary) -> Requirements:
    found = read_requirements(given)
    note_outside(found.problems, config, summary)
    files = (each.file.filename for those in found.outside.values() for each in those if each.file)
    unknown = (
        f"{found.name}: the dependencies of {filename} are not known, so they are not mirrored; with"
        ' `"build": true`, uv builds it to learn them'
        for filename in files
        if not (filename.endswith(".whl") or config.build)
    )
    for note in (*found.notes, *unknown):
        if not (config.prereleases and note.endswith(NO_PRERELEASES)):
            _note(note, summary)
    return found


def _note(note: str, summary: Summary) -> None:
    """Add a note once, even if several inputs read the same file."""
    if note not in summary.notes:
        summary.note(note)


def note_outside(problems: Mapping[str, str], config: Config, summary: Summary) -> None:
    """Note what cannot be mirrored, unless the config acknowledges it.

    :param problems: sentences, each with the normalized project
    """
    known = project_patterns((*config.ignore, *config.exclude_projects))
    for problem, project in problems.items():
        if not known.match(project):
            _note(f'{problem} ("ignore": ["{project}"] silences this)', summary)


def _entries(config: Config, indexes: Indexes) -> Iterator[str]:
    """Yield the entries of ``projects`` as requirements, with the names that match each pattern."""
    rules = ProjectRules(config.projects, (*config.exclude_projects, *config.ignore))
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
