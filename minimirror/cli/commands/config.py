"""Commands that show, check and change the config."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from minimirror.cli.completion import keys, values
from minimirror.cli.console import print_json, print_lines, print_result
from minimirror.cli.group import main
from minimirror.cli.options import config_option, json_option, override_options

__all__ = ["config"]

# ruff: noqa: D301, PLC0415 - see the package's docstring


@main.group()
def config() -> None:
    """Show, check and change the config.

    \b
    Examples:
      minimirror config show
      minimirror config set releases 3
      minimirror config edit
    """


@config.command()
@config_option
@override_options()
@json_option
def show(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show all settings: their defaults, and the values that the config or an option sets.

    Pass the options of a run to see what that run would use. Passwords are masked. With --json, sizes are in
    bytes and durations in seconds.

    \b
    Examples:
      minimirror config show
      minimirror config show --json
      minimirror config show --processes 4
    """
    from minimirror.cli.output.config import as_dict, as_lines
    from minimirror.cli.output.screen import Screen
    from minimirror.config import load

    config = load(path, overrides)
    lines = as_lines(config, overrides, Screen.of_stdout())
    print_result(lambda: as_dict(config, overrides), lines, json=json)


@config.command()
@config_option
@click.argument("key", shell_complete=keys)
def get(path: Path, key: str) -> None:
    """Print the value of KEY, in the form that `config set` accepts.

    Prints the default if the config does not set KEY. Passwords in URLs are not masked.

    \b
    Examples:
      minimirror config get repository
      minimirror config get targets --config lab.json
    """
    from minimirror.config import get_value

    print_lines([get_value(path, key)])


@config.command()
@config_option
def check(path: Path) -> None:
    """Check the config and list all errors.

    \b
    Exit codes:
      0    valid
      2    invalid

    \b
    Examples:
      minimirror config check
      minimirror config check --config lab.json
    """
    from minimirror.config import load

    load(path)
    print_lines([f"{path}: ok"])


@config.command()
@config_option
def edit(path: Path) -> None:
    """Edit the config in $VISUAL or $EDITOR.

    Opens a copy, and saves it once it is valid. If the copy has errors, shows them and offers to edit again.
    The config itself stays valid.

    \b
    Examples:
      minimirror config edit
      EDITOR="code --wait" minimirror config edit
    """
    from minimirror.cli.config_editor import edit as edit_config

    edit_config(path)


@config.command("set", context_settings={"ignore_unknown_options": True})  # such as -=
@config_option
@click.argument("key", shell_complete=keys)
@click.argument("value", metavar="[+=|-=] VALUE", nargs=-1, shell_complete=values)
@click.option("--unset", is_flag=True, help="Remove KEY; its default applies.")
def set_(path: Path, key: str, value: tuple[str, ...], *, unset: bool) -> None:
    """Set KEY to VALUE, if the config stays valid.

    VALUE is JSON, plain text, or comma-separated items for a list; `+=` adds items to a list, and `-=`
    removes them. Write ages, sizes and dates like "7 days", "500 MB" and 2026-01-31. A relative path starts
    at the config file's folder. Keeps comments and layout.

    \b
    Examples:
      minimirror config set releases 3
      minimirror config set projects 'requests,django-*,numpy>=2,<3'
      minimirror config set platforms += win_amd64
      minimirror config set extensions '["whl", "gz"]'
      minimirror config set min_age '7 days'
      minimirror config set targets "$(minimirror target)"
      minimirror config set requirements 'requirements.txt,groups/*.in'
      minimirror config set projects --unset
    """
    from minimirror.cli.output.config import change_lines
    from minimirror.config import ConfigError, load, set_value, unset_value

    change, text = _change(value, unset=unset)
    try:
        before = load(path)
    except ConfigError:
        before = None  # this command may repair it
    changed = unset_value(path, key) if unset else set_value(path, key, text, change)
    print_lines([f"{path}: saved", *change_lines(before, changed, key)])


def _change(value: tuple[str, ...], *, unset: bool) -> tuple[Literal["=", "+=", "-="], str]:
    """Return the operator and the text of a VALUE."""
    match value:
        case () if unset:
            return "=", ""
        case (text,) if not unset:
            return "=", text
        case (("+=" | "-=") as change, text) if not unset:
            return change, text
    raise click.UsageError(
        "Give one VALUE, in quotes if it has spaces, perhaps after += or -=; or give --unset."
    )


@config.command()
def schema() -> None:
    """Print the JSON Schema of the config.

    Editors use it to complete and check the config.

    \b
    Examples:
      minimirror config schema > minirepo.schema.json
      minimirror config set '$schema' ./minirepo.schema.json
    """
    from minimirror.config import schema as config_schema

    print_json(config_schema())
