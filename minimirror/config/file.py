"""Find, load, check and save the config file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import sys
from contextlib import suppress
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from minimirror.common import replacing
from minimirror.config.document import decode, read_document
from minimirror.config.errors import ConfigError, key_path, sentences
from minimirror.config.model import Config, ConfigSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minimirror.config.document import Document
    from minimirror.config.errors import Location

__all__ = ["check", "checked", "command", "config_path", "default_path", "load", "read", "save", "write"]


def _in_home(path: str | Path) -> Path:
    """Return the path with ``~`` expanded, or unchanged if this machine does not know that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


_PRIVATE = 0o600
"""The mode of a config file with a password."""

_CREDENTIALS = re.compile(rb'"\s*https?:(\\?/){2}[^"/]*@', re.IGNORECASE)
"""A URL with a password, or with a token as its username."""


def default_path() -> Path:
    """Return the config file unless another is chosen: minirepo's."""
    return _in_home("~/.minirepo")


def config_path(option: Path | None = None) -> Path:
    """Return the config file to use: the option, else ``MINIMIRROR_CONFIG``, else :func:`default_path`."""
    chosen = option or os.environ.get("MINIMIRROR_CONFIG")
    return _in_home(chosen) if chosen else default_path()


def command(name: str, path: Path) -> str:
    """Return the command line of a command for this config: ``minimirror init --config lab.json``."""
    option = [] if path == default_path() else ["--config", str(path)]
    return shlex.join(["minimirror", *name.split(), *option])


def load(path: Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Read and check a config file.

    :param overrides: values that replace the file's for this run; those in an object replace only themselves.
        A relative path among them starts at the current directory, not at the config file's folder
    :raises ConfigError: if the file cannot be read or is invalid, with all errors
    """
    return check(decode(read(path), path), path, overrides)


def check(text: str, path: Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Check the text of a config file that is or will be at ``path``, like :func:`load`.

    :raises ConfigError: if it is invalid, with all errors
    """
    config = checked(read_document(text, path), path, overrides or {}, Path.cwd())
    # Not resolved: what a symbolic link leads to may change from run to run.
    config._source = ConfigSource(os.path.abspath(path), sha256(text.encode()).hexdigest())  # noqa: PTH100, SLF001
    return config


def save(path: Path, data: Mapping[str, object]) -> None:
    """Save the keys of a config in their order, like :func:`write`. They are not checked.

    :raises ConfigError: if the file cannot be written
    """
    write(path, (json.dumps(data, indent=4, ensure_ascii=False) + "\n").encode())


def write(path: Path, content: bytes) -> None:
    """Replace a config file atomically, keeping its mode and owner. Symbolic links are followed.

    Only its owner may read it if a URL in it has a password.

    :raises ConfigError: if the file cannot be written; the old one is unchanged
    """
    try:
        with replacing(path) as new:
            _write_whole(new, content, path)
    except OSError as error:
        raise ConfigError(path, [f"{path}: cannot write: {error.strerror}"]) from None


def _merged(old: object, new: object) -> object:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new


def _is_given(location: Location, given: Mapping[str, object]) -> bool:
    """Return whether a value is a given one; those that an object does not have are the document's."""
    value = given.get(str(location[0]))
    if isinstance(value, dict) and len(location) > 1:
        return location[1] in value
    return location[0] in given


def read(path: Path) -> bytes:
    """Return the content of a config file.

    :raises ConfigError: if it cannot be read
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        problem = f"no such file: `{command('init', path)}` creates it"
    except IsADirectoryError:
        problem = "is a folder: give the path of the config file in it"
    except OSError as error:
        problem = f"cannot read: {error.strerror}"
    raise ConfigError(path, [f"{path}: {problem}"])


def checked(document: Document, path: Path, given: Mapping[str, object], folder: Path) -> Config:
    """Return the config of a document.

    :param given: values that replace the document's
    :param folder: where relative paths among the given values start
    :raises ConfigError: if a value is invalid, with all errors
    """
    found: list[tuple[Location, str]] = []
    values = document.values | {key: _merged(document.values.get(key), given[key]) for key in given}
    if not isinstance(values.pop("$schema", ""), str):
        found.append((("$schema",), "must be text in double quotes"))
    context = {"folder": path.absolute().parent, "folders": dict.fromkeys(given, folder)}
    try:
        config = Config.checked(values, context)
    except ValidationError as error:
        found.extend(sentences(error, Config))
    if found or document.problems:
        raise ConfigError(path, _in_order(found, document, path, given))
    return config


def _in_order(
    found: list[tuple[Location, str]], document: Document, path: Path, given: Mapping[str, object]
) -> list[str]:
    """Return the messages, those on given values first, then in the order of the file."""
    placed = [(line, f"{path}:{line}: {problem}") for line, problem in document.problems]
    for location, sentence in found:
        problem = f"{key_path(location)}: {sentence}"
        # A required key that an object lacks has the object's line.
        places = (document.lines.get(location[:end]) for end in range(len(location), 0, -1))
        line = next(filter(None, places), None)
        if _is_given(location, given):
            placed.append((0, problem))
        elif line is None:
            placed.append((sys.maxsize, f"{path}: {problem}"))
        else:
            placed.append((line, f"{path}:{line}: {problem}"))
    return [problem for _line, problem in sorted(placed, key=itemgetter(0))]


def _write_whole(temporary: Path, content: bytes, target: Path) -> None:
    """Write and sync a new file, with the mode and owner of the one it will replace."""
    old = target.stat() if target.exists() else None
    mode = stat.S_IMODE(old.st_mode) if old else 0o666
    if _CREDENTIALS.search(content):
        mode &= _PRIVATE
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if old:
        with suppress(OSError):
            shutil.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(mode)
