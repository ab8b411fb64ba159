"""The lines of a requirement file and of all files that it includes, read as pip reads them.

The format is pip's own. A backslash at the end joins a line with the next one. ``#`` at the beginning or
after white space starts a comment. ``${NAME}`` is an environment variable. The first word that begins with a
hyphen starts the options, quoted as in a shell.
"""

from __future__ import annotations

import functools
import optparse
import os
import re
import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from minimirror.common import printable, quoted
from minimirror.resolution.inputs.files import RequirementsError, decode, display_path, read_bytes
from minimirror.resolution.inputs.foreign import advice_on

__all__ = ["RequirementLine", "RequirementLines", "read_lines"]

_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_URL = re.compile(r"(?:https?|file):", re.IGNORECASE)

_OPTIONS = (
    *("-i --index-url --pypi-url", "--extra-index-url", "-f --find-links", "--trusted-host"),
    *("-r --requirement", "-c --constraint", "-e --editable", "--hash", "--global-option"),
    *("--no-binary", "--only-binary", "--all-releases", "--only-final", "--use-feature"),
    "-C --config-setting --config-settings",
)
"""Options that take a value."""

_FLAGS = ("--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre")


class RequirementLine(NamedTuple):
    """A line that is not empty, joined with the lines that continue it."""

    path: Path
    number: int
    """The number of its first physical line, from 1."""

    text: str
    """The line without comments, before variables are replaced: their values may be secrets."""

    requirement: str
    """The text before the options; empty if there are only options."""

    options: dict[str, list[str]]
    """The values of each option by its long name without hyphens; ``[""]`` for a flag."""

    rest: tuple[str, ...]
    """Words between or after the options, which pip ignores."""

    @property
    def place(self) -> str:
        """The file and the line number, such as ``requirements.txt:3``."""
        return _place(self.path, self.number)


@dataclass
class RequirementLines:
    """The lines of a requirement file and of the files that it includes. Each file is read once."""

    lines: list[RequirementLine] = field(default_factory=list)
    constraints: list[RequirementLine] = field(default_factory=list)
    """The lines of files that are included by ``-c``."""

    problems: list[str] = field(default_factory=list)
    """Files and lines that cannot be read, each with its place."""


def read_lines(path: Path) -> RequirementLines:
    """Read a requirement file and the files that it includes by ``-r`` and ``-c``."""
    found = RequirementLines()
    seen: set[tuple[Path, bool]] = set()
    pending = deque([(path, "", False)])
    while pending:
        file, origin, is_constraint = pending.popleft()
        try:
            data = read_bytes(file)
            real = file.resolve()
            if (real, is_constraint) in seen:
                continue
            seen.add((real, is_constraint))
            if advice := advice_on(file.name, data):
                raise RequirementsError(f"{display_path(file)}: {advice}")  # noqa: TRY301
            text = decode(data, file)
        except RequirementsError as error:
            found.problems += [f"{origin}{problem}" for problem in error.problems]
            continue
        lines = list(_parse_lines(file, text, found.problems))
        (found.constraints if is_constraint else found.lines).extend(lines)
        for line in lines:
            pending.extend(_include(line, found.problems))
    return found


def _include(line: RequirementLine, problems: list[str]) -> Iterator[tuple[Path, str, bool]]:
    """Yield the file that a line includes, the start of its errors, and whether it holds constraints."""
    # pip reads one requirement or else one include from a line, whatever else the line holds. Files that
    # constraints include by -r are not constraints.
    option = next((name for name in ("requirement", "constraint") if name in line.options), None)
    if option is None or line.requirement or "editable" in line.options:
        return
    include = line.options[option][0]
    if _URL.match(include):
        problems.append(
            f"{line.place}: cannot include a URL, {quoted(include)}; save it and include the file"
        )
    else:
        yield line.path.parent / include, f"{line.place}: includes ", option == "constraint"


def _parse_lines(path: Path, text: str, problems: list[str]) -> Iterator[RequirementLine]:
    for number, joined in _joined_lines(text):
        line = _COMMENT.sub("", joined).strip()
        if not line:
            continue
        try:
            yield _parse_line(path, number, line)
        except ValueError as error:
            problems.append(f"{_place(path, number)}: {printable(str(error))}")


def _place(path: Path, number: int) -> str:
    return f"{display_path(path)}:{number}"


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield logical lines, each with the number of its first physical line."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        is_comment = _COMMENT.match(line) is not None
        start = start if parts else number
        if line.endswith("\\") and not is_comment:
            parts.append(line.strip("\\"))
            continue
        # A comment ends a joined line, even if the comment ends with a backslash.
        parts.append(f" {line}" if is_comment else line)
        yield start, "".join(parts)
        parts = []
    if parts:
        yield start, "".join(parts)


def _parse_line(path: Path, number: int, text: str) -> RequirementLine:
    """Parse a logical line.

    :raises ValueError: pip would not accept its options
    """
    words = _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[0], text).split(" ")
    cut = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        arguments = shlex.split(" ".join(words[cut:]))
    except ValueError as error:
        raise ValueError(f"could not parse the options: {str(error).lower()}") from None
    values, rest = _parser().parse_args(arguments)
    options = {
        name.replace("_", "-"): value if isinstance(value, list) else [""]
        for name, value in vars(values).items()
        if value
    }
    return RequirementLine(path, number, text, " ".join(words[:cut]).strip(), options, tuple(rest))


class _LineParser(optparse.OptionParser):
    """The parser that pip uses too, so that abbreviated and joined options mean the same."""

    def error(self, msg: str) -> NoReturn:
        raise ValueError(msg)


@functools.cache
def _parser() -> _LineParser:
    parser = _LineParser(add_help_option=False)
    for flags in _OPTIONS:
        parser.add_option(*flags.split(), action="append")
    for flag in _FLAGS:
        parser.add_option(flag, action="store_true")
    return parser
