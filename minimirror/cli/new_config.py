"""Create a config, and ask for what it needs: which folder, and what to mirror."""

from __future__ import annotations

import re
import sys
from glob import glob
from typing import TYPE_CHECKING, TypeVar

import click

from minimirror.cli.console import at_terminal, fitted, say
from minimirror.common import MinimirrorError, counted, format_size
from minimirror.config import ConfigError, check, command, default_path, json_or_text, save
from minimirror.distributions import target_of_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from minimirror.config import Config

__all__ = ["DEFAULT_REPOSITORY", "first_run", "init", "selecting"]

T = TypeVar("T")

DEFAULT_REPOSITORY = "~/minirepo"

_SEPARATOR = re.compile(r"(?<![<>=!~\s,])(?:\s*,\s*|\s+)(?![\s<>=!~])(?![^\[({]*[\])}])")
"""Between two items of an answer, but not in ``numpy >=2, <3`` or ``pyproject.toml[test, docs]``."""

_FILE = re.compile(r"(?P<path>.*(?:[/\\].*|\.(?:txt|in|toml|lock|py)))(?:\[[^\]]*\]|:[^:/\\]*)?", re.DOTALL)
"""What names a requirement file and no project."""


def selecting(
    projects: Sequence[str] = (),
    requirements: Sequence[str] = (),
    targets: Sequence[str] = (),
    *,
    on_demand: bool = False,
) -> dict[str, object]:
    """Return the keys of a config that selects projects, and what requirement files need; none for all.

    :param targets: JSON objects, or ``this`` for the environment that minimirror runs in; it is the default
        for requirements
    :param on_demand: whether to select what clients ask for, too
    """
    values: dict[str, object] = {}
    if projects or (on_demand and not requirements):
        values["projects"] = list(projects)
    if requirements:
        values["requirements"] = list(requirements)
        targets = targets or ["this"]
    if targets:
        this = target_of_this_machine().as_dict()
        values["targets"] = [this if each == "this" else json_or_text(each) for each in targets]
    if on_demand:
        values["serve"] = {"on_demand": True}
    return values


def first_run(path: Path, given: Mapping[str, str]) -> bool:
    """Ask for a config if the default file does not exist and a terminal is there; otherwise do nothing.

    Another file than the default is more likely a typo. Call this before :func:`minimirror.config.load`,
    which says how to create a missing config.

    :param given: values from options
    :returns: whether it has created the config
    :raises ConfigError: if the config cannot be saved
    """
    if path != default_path() or path.exists() or not at_terminal():
        return False
    say(f"There is no {path} yet. Let's create it:")
    init(path, given)
    return True


def init(
    path: Path, given: Mapping[str, str], selection: dict[str, object] | None = None, *, force: bool = False
) -> None:
    """Write a new config. At a terminal, ask for the folder and what to mirror if they are missing.

    :param given: values from options. A relative ``repository`` starts at the current directory and is
        written as an absolute path, as are the paths of requirement files
    :param selection: the keys that :func:`selecting` returns, from options; None to ask
    :param force: overwrite an existing config
    :raises ConfigError: if the config exists, a value is invalid, ``repository`` is missing and there is no
        terminal, or the config cannot be saved
    """
    if path.exists() and not force:
        edit_it = command("config edit", path)
        raise ConfigError(
            path, [f"{path} already exists: edit it with `{edit_it}`, or overwrite it with --force"]
        )
    values: dict[str, object] = dict(given)
    if "repository" not in values:
        values = {"repository": _ask_folder(path), **values}
    values |= selection or {}
    config = check("{}", path, values)
    if selection is None and at_terminal():
        selection = _ask_selection(path, values)
        values |= selection
        config = check("{}", path, values)
    save(path, _written(config, values))
    say(f"{path}: written")
    if selection is None:
        say("It selects every project on the index. To mirror only some:")
        say(f"  {command('config set', path)} projects requests,flask")
    elif config.requirements and config.targets == (target_of_this_machine(),):
        say("They are resolved for this machine's Python; `targets` can name others.")
    if config.projects == () and not config.requirements:
        say(f"`{command('serve', path)}` fills the folder with what clients ask for.")
        return
    say(f"`{command('plan', path)}` shows what a run would download; `{command('run', path)}` starts it.")


def _written(config: Config, values: Mapping[str, object]) -> dict[str, object]:
    """Return the values as the file should have them: numbers, and absolute paths, but for ``~``."""
    shown = config.shown(secrets=True)
    folder = str(values["repository"])
    return {key: shown[key] for key in values} | ({"repository": folder} if folder[0] == "~" else {})


def _ask(question: str, read: Callable[[str], T]) -> T:
    """Ask until an answer can be read, and return what it is read as.

    :param read: raises MinimirrorError for an invalid answer
    """

    def checked(answer: str) -> T:
        try:
            return read(answer)
        except MinimirrorError as error:
            raise click.UsageError(str(error)) from None

    found: T = click.prompt(
        fitted(f"{question}:", sys.stderr), prompt_suffix=" ", value_proc=checked, err=True
    )
    return found


def _ask_folder(path: Path) -> str:
    if not at_terminal():
        raise ConfigError(path, ["not a terminal, so minimirror cannot ask: pass --repository FOLDER"])

    def read(answer: str) -> str:
        check("{}", path, {"repository": answer})
        return answer

    return _ask(f"Folder for the files, such as {DEFAULT_REPOSITORY}", read)


def _ask_selection(path: Path, values: dict[str, object]) -> dict[str, object]:
    """Ask what to mirror; ask again if it is everything."""

    def read(answer: str) -> dict[str, object]:
        selection = _read_selection(path, answer)
        check("{}", path, values | selection)
        return selection

    say(
        "What to mirror? Names (requests, django-*), requirement files (requirements.txt), or `all` for every"
        " project on the index."
    )
    while True:
        selection = _ask("Projects or files", read)
        if selection or _confirms_all(check("{}", path, values)):
            return selection


def _read_selection(path: Path, answer: str) -> dict[str, object]:
    items = [each for each in _SEPARATOR.split(answer.strip()) if each]
    if [each.lower() for each in items] == ["all"]:
        return selecting()
    files = [each for each in items if _FILE.fullmatch(each)]
    for each in files:
        found = _FILE.fullmatch(each)
        if found and not glob(found["path"], recursive=True):  # noqa: PTH207 - the config's globs
            raise ConfigError(path, [f"{each}: there is no such file"])
    return selecting([each for each in items if each not in files], files)


def _confirms_all(config: Config) -> bool:
    from minimirror.storage import open_repository  # noqa: PLC0415 - few need them
    from minimirror.sync import count_projects  # noqa: PLC0415

    free = open_repository(config.repository).free()
    try:
        number = counted(count_projects(config), "project")
    except MinimirrorError as error:
        say(f"note: {error}")
        number = "an unknown number of projects"
    say(
        f"The index has {number}"
        + ("." if free is None else f"; {format_size(free)} are free in {config.repository}.")
    )
    return click.confirm("Mirror the newest release of all of them?", err=True)
