"""Edit a config safely, as visudo edits sudoers."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from minimirror.cli.console import at_terminal, say
from minimirror.config import ConfigError, check, decode, default_processes, write

__all__ = ["edit"]

_DEFAULT_REPOSITORY = "~/minirepo"


def edit(path: Path) -> None:
    """Let the user edit a copy of a config, and save it once it is valid.

    The config may be invalid or missing at first. If the copy has errors, they are shown, and at a terminal
    the user chooses to edit again, keep the copy, or discard it.

    :raises ConfigError: if no editor runs, errors remain (the message names the copy, which is kept), or
        another process changed the config meanwhile; the config is then unchanged
    """
    original = _content(path)
    start = original
    if start is None:
        values = {"repository": _DEFAULT_REPOSITORY, "processes": default_processes()}
        start = (json.dumps(values, indent=4) + "\n").encode()
    copy = _copy_for_editing(path, start)
    while True:
        edited = _edited(path, start, copy)
        if edited is None:
            return say(f"{path}: unchanged")
        try:
            check(decode(edited, path), path)
        except ConfigError as error:
            if _edit_again(error, path, copy):
                continue
            return say(f"{path}: unchanged")
        return _save(path, original, edited, copy)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, [f"{path}: cannot read: {error.strerror}"]) from None


def _copy_for_editing(path: Path, content: bytes) -> Path:
    """Return a new file that only its owner can read, with a suffix that editors recognize."""
    handle, name = tempfile.mkstemp(prefix="minimirror-", suffix=path.suffix or ".json")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return Path(name)


def _edited(path: Path, start: bytes, copy: Path) -> bytes | None:
    """Run the editor on the copy and return its new content, or None if nothing changed."""
    failure = _run_editor(copy)
    edited = _content(copy)
    if edited is not None and edited != start:
        if failure:
            raise _kept(failure, path, copy)
        return edited
    copy.unlink(missing_ok=True)
    if failure:
        raise ConfigError(path, [f"{failure}; nothing was changed"])
    check(decode(start, path), path)
    return None


def _run_editor(copy: Path) -> str:
    """Run $VISUAL, $EDITOR or a usual editor on the copy. Return how it failed, or an empty text."""
    try:
        click.edit(filename=str(copy))
    except KeyboardInterrupt:
        return "the editor was interrupted"
    except (click.ClickException, ValueError) as error:
        return f"the editor failed ({error}): set EDITOR to another"
    return ""


def _save(path: Path, original: bytes | None, edited: bytes, copy: Path) -> None:
    """Replace the config with the edited copy, unless it has changed meanwhile."""
    if _content(path) != original:
        raise _kept(f"{path} was changed by another program meanwhile", path, copy)
    try:
        write(path, edited)
    except ConfigError as error:
        raise _kept(str(error), path, copy) from None
    copy.unlink()
    say(f"{path}: saved")


def _edit_again(error: ConfigError, path: Path, copy: Path) -> bool:
    """Show the errors and ask what to do. Return False if the edit is discarded."""
    if not at_terminal():
        raise _kept(str(error), path, copy)
    say(str(error))
    question = "What now? (e)dit again, (k)eep the copy and quit, (x) discard the copy"
    try:
        answer = click.prompt(question, "e", type=click.Choice(["e", "k", "x"]), show_choices=False, err=True)
    except click.Abort:
        answer = "k"
    if answer == "k":
        raise _kept("the config has errors", path, copy)
    if answer == "x":
        copy.unlink()
    return bool(answer == "e")


def _kept(problem: str, path: Path, copy: Path) -> ConfigError:
    return ConfigError(path, [f"{problem}\nnothing was changed; your edited copy is {copy}"])
