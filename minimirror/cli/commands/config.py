"""Commands that create, show, check and change the config: init, target, config."""

from __future__ import annotations

from pathlib import Path

import click

from minimirror.cli.console import print_json, print_lines, print_result
from minimirror.cli.group import main
from minimirror.cli.options import config_option, json_option, override_options

__all__ = ["config", "init", "target"]

# ruff: noqa: D301, PLC0415 - see the package's docstring


@main.command()
@config_option
@override_options()
@click.option("--force", is_flag=True, help="Overwrite an existing config.")
def init(path: Path, overrides: dict[str, str], *, force: bool) -> None:
    """Create a config.

    Asks for the folder to fill and the number of processes unless you pass them. In scripts, pass
    --repository.

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
    """Print this environment as an object for "targets".

    Run it on the machine that will install from the mirror, with the Python that will use it. It needs no
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
@override_options()
@json_option
def show(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show the settings in effect and where each comes from: config, option or default.

    With the options of a run, shows what that run would use. Passwords are masked.

    \b
    Examples:
      minimirror config show
      minimirror config show --json
      minimirror config show --processes 4
    """
    from minimirror.cli.output.config import as_dict, as_lines
    from minimirror.config import load

    config = load(path, overrides)
    print_result(lambda: as_dict(config, overrides), as_lines(config, overrides), json=json)


@config.command()
@config_option
def check(path: Path) -> None:
    """Check the config: exit with 0 if it is valid, else with 2 and a list of all errors.

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
    """Edit a copy of the config in $VISUAL or $EDITOR, and save it once it is valid.

    If the copy has errors, shows them and offers to edit again. The config itself stays valid.

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
@click.option("--unset", is_flag=True, help="Remove KEY; its default applies.")
def set_(path: Path, key: str, value: str | None, *, unset: bool) -> None:
    """Set KEY to VALUE in the config, if the config stays valid.

    VALUE is JSON, plain text, or comma-separated items for a list. Write ages, sizes and dates like "7 days",
    "500 MB" and 2026-01-31. A relative path starts at the config file's folder.

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
    print_lines([f"{path}: saved", *as_lines(changed, keys=[key])])


@config.command()
def schema() -> None:
    """Print the JSON Schema of the config, with which editors complete and check it.

    \b
    Examples:
      minimirror config schema > minirepo.schema.json
      minimirror config set '$schema' ./minirepo.schema.json
    """
    from minimirror.config import schema as config_schema

    print_json(config_schema())
