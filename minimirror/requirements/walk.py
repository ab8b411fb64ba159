"""A requirement file and all files that it includes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minimirror.config.wording import quoted
from minimirror.requirements.errors import RequirementsError
from minimirror.requirements.files import decode, read_bytes, shown
from minimirror.requirements.lines import Line, read_lines
from minimirror.text import printable

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
    mistakes: list[str] = field(default_factory=list)
    """What cannot be read, each with its place."""

    def contents(self) -> Iterator[bytes]:
        """What a change would show in: the files, and the environment's variables in their requirements."""
        yield from self.files.values()
        for _, line in self.lines:
            if line.requirement not in line.text:
                yield line.requirement.encode(errors="surrogateescape")


def walk(path: Path) -> Walk:
    """Read a requirement file and what it includes by ``-r`` and ``-c``, relative to the including file."""
    found = Walk()
    seen: set[Path] = set()
    pending: deque[tuple[Path, str]] = deque([(path, "")])
    while pending:
        file, origin = pending.popleft()
        try:
            data = read_bytes(file)
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            found.files[file] = data
            text = decode(data, file)
        except RequirementsError as error:
            found.mistakes += [f"{origin}{problem}" for problem in error.problems]
            continue
        for place, line in _lines(file, text, found):
            for include in [*line.options.get("requirement", ()), *line.options.get("constraint", ())][:1]:
                _include(include, place, pending, found)
    return found


def _lines(path: Path, text: str, found: Walk) -> Iterator[tuple[Place, Line]]:
    """Take the lines of a file, and go through those that may include another."""
    for line in read_lines(text):
        place = Place(path, line[0])
        if not isinstance(line, Line):
            found.mistakes.append(f"{place}: {printable(line[1])}")
            continue
        found.lines.append((place, line))
        # pip takes a line for one requirement, or else for one include, whatever more it holds.
        if not line.requirement and "editable" not in line.options:
            yield place, line


def _include(include: str, place: Place, pending: deque[tuple[Path, str]], found: Walk) -> None:
    if _URL.match(include):
        found.mistakes.append(
            f"{place}: {quoted(include)} is a URL: save it as a file, and include that by its path"
        )
    else:
        pending.append((place.path.parent / include, f"{place}: includes "))
