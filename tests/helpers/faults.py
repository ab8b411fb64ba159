"""The tables of docs/faults.md."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tests.helpers.running import SOURCES

__all__ = ["PLACEHOLDER", "Fault", "faults", "is_documented", "shape"]

PLACEHOLDER = re.compile(r"\b(?:N|FILE|PROJECT|PATH|URL|NAME)\b|…")

_PAGE = "its page cannot be read: "
"""How the message of a page begins; the tables leave it out."""


class Fault(NamedTuple):
    """A row."""

    fault: str
    outcome: str
    messages: tuple[str, ...]
    code: str


@cache
def faults() -> tuple[Fault, ...]:
    """Return the rows of all tables."""
    lines = (SOURCES / "docs" / "faults.md").read_text("utf-8").splitlines()
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in lines if line.startswith("| ")]
    return tuple(Fault(row[0], row[1], _messages(row[2]), row[3]) for row in rows if row[0] != "fault")


def _messages(cell: str) -> tuple[str, ...]:
    return tuple(double or single for double, single in re.findall(r"``(.+?)``(?!`)|`([^`]+)`", cell))


def shape(message: str) -> re.Pattern[str]:
    """Return a regular expression for a message of the tables."""
    return re.compile(".*".join(map(re.escape, PLACEHOLDER.split(message))), re.DOTALL)


@cache
def _shapes() -> tuple[re.Pattern[str], ...]:
    messages = ("and N more like these", *(each for row in faults() for each in row.messages))
    return tuple(map(shape, messages))


def is_documented(cause: str) -> bool:
    """Return whether a failure's cause has the shape of a message in the tables."""
    return any(each.fullmatch(cause.removeprefix(_PAGE)) for each in _shapes())
