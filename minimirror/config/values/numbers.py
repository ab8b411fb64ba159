"""Numbers of the config, which may also be written as strings, as minirepo wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AtLeastOne", "Count", "Rate", "Releases", "Retries", "Seconds", "Share"]

# minirepo wrote the machine's number of CPUs, and machines grow.
_MOST_COUNT = 512

_MOST_SECONDS = 7 * 86400.0


def _whole_number(most: int | None = None, least: int = 1) -> Callable[[object], int]:
    """Return the validator of a whole number of at least 1, which may also be written as a string."""
    wanted = f"of at least {least}" if most is None else f"from {least} to {most}"

    def validate(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= (most or value):
            raise ValueError(f"must be a whole number {wanted}")
        return value

    return validate


def _number(least: float, most: float, sentence: str) -> Callable[[object], float]:
    """Return the validator of a number, which may also be written as a string."""

    def validate(value: object) -> float:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,12})?\s*", value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"must be {sentence}")
        return float(value)

    return validate


def _share(value: object) -> float:
    """Return a share from 0 to 1, which may also be written as ``"10%"``."""
    if isinstance(value, str) and (percent := re.fullmatch(r"\s*([0-9]{1,3}(\.[0-9]{1,6})?)\s*%\s*", value)):
        value = float(percent[1]) / 100
    return _number(0, 1, 'a share from 0 to 1, or a percentage such as "10%"')(value)


def _releases(value: object) -> int | Literal["all"]:
    """Return a whole number of at least 1, or ``"all"``."""
    if isinstance(value, str) and value.strip().lower() == "all":
        return "all"
    try:
        return _whole_number()(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "all"') from None


def _number_schema(most: int | None, *others: dict[str, Any]) -> WithJsonSchema:
    number = {"type": "integer", "minimum": 1} | ({} if most is None else {"maximum": most})
    return WithJsonSchema(
        {"anyOf": [number, {"type": "string", "pattern": r"^\s*0*[1-9][0-9]*\s*$"}, *others]}
    )


_NUMBER = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*[0-9.]+\s*%?\s*$"}]
}

AtLeastOne = Annotated[int, PlainValidator(_whole_number()), _number_schema(None)]
Count = Annotated[int, PlainValidator(_whole_number(_MOST_COUNT)), _number_schema(_MOST_COUNT)]
Retries = Annotated[int, PlainValidator(_whole_number(100, least=0)), WithJsonSchema(_NUMBER)]
Seconds = Annotated[
    float,
    PlainValidator(_number(0.1, _MOST_SECONDS, "a number of seconds, from 0.1 to a week's 604800")),
    WithJsonSchema(_NUMBER),
]
Rate = Annotated[
    float, PlainValidator(_number(0, 1e12, "a number of bytes a second, or 0")), WithJsonSchema(_NUMBER)
]
Share = Annotated[float, PlainValidator(_share), WithJsonSchema(_NUMBER)]
Releases = Annotated[
    int | Literal["all"],
    BeforeValidator(_releases),
    _number_schema(None, {"type": "string", "pattern": r"^\s*[Aa][Ll][Ll]\s*$", "examples": ["all"]}),
]
