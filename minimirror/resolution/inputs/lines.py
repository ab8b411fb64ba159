"""One requirement file's lines, read as pip reads them.

The format is pip's own: physical lines that end with a backslash are joined, a ``#`` at the beginning or
after white space starts a comment, ``${NAME}`` stands for an environment variable, and what follows the first
word that begins with a hyphen are options, in a shell's quoting.
"""

from __future__ import annotations

import functools
import optparse
import os
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

__all__ = ["Line", "LineError", "read_lines"]

_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

_OPTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("-i", "--index-url", "--pypi-url"), "append"),
    (("--extra-index-url",), "append"),
    (("--no-index",), "store_true"),
    (("-c", "--constraint"), "append"),
    (("-r", "--requirement"), "append"),
    (("-e", "--editable"), "append"),
    (("-f", "--find-links"), "append"),
    (("--no-binary",), "append"),
    (("--only-binary",), "append"),
    (("--prefer-binary",), "store_true"),
    (("--require-hashes",), "store_true"),
    (("--no-require-hashes",), "store_true"),
    (("--pre",), "store_true"),
    (("--all-releases",), "append"),
    (("--only-final",), "append"),
    (("--trusted-host",), "append"),
    (("--use-feature",), "append"),
    (("--global-option",), "append"),
    (("-C", "--config-setting", "--config-settings"), "append"),
    (("--hash",), "append"),
)


class LineError(ValueError):
    """A line whose options pip would not accept."""


class Line(NamedTuple):
    """A line that is not empty, all of its physical lines joined."""

    number: int
    """Of its first physical line, from 1."""

    text: str
    """As the file has it, without comments, and before variables were replaced: these may be secrets."""

    requirement: str
    """What stands before the options; empty on a line of nothing but options."""

    options: dict[str, list[str]]
    """The values of each option, by its long name without hyphens; ``[""]`` for one that takes none."""

    rest: tuple[str, ...]
    """Words between or behind the options, which pip does not read."""


def read_lines(text: str) -> Iterator[Line | tuple[int, str]]:
    """The lines of a requirement file.

    :returns: a line, or the number and the cause of one with options that pip would not accept
    """
    for number, joined in _joined(text):
        line = _COMMENT.sub("", joined).strip()
        if not line:
            continue
        try:
            yield _parsed(number, line)
        except LineError as error:
            yield number, str(error)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines, each with the number of its first physical one."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        is_comment = _COMMENT.match(line) is not None
        start = start if parts else number
        if line.endswith("\\") and not is_comment:
            parts.append(line.strip("\\"))
            continue
        # A comment ends the line that it follows, whatever that ends with.
        parts.append(f" {line}" if is_comment else line)
        yield start, "".join(parts)
        parts = []
    if parts:
        yield start, "".join(parts)


def _parsed(number: int, text: str) -> Line:
    words = _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[0], text).split(" ")
    cut = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        arguments = shlex.split(" ".join(words[cut:]))
    except ValueError as error:
        raise LineError(f"its options cannot be told apart: {str(error).lower()}") from None
    values, rest = _parser().parse_args(arguments)
    options = {
        name.replace("_", "-"): value if isinstance(value, list) else [""]
        for name, value in vars(values).items()
        if value
    }
    return Line(number, text, " ".join(words[:cut]).strip(), options, tuple(rest))


class _Parser(optparse.OptionParser):
    """The parser that pip uses too, so that abbreviated and joined options mean the same."""

    def error(self, msg: str) -> NoReturn:
        raise LineError(msg)


@functools.cache
def _parser() -> _Parser:
    parser = _Parser(add_help_option=False)
    for flags, action in _OPTIONS:
        keywords: dict[str, Any] = {"action": action, "dest": _dest(flags)}
        parser.add_option(*flags, **keywords)
    return parser


def _dest(flags: tuple[str, ...]) -> str:
    long = next(flag for flag in flags if flag.startswith("--"))
    return long[2:].replace("-", "_")
