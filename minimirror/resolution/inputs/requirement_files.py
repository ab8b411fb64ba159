"""The requirements of a requirement file, for the resolver, and what a mirror cannot follow."""

from __future__ import annotations

import re

from minimirror.common import quoted
from minimirror.resolution.inputs.collector import Collector
from minimirror.resolution.inputs.entries import Input
from minimirror.resolution.inputs.files import RequirementsError, display_path
from minimirror.resolution.inputs.outside import Needs
from minimirror.resolution.inputs.requirement_lines import RequirementLine, read_lines
from minimirror.resolution.inputs.requirements import Requirements

__all__ = ["NO_PRERELEASES", "read_requirement_file"]

_HEXADECIMAL_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The length of the digests that pip accepts after ``--hash``."""

NO_PRERELEASES = """set `"prereleases": true` in the config, or name one in a specifier, as in foo>=2.0rc1"""
_IGNORED_OPTIONS = {
    "index-url": "set `index_url` in the config",
    "extra-index-url": "add it to `indexes` in the config",
    "find-links": 'add it to `indexes` in the config, with `"kind": "find-links"`',
    "no-index": "files come from the config's `index_url` and `indexes`",
    "pre": NO_PRERELEASES,
    "all-releases": NO_PRERELEASES,
}
"""Options for pip's own download, and what applies instead."""


def read_requirement_file(given: Input) -> Requirements:
    """Read a requirement file and the files that it includes.

    :raises RequirementsError: a file cannot be read or a line is invalid; it lists all such problems
    """
    read = read_lines(given.path)
    found = Requirements(given.name, given.full_name)
    collector, errors = Collector(), read.problems
    constraints = Needs()
    for lines, needs in ((read.lines, found.needs), (read.constraints, constraints)):
        for line in lines:
            found.notes += _notes(line)
            try:
                _take(line, found, needs, collector)
            except ValueError as error:
                errors.append(f"{line.place}: {error}")
    if errors:
        raise RequirementsError(*errors)
    if not (read.lines or read.constraints):
        found.notes.append(f"{display_path(given.path)} has no requirements")
    found.constraints = constraints.requirements
    found.outside = collector.outside
    found.needs.problems |= constraints.problems
    return found


def _take(line: RequirementLine, found: Requirements, needs: Needs, collector: Collector) -> None:
    """Take the requirement of a line and its hashes.

    :raises ValueError: the requirement or a hash is invalid
    """
    folder = line.path.parent
    if line.requirement:
        pinned = set(map(_digest, line.options.get("hash", ())))
        project = collector.take(line.requirement, needs, line.place, folder, shown=line.text, pinned=pinned)
        if pinned and project not in collector.outside:
            found.hashes.setdefault(project, set()).update(pinned)
    elif editable := line.options.get("editable"):
        kind = None if " @ " in editable[0] else "an editable requirement"
        collector.take(editable[0], needs, line.place, folder, kind, shown=line.text)


def _notes(line: RequirementLine) -> list[str]:
    """Name the options and words that have no effect, here or in pip."""
    if line.requirement:
        # pip applies no other options to a requirement.
        ignored = sorted(line.options.keys() - {"hash", "global-option", "config-setting"})
        notes = [f"--{name} has no effect after a requirement" for name in ignored]
    else:
        notes = [
            f"--{name} is ignored: {instead}"
            for name, instead in _IGNORED_OPTIONS.items()
            if name in line.options
        ]
        if "hash" in line.options:
            notes.append("--hash has no effect without a requirement")
        if sum(len(line.options.get(name, ())) for name in ("requirement", "constraint", "editable")) > 1:
            notes.append("only the first -r, -c or -e of a line is used, as in pip")
    if line.rest:
        notes.append(f"text after the options is ignored, as in pip: {quoted(line.text, 100)}")
    return [f"{line.place}: {note}" for note in notes]


def _digest(value: str) -> str:
    algorithm, _, digest = value.lower().partition(":")
    length = _HEXADECIMAL_DIGITS.get(algorithm)
    if length is None or not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        raise ValueError(
            f"invalid hash {quoted(value, 150)}; write --hash=sha256:… with 64 hexadecimal digits"
            " (or sha384, sha512)"
        )
    return f"{algorithm}:{digest}"
