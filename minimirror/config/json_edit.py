"""Change one key of a JSON text, and leave the rest as its author wrote it: order, indentation, comments."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Part", "parts_of", "with_value", "without_comments", "without_key"]

_STRING_OR_COMMENT = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*"?)|//[^\n]*|/\*.*?\*/', re.DOTALL)
_GAP = re.compile(r"\s*")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\n]*|(?:/\*[^\n]*?\*/[ \t]*)*)\n")
"""What follows the last part of a line: nothing, or a comment on it."""

_DECODER = json.JSONDecoder()
_WIDTH = 100
"""Characters of a value that is written in one line."""


class Part(NamedTuple):
    """An item of a list, or a member of an object."""

    start: int
    """Where it begins: a member, with its key."""

    value_start: int
    end: int
    value: object
    key: str | None = None


def without_comments(text: str) -> str:
    """Return the text with spaces in place of ``// …`` and ``/* … */``, so that each offset stays."""

    def blank(found: re.Match[str]) -> str:
        return found[1] or re.sub(r"[^\n]", " ", found[0])

    return _STRING_OR_COMMENT.sub(blank, text)


def with_value(text: str, key: str, value: object) -> str:
    """Return a JSON object's text with another value of a key.

    Items that a list keeps stay where they are; a new key comes last.

    :param text: a valid JSON object, perhaps with comments

    >>> with_value('{"projects": ["a", "b"], "releases": 1}', "projects", ["b", "c"])
    '{"projects": ["b", "c"], "releases": 1}'
    """
    expected = {**json.loads(without_comments(text)), key: value}
    return _checked(lambda: _with_value(text, key, value), expected)


def _with_value(text: str, key: str, value: object) -> str:
    bare = without_comments(text)
    start = bare.index("{")
    members = list(parts_of(bare, start))
    member = next((each for each in members if each.key == key), None)
    if member is None:
        indent = _indent(text, members, start)
        return _appended(text, members, start, f"{json.dumps(key)}: {_dumped(value, indent)}")
    if isinstance(value, list) and isinstance(member.value, list) and value and member.value:
        return _with_items(text, member.value_start, value)
    indent = _indent(text, members, start)
    return text[: member.value_start] + _dumped(value, indent) + text[member.end :]


def without_key(text: str, key: str) -> str:
    """Return a JSON object's text without a key.

    :param text: a valid JSON object, perhaps with comments

    >>> without_key('{"projects": ["a"], "releases": 1}', "projects")
    '{"releases": 1}'
    """
    bare = without_comments(text)
    expected = json.loads(bare)
    expected.pop(key, None)
    return _checked(lambda: _without(text, bare.index("{"), lambda part: part.key == key), expected)


def _checked(edit: Callable[[], str], expected: object) -> str:
    """Return an edited text that has these values: a plain one if an odd comment swallows something."""
    with suppress(ValueError, IndexError):
        text = edit()
        if json.loads(without_comments(text)) == expected:
            return text
    return _dumped(expected, "\n") + "\n"


def _with_items(text: str, start: int, values: list[object]) -> str:
    """Return the text with other items in the list that begins at an offset."""
    items = list(parts_of(without_comments(text), start))
    kept = [each.value for each in items if each.value in values]
    if kept != values[: len(kept)]:
        last = items[-1].end
        return text[: start + 1] + ", ".join(map(_dumped, values)) + text[last:]
    text = _without(text, start, lambda part: part.value not in values)
    for value in values[len(kept) :]:
        items = list(parts_of(without_comments(text), start))
        text = _appended(text, items, start, _dumped(value, _indent(text, items, start)))
    return text


def parts_of(bare: str, start: int) -> Iterator[Part]:
    """Yield the items of the list, or the members of the object, whose bracket is at an offset."""
    is_object = bare[start] == "{"
    at = _skip(bare, start + 1)
    while bare[at] not in "]}":
        begin, key = at, None
        if is_object:
            key, at = _DECODER.raw_decode(bare, at)
            at = _skip(bare, _skip(bare, at) + 1)
        value, end = _DECODER.raw_decode(bare, at)
        yield Part(begin, at, end, value, key)
        at = _skip(bare, end)
        if bare[at] == ",":
            at = _skip(bare, at + 1)


def _skip(bare: str, at: int) -> int:
    found = _GAP.match(bare, at)
    return found.end() if found else at


def _without(text: str, start: int, drops: Callable[[Part], bool]) -> str:
    """Return the text without some parts of what begins at an offset."""
    for number, part in reversed(list(enumerate(parts_of(without_comments(text), start)))):
        if drops(part):
            text = _without_part(text, start, number)
    return text


def _without_part(text: str, start: int, number: int) -> str:
    """Return the text without a part and the comma after it, or else the one before it."""
    bare = without_comments(text)
    parts = list(parts_of(bare, start))
    begin, end, is_last = parts[number].start, parts[number].end, number == len(parts) - 1
    if not is_last:
        end = bare.index(",", end) + 1
    line = text.rfind("\n", 0, begin) + 1
    rest = _REST_OF_LINE.match(text, end)
    if rest and not text[line:begin].strip():
        without = text[:line] + text[rest.end() :]
    elif is_last:
        without = text[:begin].rstrip(" \t") + text[end:]
    else:
        without = text[:begin] + text[end:].lstrip()
    if is_last and number:
        comma = bare.index(",", parts[number - 1].end)
        return without[:comma] + without[comma + 1 :]
    return without


def _appended(text: str, parts: list[Part], start: int, new: str) -> str:
    """Return the text with a part after the last one."""
    if not parts:
        return text[: start + 1] + new + text[start + 1 :]
    last = parts[-1].end
    return f"{text[:last]},{_indent(text, parts, start) or ' '}{new}{text[last:]}"


def _indent(text: str, parts: list[Part], start: int) -> str:
    """Return the line break and the spaces before the last part; nothing if it begins no line."""
    line = text.rfind("\n", start, parts[-1].start) if parts else -1
    before = without_comments(text)[line + 1 : parts[-1].start] if line >= 0 else "?"
    return "" if before.strip() else text[line : _skip(text, line)]


def _dumped(value: object, indent: str = "") -> str:
    """Return the JSON of a value: in one line if it is short, else with the indentation of its neighbours."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) <= _WIDTH or not indent:
        return short
    return json.dumps(value, ensure_ascii=False, indent=4).replace("\n", indent)
