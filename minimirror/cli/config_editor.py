"""Edit a config safely, as visudo edits sudoers."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from minimirror.cli.console import at_terminal, say
from minimirror.cli.new_config import DEFAULT_REPOSITORY
from minimirror.config import ConfigError, check, decode, default_processes, write

__all__ = ["edit"]


def edit(path: Path) -> None:
    """Let the user edit a copy of a config, and save it once it is valid.

    The config may be invalid or missing at first. If the copy has errors, they are shown, and at a terminal
    the user may edit again.

    :raises ConfigError: if no editor runs, errors remain, or another process changed the config meanwhile;
        the config is then unchanged, and if the user has edited the copy, the message names it
    """
    original = _content(path)
    start = original
    if start is None:
        values = {"repository": DEFAULT_REPOSITORY, "processes": default_processes()}
        start = (json.dumps(values, indent=4) + "\n").encode()
    copy = _copy_for_editing(path, start)
    try:
        edited = _edited(path, start, copy)
        if edited != start:
            _save(path, original, edited)
    except ConfigError as error:
        if _content(copy) not in {None, start}:
            kept = f"{error}\nnothing was changed; your edited copy is {copy}"
            raise ConfigError(path, [kept]) from None
        copy.unlink(missing_ok=True)
        raise
    copy.unlink(missing_ok=True)
    say(f"{path}: {'unchanged' if edited == start else 'saved'}")


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


def _edited(path: Path, start: bytes, copy: Path) -> bytes:
    """Run the editor on the copy until it is valid, and return its content."""
    while True:
        _run_editor(path, copy)
        edited = _content(copy) or start
        try:
            check(decode(edited, path), path)
        except ConfigError as error:
            if edited == start or not at_terminal():
                raise
            say(str(error))
            if not _confirms("Edit again?"):
                raise ConfigError(path, ["the config has errors"]) from None
        else:
            return edited


def _save(path: Path, original: bytes | None, edited: bytes) -> None:
    if _content(path) != original:
        raise ConfigError(path, [f"{path} was changed by another program meanwhile"])
    write(path, edited)


def _run_editor(path: Path, copy: Path) -> None:
    """Run $VISUAL, $EDITOR or a usual editor on the copy.

    :raises ConfigError: if it fails
    """
    try:
        click.edit(filename=str(copy))
    except KeyboardInterrupt:
        raise ConfigError(path, ["the editor was interrupted"]) from None
    except (click.ClickException, ValueError) as error:
        raise ConfigError(path, [f"the editor failed ({error}): set EDITOR to another"]) from None


def _confirms(question: str) -> bool:
    try:
        return click.confirm(question, default=True, err=True)
    except click.Abort:
        return False
