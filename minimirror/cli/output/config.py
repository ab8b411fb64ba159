"""The config as ``minimirror config show`` prints it: every key's value, and where it comes from."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from minimirror.common import printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from minimirror.config import Config

__all__ = ["as_json", "as_lines"]

_LEFT_OUT = {
    "project_status": "all but quarantined",
    **dict.fromkeys(("min_age", "uploaded_before", "max_file_size", "max_project_size"), "none"),
}
"""What holds where a key has no value, if that is not all."""


def as_lines(config: Config, given: Collection[str] = (), keys: Collection[str] | None = None) -> str:
    """Return one line a key: its name, where its value comes from, its value.

    A terminal gets long values folded to its width; a pipe gets each on its one line.

    :param given: the keys whose values were given for this run
    :param keys: the keys to show; all where left out
    """
    names = [key for key in config.shown() if keys is None or key in keys]
    return "\n".join(_line(config, key, given) for key in names)


def as_json(config: Config, given: Collection[str] = ()) -> str:
    """Return the same as JSON: ``{"KEY": {"value": …, "from": "config" | "option" | "default"}, …}``."""
    values = config.shown()
    return json.dumps(
        {key: {"value": values[key], "from": _source(config, key, given)} for key in values}, indent=4
    )


def _line(config: Config, key: str, given: Collection[str]) -> str:
    start = f"{key:<16}  {_source(config, key, given):<7}  "
    line = start + printable(_text(key, config.shown()[key], config))
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return textwrap.fill(line, width, subsequent_indent=" " * len(start), break_on_hyphens=False)


def _source(config: Config, key: str, given: Collection[str]) -> str:
    if key in given:
        return "option"
    return "config" if key in config.model_fields_set else "default"


def _text(key: str, value: object, config: Config) -> str:
    if value is None:
        if key == "projects" and config.requirements:
            return "only what requirements need"
        return _LEFT_OUT.get(key, "all")
    if isinstance(value, list):
        return ", ".join(map(_item, value)) or "none"
    return _item(value)


def _item(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
