"""The config in its user's hands: asked for at the first run, edited as visudo edits sudoers."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minimirror.config import (
    DEFAULT_PATH,
    ConfigError,
    check,
    command,
    decode,
    default_processes,
    save,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["edit", "first_run", "init"]

_DEFAULT_REPOSITORY = "~/minirepo"


def first_run(path: Path) -> None:
    """Ask for a config where a run finds none and somebody is there to answer; otherwise do nothing.

    Only the default file is asked for: where another was chosen, its name is more likely to be mistyped.
    Call it before :func:`minimirror.config.load`, which says how to make a config that is still missing.

    :raises ConfigError: if the config cannot be saved
    """
    if path == DEFAULT_PATH and not path.exists() and _at_terminal():
        _say(f"There is no {path} yet; two questions make one.")
        init(path, {})


def init(path: Path, given: Mapping[str, str], *, force: bool = False) -> None:
    """Write a new config with the ``given`` values; at a terminal, ask for what is missing.

    A relative ``repository`` is relative to the current directory, and is written as an absolute path.

    :param force: replace the config that there is
    :raises ConfigError: if there is one already, if a value is wrong, if ``repository`` is missing and nobody
        can be asked, or if the config cannot be saved
    """
    if path.exists() and not force:
        raise ConfigError(
            path,
            [f"{path} is there already: `{command('config edit', path)}` changes it, --force replaces it"],
        )
    values = dict(given)
    if "repository" not in values:
        if not _at_terminal():
            raise ConfigError(
                path, ["nobody is here to be asked: say which folder to fill with --repository FOLDER"]
            )
        values = _ask(path, values)
    config = check("{}", path, values)
    data: dict[str, object] = dict(values)
    if not values["repository"].startswith("~"):
        data["repository"] = str(config.repository)
    if "processes" in values:
        data["processes"] = config.processes
    save(path, data)
    _say(f"{path}: written")
    _say("It mirrors the newest release of every project of the index. To mirror only some of them:")
    _say(f"  {command('config set', path)} projects requests,flask")


def edit(path: Path) -> None:
    """Let the user edit a copy of a config, and install it once it is right.

    What is edited may be broken, or not be there yet. Where the edited copy has mistakes they are shown, and
    at a terminal the user chooses: edit again, keep the copy, or discard it.

    :raises ConfigError: if no editor runs, if mistakes remain (the copy is kept, its name is in the message),
        or if the config was changed by somebody else meanwhile; the config is then as it was
    """
    original = _content(path)
    start = _template() if original is None else original
    copy = _copy_for_editing(path, start)
    while True:
        edited = _edited(path, start, copy)
        if edited is None:
            return _say(f"{path}: unchanged")
        try:
            check(decode(edited, path), path)
        except ConfigError as error:
            if _edit_again(error, copy):
                continue
            return _say(f"{path}: unchanged")
        return _install(path, original, edited, copy)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _say(text: str) -> None:
    # Not on standard output: a run keeps that for its summary.
    click.echo(text, err=True)


def _ask(path: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the given values, completed by what the user answers."""
    folder = click.prompt(
        "Repository folder", _DEFAULT_REPOSITORY, value_proc=_checked(path, "repository"), err=True
    )
    answers = {"repository": folder}
    if "processes" not in given:
        answers["processes"] = click.prompt(
            "Number of processes", str(default_processes()), value_proc=_checked(path, "processes"), err=True
        )
    return {**answers, **given}


def _checked(path: Path, key: str) -> Callable[[str], str]:
    """Return what makes a prompt ask again after a wrong answer."""

    def check_answer(answer: str) -> str:
        try:
            check("{}", path, {"repository": _DEFAULT_REPOSITORY, key: answer})
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        return answer

    return check_answer


def _template() -> bytes:
    values = {"repository": _DEFAULT_REPOSITORY, "processes": default_processes()}
    return (json.dumps(values, indent=4) + "\n").encode()


def _content(path: Path) -> bytes | None:
    """Return what is in the config file, None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, [f"{path}: cannot be read: {error.strerror}"]) from None


def _copy_for_editing(path: Path, content: bytes) -> Path:
    """Return a new file that only its owner can read, with a suffix that editors know."""
    handle, name = tempfile.mkstemp(prefix="minimirror-", suffix=path.suffix or ".json")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return Path(name)


def _editor() -> list[str]:
    """Return the editor's command line: the user's choice, else what this machine has."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if chosen:
        return shlex.split(chosen, posix=os.name == "posix")
    return [next(filter(shutil.which, ("editor", "vi", "nano", "notepad")), "vi")]


def _edited(path: Path, start: bytes, copy: Path) -> bytes | None:
    """Run the editor on the copy and return what is in it then; None where nothing was changed."""
    failure = _run_editor(copy)
    edited = _content(copy)
    if edited is not None and edited != start:
        if failure:
            raise _kept(failure, path, copy)
        return edited
    copy.unlink(missing_ok=True)
    if failure:
        raise ConfigError(path, [f"{failure}; nothing is changed"])
    check(decode(start, path), path)
    return None


def _run_editor(copy: Path) -> str:
    """Run the editor on the copy; return how it failed, nothing where it did not."""
    try:
        editor = _editor()
        status = subprocess.call([*editor, str(copy)])  # noqa: S603 - the user's own editor
    except KeyboardInterrupt:
        return "the editor was interrupted"
    except (OSError, ValueError) as error:
        return f"the editor cannot be run ({error}): choose another with EDITOR"
    return f"the editor `{shlex.join(editor)}` failed with status {status}" if status else ""


def _install(path: Path, original: bytes | None, edited: bytes, copy: Path) -> None:
    """Put what was edited in the config's place, unless somebody else changed that."""
    if _content(path) != original:
        raise _kept(f"{path} was changed by somebody else meanwhile", path, copy)
    try:
        write(path, edited)
    except ConfigError as error:
        raise _kept(str(error), path, copy) from None
    copy.unlink()
    _say(f"{path}: saved")


def _edit_again(error: ConfigError, copy: Path) -> bool:
    """Show the mistakes and ask what to do about them; False where the edit is discarded."""
    if not _at_terminal():
        raise _kept(str(error), error.path, copy)
    _say(str(error))
    question = "What now? (e)dit again, (k)eep the copy and quit, (x) discard it"
    try:
        answer = click.prompt(question, "e", type=click.Choice(["e", "k", "x"]), show_choices=False, err=True)
    except click.Abort:
        answer = "k"
    if answer == "k":
        raise _kept("the config has mistakes", error.path, copy)
    if answer == "x":
        copy.unlink()
    return bool(answer == "e")


def _kept(problem: str, path: Path, copy: Path) -> ConfigError:
    return ConfigError(path, [f"{problem}\nnothing is changed; your edited copy is {copy}"])
