"""Machines, and which wheels pip accepts on each: recorded with :mod:`tests.helpers.machines.record`.

A record is a JSON file:

- ``made_by``: the version of pip, and of Python
- ``pretended``: the description that pip got of a machine on which it did not run; missing if it ran there
- ``target``: the machine as a target of the config
- ``tags``: every tag that pip accepts there, as compressed tag sets (PEP 425)
- ``markers``: the values of environment markers there; missing if only tags were recorded
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from minimirror.distributions.targets import Target

__all__ = ["RECORDS", "Machine", "recorded"]

RECORDS = Path(__file__).parent / "records"


@dataclass(frozen=True)
class Machine:
    """The record of one machine."""

    name: str
    target: Target
    tags: frozenset[str]
    markers: dict[str, str]


def recorded() -> list[Machine]:
    """Return all recorded machines by name."""
    return [_read(path) for path in sorted(RECORDS.glob("*.json"))]


def _read(path: Path) -> Machine:
    record = json.loads(path.read_text())
    tags = frozenset(tag for tags in record["tags"] for tag in _expanded(tags))
    return Machine(path.stem, Target(**record["target"]), tags, record.get("markers", {}))


def _expanded(tags: str) -> list[str]:
    """Return the tags of a compressed tag set."""
    interpreters, abis, platforms = (part.split(".") for part in tags.split("-"))
    return [
        f"{interpreter}-{abi}-{platform}"
        for interpreter in interpreters
        for abi in abis
        for platform in platforms
    ]
