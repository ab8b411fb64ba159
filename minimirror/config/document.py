"""Parse a config file as JSON, with the line of each key for error messages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minimirror.common import mask_credentials, printable
from minimirror.config.errors import ConfigError, key_path
from minimirror.config.json_edit import parts_of, without_comments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from minimirror.config.errors import Location

__all__ = ["Document", "decode", "read_document"]

# A key of an object in a list. Deeper values have no line of their own.
_DEEPEST = 3

# Messages of Python's json module, and what they mean to a person who edits a file.
_CAUSES = {
    "Expecting value": "expected a value: text in double quotes, a number, true, false, or a list",
    "Expecting property name": "expected a key in double quotes",
    "Expecting ',' delimiter": "missing comma before this",
    "Expecting ':' delimiter": "missing colon before this",
    "Unterminated string": "the string that starts here has no closing quote",
    "Invalid control character": "the line ends inside a string: add the closing quote",
    "Invalid \\": 'write a backslash in a string as "\\\\"',
    "Extra data": "unexpected text after the end of the object",
}


@dataclass(frozen=True)
class Document:
    """A config file that is valid JSON. Its values are not checked yet."""

    values: dict[str, object]
    """The object, its keys in the order of the file."""

    lines: dict[Location, int]
    """The lines, from 1, of keys, of items of lists, and of keys of objects in lists."""

    problems: tuple[tuple[int, str], ...]
    """The line and the message of each duplicate key."""


def decode(data: bytes, path: Path) -> str:
    """Return the text of a config file.

    A byte order mark is accepted.

    :raises ConfigError: if it is not UTF-8
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"{path}:{line}: not UTF-8 text: save the file as UTF-8"]) from None


def read_document(text: str, path: Path) -> Document:
    """Parse the text of a config file: JSON, in which there may be ``//`` and ``/* */`` comments.

    :raises ConfigError: if it is not a JSON object
    """
    text = without_comments(text)
    try:
        values = json.loads(text)
        json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ConfigError(path, [f"{path}:{_broken(text, error)}"]) from None
    except UnicodeEncodeError:
        raise ConfigError(
            path, [f'{path}: has an incomplete character, such as "\\ud83d": write the character itself']
        ) from None
    except (RecursionError, ValueError):
        raise ConfigError(path, [f"{path}: nested too deeply, or a number is too long"]) from None
    if not isinstance(values, dict):
        raise ConfigError(path, [f'{path}: must be an object, such as {{"repository": "~/minirepo"}}'])
    lines, problems = _lines(text)
    return Document(values, lines, problems)


def _lines(text: str) -> tuple[dict[Location, int], tuple[tuple[int, str], ...]]:
    """Return the lines of the keys and items of a valid JSON text, and its duplicate keys."""
    lines: dict[Location, int] = {}
    problems = []
    line, seen = 1, 0
    for location, offset in _offsets(text, text.index("{")):
        line, seen = line + text.count("\n", seen, offset), offset
        if isinstance(location[-1], str) and location in lines:
            first = lines[location]
            problems.append((line, f"{key_path(location)}: duplicate key, first on line {first}: remove one"))
        lines[location] = line
    return lines, tuple(problems)


def _offsets(text: str, start: int, outer: Location = ()) -> Iterator[tuple[Location, int]]:
    """Yield the offsets of an object's keys, or a list's items, and of what is in their values."""
    for number, part in enumerate(parts_of(text, start)):
        location = (*outer, number if part.key is None else part.key)
        yield location, part.start
        if len(location) < _DEEPEST and isinstance(part.value, dict | list):
            yield from _offsets(text, part.value_start, location)


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
        return "unexpected end of file: add the missing value or closing bracket"
    if here.startswith(("/*", "#")):
        return "write a comment as // … or /* … */"
    if here.startswith(("'", "\u201c", "\u201d")):
        return 'JSON strings need straight double quotes (")'
    # Python 3.13 points at the comma, earlier versions at what follows it.
    if re.match(r",\s*[\]}]", ("," if before.endswith(",") else "") + here):
        return "remove the comma before the closing bracket"
    return next((cause for begin, cause in _CAUSES.items() if error.msg.startswith(begin)), error.msg)
