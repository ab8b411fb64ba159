"""Errors in a config, in sentences for the person who wrote it."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from minimirror.common import MinimirrorError, nearest, quoted
from minimirror.config.indexes import NamedIndex
from minimirror.config.serving import ServeSettings
from minimirror.config.targets import WrittenTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

__all__ = [
    "NOTHING_SELECTED",
    "OBJECTS",
    "ConfigError",
    "Location",
    "key_path",
    "problems",
    "sentences",
    "unknown_key",
]

Location: TypeAlias = "tuple[str | int, ...]"
"""The place of a value: ``("package_types", 1)``."""

NOTHING_SELECTED = "nothing_selected"
"""The type of the error that ``projects`` is an empty list."""

OBJECTS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"targets": WrittenTarget, "indexes": NamedIndex, "serve": ServeSettings}
)
"""The keys whose values are objects, or lists of objects."""

_SENTENCES = {
    "missing": 'is required: add it, for example "{key}": {example}',
    "too_short": "the list is empty, so nothing would match: fill it, or remove it",
    "tuple_type": "must be a list, such as {example}",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in double quotes",
    "model_type": "must be an object, such as {item}",
    NOTHING_SELECTED: "the list is empty, so nothing would be mirrored: fill it, remove the key to mirror all"
    ' projects, or set "serve": {{"on_demand": true}} to mirror what clients of `minimirror serve` ask for',
}


class ConfigError(MinimirrorError, ValueError):
    """The config is invalid, or cannot be read or written. Reports all errors at once."""

    exit_code = 2

    path: Path | None
    """The file; None for a config that is made in Python."""

    problems: tuple[str, ...]
    """The errors, each as ``PATH:LINE: KEY: what is wrong and what to do``.

    A value that is not in the file, but was given for one run or in Python, has no ``PATH:LINE``. An error in
    the JSON itself also has the column and shows the line.
    """

    def __init__(self, path: Path | None, problems: Iterable[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            "\n  ".join(self.problems if count == 1 else (f"found {count} errors:", *self.problems))
        )


def key_path(location: Location) -> str:
    """Return a location as people write it: ``package_types[1]``, ``targets[0].python``."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else "." * bool(at) + quoted(part)[1:-1]
        for at, part in enumerate(location)
    )


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the message for an unknown key, with the nearest known one."""
    return "unknown key" + (nearest(key, known) or f"; the keys are {', '.join(known)}")


def problems(error: ValidationError, config: type[BaseModel]) -> list[str]:
    """Return the errors of a config that is made in Python, each as ``KEY: what is wrong and what to do``."""
    return [f"{key_path(location)}: {sentence}" for location, sentence in sentences(error, config)]


def sentences(error: ValidationError, config: type[BaseModel]) -> Iterator[tuple[Location, str]]:
    """Yield the place and the message of each error, without pydantic's vocabulary.

    :param config: the model, which has an example of each key
    """
    for details in error.errors(include_url=False):
        kind, place = details["type"], details["loc"]
        # No errors of their own: a default that depends on an invalid value, and a list without a valid item.
        if kind == "default_factory_not_called" or (kind == "too_short" and details["input"]):
            continue
        # Only `serve` tells whether the list of projects may be empty.
        yield ("projects",) if kind == NOTHING_SELECTED else place, _sentence(details, config)


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    if details["type"] == "literal_error":
        return _unknown_word(details["input"], re.findall("'([^']+)'", details["ctx"]["expected"]))
    key, *inner = (part for part in details["loc"] if isinstance(part, str))
    fields = model.model_fields
    if inner and key in OBJECTS:
        fields, key = OBJECTS[key].model_fields, inner[0]
    if details["type"] == "extra_forbidden":
        return unknown_key(key, fields)
    example = (fields[key].examples or [""])[0]
    item = example[0] if isinstance(example, list) else example
    return _SENTENCES.get(details["type"], "must be like {example}").format(
        key=key, example=json.dumps(example), item=json.dumps(item)
    )


def _unknown_word(value: object, known: list[str]) -> str:
    choose = f"; choose from {', '.join(known)}"
    if not isinstance(value, str):
        return f"unknown value{choose}"
    return f"unknown value {quoted(value)}{nearest(value, known) or choose}"
