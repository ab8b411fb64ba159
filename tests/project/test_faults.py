"""docs/faults.md: each row is complete, and each message is one that the code has.

That the hostile index causes no other message is in ``tests/sync/test_hostile.py``.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.helpers.faults import PLACEHOLDER, Fault, faults, shape
from tests.helpers.hostile import TABLE
from tests.helpers.running import SOURCES


@cache
def texts(folder: str, name: str = "*.py") -> tuple[str, ...]:
    """Return the text constants in the code of a folder."""
    trees = (ast.parse(path.read_text("utf-8")) for path in sorted((SOURCES / folder).rglob(name)))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return tuple(text for text in constants if isinstance(text, str))


def is_told(message: str) -> bool:
    """Return whether the code has a message: in a snapshot, caused by the hostile index, or in parts."""
    if any(map(shape(message).search, texts("tests", "test_*messages.py"))):
        return True
    if is_caused(message):
        return True
    pieces = (part.strip(" :") for piece in PLACEHOLDER.split(message) for part in piece.split(": "))
    return all(any(piece in text for text in texts("minimirror")) for piece in pieces)


def is_caused(message: str) -> bool:
    """Return whether an item of the hostile index expects this message, and not any other as well."""
    return any(
        re.search(item.failure, f"x: its page cannot be read: {message}")
        for item in TABLE
        if item.failure and not re.search(item.failure, "x: its page cannot be read: x")
    )


def test_there_are_faults() -> None:
    assert len(faults()) > 60
    assert not is_told("the page is nonsense")


@pytest.mark.parametrize("row", faults(), ids=lambda row: row.fault[:40])
def test_a_row_is_complete_and_true(row: Fault) -> None:
    assert row.outcome
    assert row.code in {"0", "1", "2", "130", ""}
    assert [message for message in row.messages if not is_told(message)] == []
