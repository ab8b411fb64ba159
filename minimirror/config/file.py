"""Find, load, check, change and save the config file."""

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
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError

from minimirror.common import replacing
from minimirror.config.document import decode, read_document
from minimirror.config.errors import ConfigError, key_path, sentences, unknown_key
from minimirror.config.json_edit import with_value, without_key
from minimirror.config.model import Config, ConfigSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minimirror.config.document import Document
    from minimirror.config.errors import Location

__all__ = [
    "DEFAULT_PATH",
    "check",
    "command",
    "config_path",
    "get_value",
    "json_or_text",
    "load",
    "save",
    "set_value",
    "typed",
    "unset_value",
    "write",
]


def _in_home(path: str | Path) -> Path:
    """Return the path with ``~`` expanded, or unchanged if this machine does not know that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


_PRIVATE = 0o600
"""The mode of a config file with a password."""

DEFAULT_PATH = _in_home("~/.minirepo")
"""The config file unless another is chosen: minirepo's."""


def config_path(option: Path | None = None) -> Path:
    """Return the config file to use: the option, else ``MINIMIRROR_CONFIG``, else :data:`DEFAULT_PATH`."""
    chosen = option or os.environ.get("MINIMIRROR_CONFIG")
    return _in_home(chosen) if chosen else DEFAULT_PATH


def command(name: str, path: Path) -> str:
    """Return the command line of a command for this config: ``minimirror init --config lab.json``."""
    option = [] if path == DEFAULT_PATH else ["--config", str(path)]
    return shlex.join(["minimirror", *name.split(), *option])


def load(path: Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Read and check a config file.

    :param overrides: values that replace the file's for this run; those in an object replace only themselves.
        A relative path among them starts at the current directory, not at the config file's folder
    :raises ConfigError: if the file cannot be read or is invalid, with all errors
    """
    return check(decode(_read(path), path), path, overrides)


def check(text: str, path: Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Check the text of a config file that is or will be at ``path``, like :func:`load`.

    :raises ConfigError: if it is invalid, with all errors
    """
    config = _check(read_document(text, path), path, overrides or {}, Path.cwd())
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

    Only its owner may read it if its ``index_url`` has a password.

    :raises ConfigError: if the file cannot be written; the old one is unchanged
    """
    try:
        with replacing(path) as new:
            _write_whole(new, content, path)
    except OSError as error:
        raise ConfigError(path, [f"{path}: cannot write: {error.strerror}"]) from None


def set_value(path: Path, key: str, value_text: str, change: Literal["=", "+=", "-="] = "=") -> Config:
    """Set one key of a config file to a value from the command line, and return the new config.

    The rest of the file stays as it is written. The text may be JSON, or plain text for a string, or
    comma-separated items for a list: ``requests,numpy>=2,<3``.

    :param change: ``+=`` adds items to a list, and ``-=`` removes them
    :raises ConfigError: if the file cannot be read, the result would be invalid, an item to remove is not in
        the list, or the key is no list; then nothing is saved
    """
    text = decode(_read(path), path)
    document = read_document(text, path)
    value = _read_value(key, value_text)
    if change != "=":
        value = _changed_list(path, key, document.values.get(key), value, change)
    config = _check(document, path, {key: value}, path.absolute().parent)
    write(path, with_value(text, key, value).encode())
    return config


def get_value(path: Path, key: str) -> str:
    """Return one key's value in effect as :func:`set_value` takes it: its password is not masked.

    :raises ConfigError: if the config is invalid, or the key is unknown
    """
    _require_known(path, key)
    return typed(key, load(path).shown(secrets=True)[key])


def typed(key: str, value: object) -> str:
    """Return a value, as :meth:`Config.shown` has it, as people type it after `config set KEY`."""
    items = value if isinstance(value, list) else [value]
    text = ", ".join(
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in items
    )
    return text if text and _read_value(key, text) == value else json.dumps(value, ensure_ascii=False)


def _require_known(path: Path, key: str) -> None:
    if key not in Config.model_fields:
        raise ConfigError(path, [f"{key_path((key,))}: {unknown_key(key)}"])


def unset_value(path: Path, key: str) -> Config:
    """Remove one key from a config file, and return the new config.

    :raises ConfigError: if the file cannot be read, the key is unknown, or the result would be invalid; then
        nothing is saved
    """
    text = decode(_read(path), path)
    document = read_document(text, path)
    if key not in document.values:
        _require_known(path, key)
    document.values.pop(key, None)
    config = _check(document, path, {}, path.absolute().parent)
    write(path, without_key(text, key).encode())
    return config


def _merged(old: object, new: object) -> object:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new


def _is_given(location: Location, given: Mapping[str, object]) -> bool:
    """Return whether a value is a given one; those that an object does not have are the document's."""
    value = given.get(str(location[0]))
    if isinstance(value, dict) and len(location) > 1:
        return location[1] in value
    return location[0] in given


def _changed_list(path: Path, key: str, old: object, items: object, change: str) -> object:
    """Return a list with more items or without some."""
    if not isinstance(items, list):
        raise ConfigError(
            path, [f"{key_path((key,))}: is not a list: use `{command('config set', path)} {key} VALUE`"]
        )
    old = old if isinstance(old, list) else []
    if change == "+=":
        return [*old, *(each for each in items if each not in old)]
    if missing := [each for each in items if each not in old]:
        shown = ", ".join(json.dumps(each) for each in missing)
        raise ConfigError(path, [f"{key_path((key,))}: the list has no {shown}"])
    return [each for each in old if each not in items]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        problem = f"no such file: `{command('init', path)}` creates it"
    except IsADirectoryError:
        problem = "is a folder: give the path of the config file in it"
    except OSError as error:
        problem = f"cannot read: {error.strerror}"
    raise ConfigError(path, [f"{path}: {problem}"])


def _check(document: Document, path: Path, given: Mapping[str, object], folder: Path) -> Config:
    """Return the config of a document.

    :param given: values that replace the document's
    :param folder: where relative paths among the given values start
    """
    found: list[tuple[Location, str]] = []
    values = document.values | {key: _merged(document.values.get(key), given[key]) for key in given}
    if not isinstance(values.pop("$schema", ""), str):
        found.append((("$schema",), "must be text in double quotes"))
    context = {"folder": path.absolute().parent, "folders": dict.fromkeys(given, folder)}
    try:
        config = Config.checked(values, context)
    except ValidationError as error:
        found.extend(sentences(error))
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


def _read_value(key: str, text: str) -> object:
    """Return the text as the type of the key, which its first example shows."""
    field = Config.model_fields.get(key)
    example = (field.examples or [""])[0] if field else ""
    value = json_or_text(text)
    if isinstance(example, list):
        return _read_list(text, value, of_objects=isinstance(example[0], dict))
    if isinstance(example, str):
        is_null = value is None and field is not None and field.default is None
        return value if isinstance(value, str) or is_null else text
    return value


def _read_list(text: str, value: object, *, of_objects: bool) -> object:
    """Return a list from JSON or from comma-separated items, or None for null."""
    if value is None or isinstance(value, list):
        return value
    if of_objects:
        return json_or_text(f"[{text}]")
    # Not at the comma of "numpy>=2,<3" or "pyproject.toml[test,docs]".
    words = re.split(r",\s*(?![\s<>=!~])(?![^\[({]*[\])}])", value if isinstance(value, str) else text)
    return [word for word in words if word.strip()]


def json_or_text(text: str) -> object:
    """Return the value if the text is JSON, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _has_password(content: bytes, path: Path) -> bool:
    """Return whether the URL of an index in a config has a password, or a token as its username."""
    with suppress(ConfigError, ValueError):
        values = read_document(decode(content, path), path).values
        named = values.get("indexes")
        entries = [each for each in named if isinstance(each, dict)] if isinstance(named, list) else []
        urls = [values.get("index_url"), *(each.get("url") for each in entries)]
        return any("@" in urlsplit(url).netloc for url in urls if isinstance(url, str))
    return False


def _write_whole(temporary: Path, content: bytes, target: Path) -> None:
    """Write and sync a new file, with the mode and owner of the one it will replace."""
    old = target.stat() if target.exists() else None
    mode = stat.S_IMODE(old.st_mode) if old else 0o666
    if _has_password(content, target):
        mode &= _PRIVATE
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if old:
        with suppress(OSError):
            shutil.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(mode)
