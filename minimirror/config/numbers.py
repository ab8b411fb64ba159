"""Types of the config's numbers: counts, durations, sizes and dates.

Each accepts what people write (``"7 days"``, ``"500 MB"``, or ``"4"`` as minirepo wrote numbers), holds a
plain number, and is shown again as a person would write it.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from minimirror.common import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Age", "AtLeastOne", "Count", "Date", "Rate", "Releases", "Retries", "Seconds", "Share", "Size"]

# minirepo wrote the machine's number of CPUs, and machines grow.
_MOST_COUNT = 512
_WEEK = 7 * 86400
_HUNDRED_YEARS = 100 * 366 * 86400
_YEAR_10000 = 253402300800

_SECONDS = {"s": 1, "minutes": 60, "hours": 3600, "days": 86400}
_TIMES = {
    **_SECONDS,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "second": 1,
    "seconds": 1,
    "week": _WEEK,
    "weeks": _WEEK,
}
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

_AMOUNT = re.compile(
    r"\s*(?P<number>[0-9]{1,18}(?:\.[0-9]{1,20})?(?:[Ee]-?[0-9]{1,3})?)\s*(?P<unit>%|[A-Za-z]*(?:/s)?)\s*"
)
_DATE = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)\s*(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


def _whole_number(least: int = 1, most: int | None = None) -> Callable[[object], int]:
    """Return a validator of whole numbers, which may be written as strings."""
    allowed = f"of at least {least}" if most is None else f"from {least} to {most}"

    def validate(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= (most or value):
            raise ValueError(f"must be a whole number {allowed}")
        return value

    return validate


def _releases(value: object) -> int | Literal["all"]:
    if isinstance(value, str) and value.strip().lower() == "all":
        return "all"
    try:
        return _whole_number()(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "all"') from None


def _amount(
    value: object,
    units: Mapping[str, int | Fraction],
    example: str,
    limits: tuple[int | Fraction, int],
    bounds: str,
) -> Fraction:
    """Return a number with an optional unit, in the smallest unit.

    :param units: how many of the smallest unit each is, by names in lower case
    :param limits: the least and the most that is allowed
    :param bounds: the limits for people
    """
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found:
        unit = found["unit"].lower()
        if unit and unit not in units:
            raise ValueError(f"unknown unit {quoted(found['unit'])}: write it like {example}")
        amount = Fraction(found["number"]) * (units[unit] if unit else 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        amount = Fraction(value)
    else:
        raise ValueError(f"must be like {example}")
    if not limits[0] <= amount <= limits[1]:
        raise ValueError(f"must be {bounds}")
    return amount


def _age(value: object) -> float:
    """Return seconds."""
    example = '"7 days", "12 hours" or a number of seconds'
    return float(_amount(value, _TIMES, example, (0, _HUNDRED_YEARS), "at most 100 years"))


def _duration(value: object) -> float:
    """Return seconds."""
    example = '"10 s", "2 hours" or a number of seconds'
    return float(_amount(value, _TIMES, example, (Fraction(1, 10), _WEEK), "from 0.1 s to 7 days"))


def _rate(value: object) -> float:
    """Return bytes per second."""
    units = {f"{unit.lower()}{each}": count for unit, count in _BYTES.items() for each in ("", "/s")}
    example = '"5 kB/s", a number of bytes per second, or 0'
    return float(_amount(value, units, example, (0, 10**12), "at most 1 TB/s"))


def _size(value: object) -> int:
    """Return bytes."""
    units = {unit.lower(): count for unit, count in _BYTES.items()}
    example = '"500 MB", "1 GiB" or a number of bytes'
    return round(_amount(value, units, example, (1, 10**18), "from 1 byte to 1,000,000 TB"))


def _share(value: object) -> float:
    """Return a part of 1."""
    units = {"%": Fraction(1, 100)}
    return float(_amount(value, units, '"10%" or a number from 0 to 1', (0, 1), 'at most 1, or "100%"'))


def _date(value: object) -> float:
    """Return seconds since the epoch."""
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError('must be a date such as "2026-01-31" or a time such as "2026-01-31T18:00Z"')
    zone = (found["zone"] or "Z").upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}{zone}").timestamp()
    except ValueError as error:
        raise ValueError(f"invalid date {quoted(found[0])}: {error}") from None
    if not 0 <= moment < _YEAR_10000:
        raise ValueError(f"{quoted(found[0])} is outside the years 1970 to 9999")
    return moment


def _written(number: float, units: Mapping[str, int]) -> str | float:
    """Return the number in the biggest unit that leaves it whole, as people write it: ``7 days``."""
    if number % 1 or not number:
        return number
    unit = max((unit for unit in units if number % units[unit] == 0), key=units.__getitem__)
    count = int(number) // units[unit]
    return f"{count} {unit.removesuffix('s') if count == 1 and unit != 's' else unit}"


_written_time = partial(_written, units=_SECONDS)
_written_size = partial(_written, units=_BYTES)


def _written_rate(rate: float) -> str | float:
    written = _written_size(rate)
    return f"{written}/s" if isinstance(written, str) else written


def _written_share(share: float) -> str | float:
    percent = f"{share * 100:.6f}".rstrip("0").rstrip(".") + "%"
    return percent if _share(percent) == share else share


def _written_date(moment: float) -> str:
    """Return seconds since the epoch as a date if a day begins then (UTC), or as a time."""
    date = datetime.fromtimestamp(moment, timezone.utc)
    return f"{date:%Y-%m-%d}" if moment % 86400 == 0 else f"{date:%Y-%m-%dT%H:%M:%S}Z"


def _any_of(*schemas: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(schemas)})


def _matching(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


_WHOLE = {"type": "integer", "minimum": 1}
_WHOLE_TEXT = _matching(r"^\s*0*[1-9][0-9]*\s*$")
_ANY_NUMBER = {"type": "number", "minimum": 0}
_UNITLESS = r"^\s*[0-9]+(\.[0-9]+)?([Ee]-?[0-9]+)?\s*"
_TIME_SCHEMA = _any_of(
    _ANY_NUMBER,
    _matching(_UNITLESS + r"([Ss]|([Ss]econd|[Mm]inute|[Hh]our|[Dd]ay|[Ww]eek)s?)?\s*$"),
)

AtLeastOne = Annotated[int, PlainValidator(_whole_number()), _any_of(_WHOLE, _WHOLE_TEXT)]
Count = Annotated[
    int,
    PlainValidator(_whole_number(most=_MOST_COUNT)),
    _any_of({**_WHOLE, "maximum": _MOST_COUNT}, _WHOLE_TEXT),
]
Retries = Annotated[
    int,
    PlainValidator(_whole_number(0, 100)),
    _any_of({"type": "integer", "minimum": 0, "maximum": 100}, _matching(r"^\s*[0-9]+\s*$")),
]
Seconds = Annotated[
    float, PlainValidator(_duration), PlainSerializer(_written_time, when_used="json"), _TIME_SCHEMA
]
Rate = Annotated[
    float,
    PlainValidator(_rate),
    PlainSerializer(_written_rate, when_used="json"),
    _any_of(_ANY_NUMBER, _matching(_UNITLESS + r"([KkMmGgTt]?[Ii]?[Bb](/[Ss])?)?\s*$")),
]
Share = Annotated[
    float,
    PlainValidator(_share),
    PlainSerializer(_written_share, when_used="json"),
    _any_of({**_ANY_NUMBER, "maximum": 1}, _matching(_UNITLESS + r"%?\s*$")),
]
Releases = Annotated[
    int | Literal["all"],
    BeforeValidator(_releases),
    _any_of({"enum": ["all"]}, _WHOLE, _WHOLE_TEXT, _matching(r"^\s*[Aa][Ll][Ll]\s*$")),
]
Age = Annotated[float, PlainValidator(_age), PlainSerializer(_written_time, when_used="json"), _TIME_SCHEMA]
Size = Annotated[
    int,
    PlainValidator(_size),
    PlainSerializer(_written_size, when_used="json"),
    _any_of(_ANY_NUMBER, _matching(_UNITLESS + r"([KkMmGgTt]?[Ii]?[Bb])?\s*$")),
]
Date = Annotated[
    float,
    PlainValidator(_date),
    PlainSerializer(_written_date),
    WithJsonSchema(_matching(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?\s*$")),
]
