"""The settings in effect, as `minimirror config show` prints them."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from minimirror.common import printable
from minimirror.config import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from minimirror.config import Config

__all__ = ["as_dict", "as_lines", "change_lines"]


def as_lines(
    config: Config, given: Collection[str] = (), keys: Collection[str] | None = None
) -> Iterator[str]:
    """Yield each key with its value and where that comes from.

    A terminal gets long values folded to its width; a pipe gets one line per key.

    :param given: the keys whose values were given as options
    :param keys: the keys to show; all by default
    """
    for key, value in config.shown().items():
        if keys is None or key in keys:
            start = f"{key:<16}  {_source(config, key, given):<7}  "
            line = start + printable(_text(key, value, config))
            if sys.stdout.isatty():
                width = shutil.get_terminal_size().columns
                line = textwrap.fill(line, width, subsequent_indent=" " * len(start), break_on_hyphens=False)
            yield line


def change_lines(before: Config | None, after: Config, key: str) -> Iterator[str]:
    """Yield a key's value after a change, and the value before it.

    :param before: None if that config was invalid
    """
    yield from as_lines(after, keys=[key])
    if before is not None and key in before.shown() and before.shown()[key] != after.shown()[key]:
        yield f"{'':<16}  before   {printable(_text(key, before.shown()[key], before))}"


def as_dict(config: Config, given: Collection[str] = ()) -> dict[str, dict[str, object]]:
    """Return the same for JSON: ``{"KEY": {"value": …, "from": "config" | "option" | "default"}, …}``."""
    return {
        key: {"value": value, "from": _source(config, key, given)} for key, value in config.shown().items()
    }


def _source(config: Config, key: str, given: Collection[str]) -> str:
    if key in given:
        return "option"
    return "config" if key in config.model_fields_set else "default"


def _text(key: str, value: object, config: Config) -> str:
    if value is None:
        if key == "projects":
            return "only what requirements need" if config.requirements else "all"
        return DEFAULTS[key]
    if isinstance(value, list):
        return ", ".join(map(_item, value)) or "none"
    return _item(value)


def _item(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
