"""Amounts of the config that people write with a unit, ``"7 days"`` and ``"500 MB"``, and dates.

Each is read into a plain number, and written back as a person would have written it.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from minimirror.common import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Age", "Date", "Size"]

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
    "TB": 10**12,
    "TiB": 2**40,
}

_LONGEST = 100 * 366 * 86400
_BIGGEST = 10**18
_YEAR_10000 = 253402300800

_AMOUNT = re.compile(r"\s*(?P<number>[0-9]{1,18}(?:\.[0-9]{1,9})?)\s*(?P<unit>[A-Za-z]*)\s*")
_DATE = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)\s*(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


def _amount(value: object, units: Mapping[str, int], example: str) -> Fraction:
    """Return a number, or a text of a number and one of the units (in lower case), in the smallest unit."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        try:
            return Fraction(value)
        except (OverflowError, ValueError):  # no number, or infinite
            value = None
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"must be like {example}")
    unit = found["unit"].lower()
    if unit and unit not in units:
        raise ValueError(f"{quoted(found['unit'])} is no unit here: write it like {example}")
    return Fraction(found["number"]) * (units[unit] if unit else 1)


def _age(value: object) -> float:
    """Return seconds."""
    singular = {unit.removesuffix("s"): seconds for unit, seconds in _SECONDS.items()}
    seconds = _amount(value, {**_SECONDS, **singular}, '"7 days", "12 hours" or a number of seconds')
    if seconds > _LONGEST:
        raise ValueError("is more than a hundred years")
    return float(seconds)


def _size(value: object) -> int:
    """Return bytes."""
    units = {unit.lower(): count for unit, count in _BYTES.items()}
    count = _amount(value, units, '"500 MB", "1 GiB" or a number of bytes')
    if not 1 <= count <= _BIGGEST:
        raise ValueError("must be at least a byte, and at most a million TB")
    return round(count)


def _date(value: object) -> float:
    """Return seconds since the epoch."""
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError('must be a date such as "2026-01-31", or a time such as "2026-01-31T18:00Z"')
    zone = (found["zone"] or "Z").upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}{zone}").timestamp()
    except ValueError as error:
        raise ValueError(f"{quoted(found[0])} is no date: {error}") from None
    if not 0 <= moment < _YEAR_10000:
        raise ValueError(f"{quoted(found[0])} is no year from 1970 to 9999")
    return moment


def _written(number: int, units: Mapping[str, int]) -> str:
    """The number in the biggest of the units in which it is whole."""
    unit = max((unit for unit in units if number % units[unit] == 0), key=units.__getitem__)
    return f"{number // units[unit]} {unit}"


def _written_age(seconds: float) -> str | float:
    """Return seconds as people write them, ``7 days``; not in weeks, which are no clearer."""
    if seconds % 1 or not seconds:
        return seconds
    text = _written(int(seconds), {unit: count for unit, count in _SECONDS.items() if unit != "weeks"})
    return text.removesuffix("s") if text.startswith("1 ") else text


def _written_size(count: int) -> str:
    """Return bytes as people write them, ``500 MB``, to the byte."""
    return _written(count, _BYTES)


def _written_date(moment: float) -> str:
    """Return seconds since the epoch as people write them, ``2026-01-31`` where a day begins (UTC)."""
    date = datetime.fromtimestamp(moment, timezone.utc)
    return f"{date:%Y-%m-%d}" if moment % 86400 == 0 else f"{date:%Y-%m-%dT%H:%M:%S}Z"


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]}
    )


_NUMBER = r"^\s*[0-9]+(\.[0-9]+)?\s*"

Age = Annotated[
    float,
    PlainValidator(_age),
    PlainSerializer(_written_age, when_used="json"),
    _schema(_NUMBER + r"(([Ss]econd|[Mm]inute|[Hh]our|[Dd]ay|[Ww]eek)s?)?\s*$"),
]
Size = Annotated[
    int,
    PlainValidator(_size),
    PlainSerializer(_written_size, when_used="json"),
    _schema(_NUMBER + r"([KkMmGgTt]?[Ii]?[Bb])?\s*$"),
]
Date = Annotated[
    float,
    PlainValidator(_date),
    PlainSerializer(_written_date, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?\s*$"}),
]
