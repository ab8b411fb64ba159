"""A config's mistakes, in sentences for the one who wrote it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from minimirror.common import MinimirrorError, nearest, quoted
from minimirror.config.model import Config
from minimirror.config.values.targets import WrittenTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["ConfigError", "Location", "key_path", "sentences", "unknown_key"]

Location: TypeAlias = "tuple[str | int, ...]"
"""Where a value stands: ``("package_types", 1)``."""

_IN_LIST = 2
"""The length of the location of a list's item."""

_SENTENCES = {
    "missing": 'is missing: add it, such as "{key}": {example}',
    "tuple_type": "must be a list, such as {example}",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in double quotes",
    "model_type": "must be an object, such as {item}",
}


class ConfigError(MinimirrorError):
    """A config that cannot be used, with all its mistakes at once."""

    exit_code = 2

    path: Path
    """The config file."""

    problems: tuple[str, ...]
    """What is wrong, one mistake each: ``PATH:LINE: KEY: what is wrong and what to do``.

    The place is left out of a value that is not in the file but was given for one run. A mistake in the JSON
    itself also says its column and shows the line.
    """

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__("\n  ".join(self.problems if count == 1 else (f"{count} mistakes:", *self.problems)))


def key_path(location: Location) -> str:
    """Return a location as people write it: ``package_types[1]``, ``targets[0].python``."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else "." * bool(at) + quoted(part)[1:-1]
        for at, part in enumerate(location)
    )


def unknown_key(key: str, known: Iterable[str] = Config.model_fields) -> str:
    """Return what is wrong with a key that there is not, and the nearest that there is."""
    return "unknown key" + (nearest(key, known) or f"; the keys are {', '.join(known)}")


def sentences(error: ValidationError) -> Iterator[tuple[Location, str]]:
    """Yield where each mistake is, and what is wrong and what to do in words that need no pydantic."""
    for details in error.errors(include_url=False):
        # A default that depends on a wrong value is no mistake of its own.
        if details["type"] != "default_factory_not_called":
            yield details["loc"], _sentence(details)


def _sentence(details: ErrorDetails) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    # A key of the config, or of an object in one of its lists.
    fields = Config.model_fields if len(details["loc"]) <= _IN_LIST else WrittenTarget.model_fields
    key = str(details["loc"][0 if fields is Config.model_fields else -1])
    if details["type"] == "extra_forbidden":
        return unknown_key(key, fields)
    example = (fields[key].examples or [""])[0]
    item = example[0] if isinstance(example, list) else example
    return _SENTENCES.get(details["type"], "must be like {example}").format(
        key=key, example=json.dumps(example), item=json.dumps(item)
    )
