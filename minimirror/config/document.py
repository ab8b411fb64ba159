"""A config file's text: read as JSON, with the line of each key and the place of each mistake."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minimirror.common import mask_credentials, printable
from minimirror.config.mistakes import ConfigError, key_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from minimirror.config.mistakes import Location

__all__ = ["Document", "decode", "read_document"]

# A key of an object in a key's list; what is nested deeper is a mistake as a whole.
_DEEPEST = 3

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)

# What json says, and what that means to somebody who edits a file.
_CAUSES = {
    "Expecting value": "a value is expected here: text in double quotes, a number, true, false, or a list",
    "Expecting property name": "a key in double quotes is expected here",
    "Expecting ',' delimiter": "a comma is missing before this",
    "Expecting ':' delimiter": "a colon is missing before this",
    "Unterminated string": "the text that starts here has no closing quote",
    "Invalid control character": "the line ends inside a text: is its closing quote missing?",
    "Invalid \\": 'a backslash inside a text is written "\\\\"',
    "Extra data": "nothing may follow the end of the object",
}


@dataclass(frozen=True)
class Document:
    """A config file that is sound as JSON; its values are not yet checked."""

    values: dict[str, object]
    """The object, its keys in the order of the file."""

    lines: dict[Location, int]
    """The line, from 1, of each key, of each item of a list, and of each key of an object in a list."""

    problems: tuple[tuple[int, str], ...]
    """Line and message of each key that is there twice."""


def decode(data: bytes, path: Path) -> str:
    """Return the text of a config file.

    :raises ConfigError: if it is not UTF-8; a byte order mark is accepted
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"{path}:{line}: is not UTF-8 text: save the file as UTF-8"]) from None


def read_document(text: str, path: Path) -> Document:
    """Read the text of a config file.

    :raises ConfigError: if it is not a JSON object
    """
    try:
        values = json.loads(text)
        json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ConfigError(path, [f"{path}:{_broken(text, error)}"]) from None
    except UnicodeEncodeError:
        raise ConfigError(
            path, [f'{path}: holds half a character, such as "\\ud83d": write the character']
        ) from None
    except (RecursionError, ValueError):
        raise ConfigError(
            path, [f"{path}: is nested too deeply, or its numbers are too long, for a config"]
        ) from None
    if not isinstance(values, dict):
        raise ConfigError(path, [f'{path}: must be an object, such as {{"repository": "~/minirepo"}}'])
    lines, problems = _lines(text)
    return Document(values, lines, problems)


def _lines(text: str) -> tuple[dict[Location, int], tuple[tuple[int, str], ...]]:
    """Return the line of each key and item, and the keys that are there twice, of a sound JSON text."""
    lines: dict[Location, int] = {}
    problems = []
    line, seen = 1, 0
    for location, offset in _offsets(text):
        line, seen = line + text.count("\n", seen, offset), offset
        if isinstance(location[-1], str) and location in lines:
            first = lines[location]
            problems.append((line, f"{key_path(location)}: is there twice, first in line {first}: keep one"))
        lines[location] = line
    return lines, tuple(problems)


def _offsets(text: str) -> Iterator[tuple[Location, int]]:
    """Yield where the outermost object's keys, and what their lists hold, begin in a sound JSON text."""
    # One entry an open bracket: an item's index in a list, a key in an object, None where a key comes next.
    inside: list[str | int | None] = []
    for token in _TOKEN.finditer(text):
        if token[0] == ":":
            continue
        if token[0] in {"}", "]"}:
            inside.pop()
            continue
        if token[0] == ",":
            inside[-1] = inside[-1] + 1 if isinstance(inside[-1], int) else None
            continue
        is_key = inside[-1:] == [None]
        if is_key:
            inside[-1] = json.loads(token[0])
        if len(inside) <= _DEEPEST and (is_key or isinstance(inside[-1] if inside else None, int)):
            yield tuple(part for part in inside if part is not None), token.start()
        if not is_key and token[0] in {"{", "["}:
            inside.append(None if token[0] == "{" else 0)


def _broken(text: str, error: json.JSONDecodeError) -> str:
    """Return ``LINE:COLUMN: cause``, with the line and a caret under the column unless it holds a secret."""
    message = f"{error.lineno}:{error.colno}: {_cause(text, error)}"
    line = text.split("\n")[error.lineno - 1]
    if mask_credentials(line) != line:
        return message
    start = max(0, error.colno - 50)
    shown = printable(line[start : start + 70].replace("\t", " "))
    return f"{message}\n    {shown}\n    {'^':>{error.colno - start}}"


def _cause(text: str, error: json.JSONDecodeError) -> str:
    before, here = text[: error.pos].rstrip(), text[error.pos :]
    if not text.strip():
        return "the file is empty: `minimirror init --force` writes a new one"
    if not here.strip():
        return "the file ends too soon: is a closing bracket, brace or value missing?"
    if here.startswith(("//", "/*", "#")):
        return "JSON has no comments: take it out"
    if here.startswith(("'", "\u201c", "\u201d")):
        return 'text stands between straight double quotes ("): replace these'
    # Python 3.13 points at the comma, earlier versions at what follows it.
    if re.match(r",\s*[\]}]", ("," if before.endswith(",") else "") + here):
        return "a comma stands before the closing bracket: take it out"
    return next((cause for begin, cause in _CAUSES.items() if error.msg.startswith(begin)), error.msg)
