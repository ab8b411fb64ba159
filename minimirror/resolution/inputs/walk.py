"""A requirement file and all files that it includes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minimirror.common import printable, quoted
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import decode, read_bytes, shown
from minimirror.resolution.inputs.lines import Line, read_lines

__all__ = ["Place", "Walk", "walk"]

_URL = re.compile(r"(?:https?|file):", re.IGNORECASE)


class Place(NamedTuple):
    """Where a line stands."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.number}"


@dataclass
class Walk:
    """What was found, file by file, each file once."""

    files: dict[Path, bytes] = field(default_factory=dict)
    lines: list[tuple[Place, Line]] = field(default_factory=list)
    constraints: list[tuple[Place, Line]] = field(default_factory=list)
    """The lines of the files that are included by ``-c``."""

    mistakes: list[str] = field(default_factory=list)
    """What cannot be read, each with its place."""

    def contents(self) -> Iterator[bytes]:
        """What a change would show in: the files, and the environment's variables in their requirements."""
        yield from self.files.values()
        for _, line in (*self.lines, *self.constraints):
            if line.requirement not in line.text:
                yield line.requirement.encode(errors="surrogateescape")


def walk(path: Path) -> Walk:
    """Read a requirement file and what it includes by ``-r`` and ``-c``, relative to the including file."""
    found = Walk()
    seen: set[tuple[Path, bool]] = set()
    pending = deque([_Pending(path)])
    while pending:
        file, origin, is_constraint = pending.popleft()
        try:
            data = read_bytes(file)
            real = file.resolve()
            if (real, is_constraint) in seen:
                continue
            seen.add((real, is_constraint))
            found.files[file] = data
            text = decode(data, file)
        except RequirementsError as error:
            found.mistakes += [f"{origin}{problem}" for problem in error.problems]
            continue
        lines = found.constraints if is_constraint else found.lines
        for place, line in _lines(file, text, lines, found.mistakes):
            # As pip has it, what a file of constraints includes by -r are no constraints.
            for include in line.options.get("requirement", ())[:1]:
                _include(include, place, pending, found, is_constraint=False)
            for include in line.options.get("constraint", ())[: "requirement" not in line.options]:
                _include(include, place, pending, found, is_constraint=True)
    return found


class _Pending(NamedTuple):
    """A file that is still to be read."""

    path: Path
    origin: str = ""
    is_constraint: bool = False


def _lines(
    path: Path, text: str, lines: list[tuple[Place, Line]], mistakes: list[str]
) -> Iterator[tuple[Place, Line]]:
    """Take the lines of a file, and go through those that may include another."""
    for line in read_lines(text):
        place = Place(path, line[0])
        if not isinstance(line, Line):
            mistakes.append(f"{place}: {printable(line[1])}")
            continue
        lines.append((place, line))
        # pip takes a line for one requirement, or else for one include, whatever more it holds.
        if not line.requirement and "editable" not in line.options:
            yield place, line


def _include(
    include: str, place: Place, pending: deque[_Pending], found: Walk, *, is_constraint: bool
) -> None:
    if _URL.match(include):
        found.mistakes.append(
            f"{place}: {quoted(include)} is a URL: save it as a file, and include that by its path"
        )
    else:
        pending.append(_Pending(place.path.parent / include, f"{place}: includes ", is_constraint))
