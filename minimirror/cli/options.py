"""Options that several commands have."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["config_option", "override_options"]

# ruff: noqa: PLC0415 - help, completion and version need no config


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--config``; the command receives the config file to use as ``path``."""

    @click.option(
        "--config",
        "chosen",
        metavar="PATH",
        type=click.Path(path_type=Path),
        envvar="MINIMIRROR_CONFIG",
        show_envvar=True,
        help="The config file; ~/.minirepo where it is left out.",
    )
    @functools.wraps(command)
    def with_config(*args: object, chosen: Path | None, **kwargs: object) -> None:
        from minimirror.config import config_path

        command(*args, path=config_path(chosen), **kwargs)

    return with_config


def override_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that replace a key of the config; the command receives those given as ``overrides``."""

    @click.option("--repository", metavar="FOLDER", help="The folder to fill, instead of the config's.")
    @click.option("--processes", metavar="N", help="How many worker processes, instead of the config's.")
    @click.option("--index-url", metavar="URL", help="The index's simple API, instead of the config's.")
    @functools.wraps(command)
    def with_overrides(
        *args: object, repository: str | None, processes: str | None, index_url: str | None, **kwargs: object
    ) -> None:
        options = {"repository": repository, "processes": processes, "index_url": index_url}
        command(
            *args, overrides={key: value for key, value in options.items() if value is not None}, **kwargs
        )

    return with_overrides
