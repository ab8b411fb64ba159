"""Options that several commands have."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "config_option",
    "json_option",
    "override_options",
    "quiet_option",
    "verbose_option",
    "with_config",
]

json_option = click.option("--json", is_flag=True, help="Print the result as one JSON object.")

_OVERRIDES = {
    "repository": click.option(
        "--repository",
        metavar="FOLDER",
        shell_complete=lambda _ctx, _param, typed: [CompletionItem(typed, type="dir")],
        help="Mirror folder (overrides the config).",
    ),
    "workers": click.option(
        "--workers",
        metavar="ADDRESS",
        help="Dask scheduler whose cluster runs the workers (overrides the config).",
    ),
    "processes": click.option("--processes", metavar="N", help="Worker processes (overrides the config)."),
    "index_url": click.option(
        "--index-url", metavar="URL", help="Simple API of the index (overrides the config)."
    ),
}


def quiet_option(text: str = "Only report problems.") -> Callable[..., Callable[..., None]]:
    """Return an option ``--quiet``."""
    return click.option("--quiet", "-q", is_flag=True, help=text)


def verbose_option(text: str) -> Callable[..., Callable[..., None]]:
    """Return an option ``--verbose``."""
    return click.option("--verbose", "-v", is_flag=True, help=text)


def _config_path(_ctx: click.Context, _param: click.Parameter, chosen: Path | None) -> Path:
    from minimirror.config import config_path  # noqa: PLC0415 - help needs no config

    return config_path(chosen)


config_option = click.option(
    "--config",
    "path",
    metavar="PATH",
    type=click.Path(path_type=Path),
    envvar="MINIMIRROR_CONFIG",
    show_envvar=True,
    callback=_config_path,
    help="Config file (default: ~/.minirepo).",
)


def override_options(*keys: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add options that override keys of the config. The command receives those given as ``overrides``.

    :param keys: the keys; without any, all that can be overridden
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_overrides(*args: object, **kwargs: object) -> None:
            values = {key: kwargs.pop(key) for key in chosen}
            overrides = {key: value for key, value in values.items() if value is not None}
            command(*args, overrides=overrides, **kwargs)

        for key in reversed(chosen):
            with_overrides = _OVERRIDES[key](with_overrides)
        return with_overrides

    chosen = keys or tuple(_OVERRIDES)
    return decorate


def with_config(*keys: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add ``--config`` and the options that override keys of it. The command receives the config.

    :param keys: as for :func:`override_options`
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @config_option
        @override_options(*keys)
        @functools.wraps(command)
        def with_loaded(*args: object, path: Path, overrides: dict[str, str], **kwargs: object) -> None:
            from minimirror.config import load  # noqa: PLC0415 - help needs no config

            command(*args, load(path, overrides), **kwargs)

        return with_loaded

    return decorate
