"""The settings in effect, as `minimirror config show` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror.cli.output.screen import Screen
from minimirror.common import printable
from minimirror.config import DEFAULTS, Config, default_processes, typed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["as_dict", "as_lines", "change_lines"]


def as_lines(config: Config, given: Collection[str], screen: Screen) -> Iterator[str]:
    """Yield a table of the keys: each with its default, and its value if the config or an option has one.

    A value for which a line has no room has its own.

    :param given: the keys whose values were given as options
    """
    values = config.shown()
    alike = Config(repository=config.repository, processes=config.processes)
    defaults = {**alike.shown(), "processes": default_processes()}
    rows = [("key", "default", "value")]
    for key, value in values.items():
        default = {"repository": "required", "index_url": "PyPI"}.get(key) or _text(
            key, defaults[key], config
        )
        option = " (option)" if key in given else ""
        rows.append((key, default, _text(key, value, config) + option if _is_set(config, key, given) else ""))
    widths = [max(len(row[at]) for row in rows) for at in (0, 1)]
    for key, default, value in rows:
        line = f"{key:<{widths[0]}}  {default:<{widths[1]}}  "
        if len(line) + len(value) > screen.width and value:
            yield line.rstrip()
            line = "    "
        yield printable(line + value).rstrip()


def change_lines(before: Config | None, after: Config, key: str) -> Iterator[str]:
    """Yield a key's value after a change, and the value before it.

    :param before: None if that config was invalid
    """
    changed = [
        (name, each, each.shown().get(key)) for name, each in ((key, after), ("before", before)) if each
    ]
    if key in Config.model_fields:
        for name, config, value in changed if changed[0][2] != changed[-1][2] else changed[:1]:
            yield f"{name}: {printable(_text(key, value, config))}"


def as_dict(config: Config, given: Collection[str]) -> dict[str, dict[str, object]]:
    """Return the same for JSON: ``{"KEY": {"value": …, "from": "config" | "option" | "default"}, …}``."""
    return {
        key: {
            "value": value,
            "from": "option" if key in given else "config" if _is_set(config, key, given) else "default",
        }
        for key, value in config.shown(numbers=True).items()
    }


def _is_set(config: Config, key: str, given: Collection[str]) -> bool:
    return key in given or key in config.model_fields_set


def _text(key: str, value: object, config: Config) -> str:
    if key == "projects" and value is None:
        return "only requirements" if config.requirements else "all"
    if key == "projects" and not value:
        return "none: only what clients of minimirror serve ask for"
    return DEFAULTS.get(key, "none").replace("`", "") if value in (None, [], {}) else typed(key, value)
