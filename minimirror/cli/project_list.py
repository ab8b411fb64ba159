"""Add entries to a config's ``projects``, and remove them; say what that means for the folder."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from minimirror.cli.output import note_lines, shortened
from minimirror.common import MinimirrorError, counted, format_size
from minimirror.config import ConfigError, command, load, set_value, unset_value
from minimirror.selection import ProjectRules, project_patterns
from minimirror.sync import mirrored_files, plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from minimirror.config import Config

__all__ = ["UnknownProjectError", "add", "remove"]


class UnknownProjectError(MinimirrorError):
    """The index has no project of that name."""


def add(path: Path, entries: Sequence[str]) -> Iterator[str]:
    """Add entries to ``projects``, save the config, and return lines that say what the next run downloads.

    An entry replaces another requirement of the same project.

    :raises ConfigError: the config or an entry is invalid, ``exclude_projects`` matches one, or every
        project is selected already; then nothing is saved
    :raises UnknownProjectError: the index has no project of that name; then nothing is saved
    """
    before = load(path)
    if before.projects is None and not before.requirements:
        set_it = command("config set", path)
        raise ConfigError(
            path,
            [f"{path} selects every project already. To mirror only some: `{set_it} projects {entries[0]}`"],
        )
    wanted = load(path, {"projects": list(entries)})
    wanted = wanted.model_copy(update={"requirements": (), "dependencies": False})
    names = {_name(each) for each in entries}
    kept = [each for each in before.projects or () if _name(each) not in names]
    _check_excluded(path, before, entries)
    meaning = _downloads(wanted)
    set_value(path, "projects", json.dumps([*kept, *entries]))
    yield f"{path}: added {', '.join(entries)}"
    yield from meaning
    if before.targets and not before.dependencies:
        set_it = command("config set", path)
        yield f"The dependencies of `projects` are not mirrored; `{set_it} dependencies true` adds them."


def remove(path: Path, entries: Sequence[str]) -> Iterator[str]:
    """Remove entries from ``projects``, save the config, and return lines that say what the next run deletes.

    :raises ConfigError: the config is invalid, or an entry is not in it; then nothing is saved
    """
    before = load(path)
    listed = before.projects or ()
    names = {_name(each) for each in entries}
    missing = names - {_name(each) for each in listed}
    if missing:
        raise ConfigError(path, [_not_listed(path, before, name) for name in sorted(missing)])
    kept = [each for each in listed if _name(each) not in names]
    if not (kept or before.requirements or before.serve.on_demand):
        raise ConfigError(path, [f"{path}: this would leave nothing to mirror; add another project first"])
    meaning = list(_deletions(before, kept))
    if kept or not before.requirements:
        set_value(path, "projects", json.dumps(kept))
    else:
        unset_value(path, "projects")
    yield f"{path}: removed {', '.join(each for each in listed if _name(each) in names)}"
    yield from meaning


def _name(entry: str) -> str:
    """Return the normalized name of a requirement; a pattern is its own."""
    try:
        return canonicalize_name(Requirement(entry).name)
    except InvalidRequirement:
        return entry.strip()


def _check_excluded(path: Path, config: Config, entries: Sequence[str]) -> None:
    excluded = project_patterns(config.exclude_projects)
    problems = [
        f"{each}: `exclude_projects` excludes it; change that first"
        for each in entries
        if excluded.match(_name(each))
    ]
    if problems:
        raise ConfigError(path, problems)


def _downloads(config: Config) -> list[str]:
    """Return what a run would download with a config that selects only the new entries."""
    # What it finds follows; nothing is logged besides.
    logging.getLogger("minimirror").addHandler(logging.NullHandler())
    try:
        planned = plan(config)
    except MinimirrorError as error:
        return [f"note: what the next run downloads is unknown: {error}"]
    if planned.unlisted:
        raise UnknownProjectError(f"the index has no project named {', '.join(planned.unlisted)}")
    found = f"The next run will download {counted(len(planned.fetch))}, {format_size(planned.bytes_fetched)}."
    return [found, *note_lines(planned.summary.notes, planned.summary.failures)]


def _deletions(config: Config, kept: Sequence[str]) -> Iterator[str]:
    """Yield what a run would delete, as far as the folder and the config show it.

    :param kept: the entries that stay
    """
    rules = ProjectRules(kept, ())
    rows = [row for row in mirrored_files(config) if not rules.selects(row.project)]
    if config.requirements or config.dependencies:
        yield "The next run will delete their files, unless a requirement needs them."
    elif rows:
        size = format_size(sum(row.size for row in rows))
        yield f"The next run will delete {counted(len(rows))}, {size}:"
        yield from shortened([f"  {row.filename}" for row in rows], most=10)


def _not_listed(path: Path, config: Config, name: str) -> str:
    rules = ProjectRules(config.projects, ())
    if config.projects is not None and not rules.selects(name):
        return f"{name}: `projects` has no such entry"
    exclude = f"{command('config set', path)} exclude_projects += {name}"
    return f"{name}: `projects` has no entry of that name, but a pattern selects it. `{exclude}` excludes it"
