"""Commands that make, show, check and change the config."""

from __future__ import annotations

from pathlib import Path

import click

from minimirror.cli.group import main
from minimirror.cli.options import config_option, override_options

__all__ = ["config", "init", "target"]

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


@main.command()
@config_option
@override_options
@click.option("--force", is_flag=True, help="Replace the config that there is.")
def init(path: Path, overrides: dict[str, str], *, force: bool) -> None:
    """Make a config: which folder to fill, with how many processes.

    Asks for what is not given. Where nobody can be asked, give at least --repository.

    \b
    Examples:
      minimirror init
      minimirror init --repository /data --processes 8
      minimirror init --config lab.json --repository /data/lab
    """
    from minimirror.cli.config_editor import init as init_config

    init_config(path, overrides, force=force)


@main.command()
def target() -> None:
    """Print this machine and its Python as an object for the config's "targets".

    Run it where you are going to install from the mirror, with the Python that is going to. It needs no
    config.

    \b
    Examples:
      minimirror target
      minimirror config set targets "$(minimirror target)"
      ssh build.example.org minimirror target
    """
    import json

    from minimirror.distributions import target_of_this_machine

    click.echo(json.dumps(target_of_this_machine().as_dict()))


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
@override_options
@click.option("--json", is_flag=True, help="Print one JSON object.")
def show(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show every key's value, and whether it is from the config, an option, or a default.

    With the options of a run, shows what that run would use. Passwords are masked.

    \b
    Examples:
      minimirror config show
      minimirror config show --json
      minimirror config show --processes 4
    """
    from minimirror.cli.output.config import as_json, as_lines
    from minimirror.config import load

    print_as = as_json if json else as_lines
    click.echo(print_as(load(path, overrides), overrides))


@config.command()
@config_option
def check(path: Path) -> None:
    """Check the config: exit 0 where it is right, else 2 with all its mistakes.

    \b
    Examples:
      minimirror config check
      minimirror config check --config lab.json
    """
    from minimirror.config import load

    load(path)
    click.echo(f"{path}: ok")


@config.command()
@config_option
def edit(path: Path) -> None:
    """Edit a copy of the config in $VISUAL or $EDITOR, and install it once it is right.

    Where the copy has mistakes, shows them and offers to edit again; the config itself is
    never half written or wrong.

    \b
    Examples:
      minimirror config edit
      EDITOR="code --wait" minimirror config edit
    """
    from minimirror.cli.config_editor import edit as edit_config

    edit_config(path)


@config.command("set")
@config_option
@click.argument("key")
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Take KEY out instead, so that its default holds.")
def set_(path: Path, key: str, value: str | None, *, unset: bool) -> None:
    """Set KEY to VALUE in the config, if the result is right.

    VALUE is JSON, or plain text; for a list, items with commas between them. Ages, sizes and dates are
    written as in "7 days", "500 MB" and 2026-01-31. A relative path starts at the config file's folder.

    \b
    Examples:
      minimirror config set releases 3
      minimirror config set projects 'requests,django-*,numpy>=2,<3'
      minimirror config set extensions '["whl", "gz"]'
      minimirror config set min_age '7 days'
      minimirror config set targets "$(minimirror target)"
      minimirror config set requirements 'requirements.txt,groups/*.in'
      minimirror config set projects --unset
    """
    from minimirror.cli.output.config import as_lines
    from minimirror.config import set_value, unset_value

    if unset == (value is not None):
        raise click.UsageError("Give either a VALUE or --unset.")
    changed = set_value(path, key, value) if value is not None else unset_value(path, key)
    click.echo(f"{path}: saved\n{as_lines(changed, keys=[key])}".strip())


@config.command()
def schema() -> None:
    """Print the config's JSON Schema, with which editors complete and check it.

    \b
    Examples:
      minimirror config schema > minirepo.schema.json
      minimirror config set '$schema' ./minirepo.schema.json
    """
    import json

    from minimirror.config import schema as config_schema

    click.echo(json.dumps(config_schema(), indent=4))
