"""Read and change one key of the config file, with values as people type them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

from minimirror.config.document import decode, read_document
from minimirror.config.errors import ConfigError, key_path, unknown_key
from minimirror.config.file import checked, command, load, read, write
from minimirror.config.json_edit import with_value, without_key
from minimirror.config.model import Config

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["get_value", "json_or_text", "set_value", "typed", "unset_value"]


def set_value(path: Path, key: str, value_text: str, change: Literal["=", "+=", "-="] = "=") -> Config:
    """Set one key of a config file to a value from the command line, and return the new config.

    The rest of the file stays as it is written. The text may be JSON, or plain text for a string, or
    comma-separated items for a list: ``requests,numpy>=2,<3``.

    :param change: ``+=`` adds items to a list, and ``-=`` removes them
    :raises ConfigError: if the file cannot be read, the result would be invalid, an item to remove is not in
        the list, or the key is no list; then nothing is saved
    """
    text = decode(read(path), path)
    document = read_document(text, path)
    value = _read_value(key, value_text)
    if change != "=":
        value = _changed_list(path, key, document.values.get(key), value, change)
    config = checked(document, path, {key: value}, path.absolute().parent)
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
        raise ConfigError(path, [f"{key_path((key,))}: {unknown_key(key, Config.model_fields)}"])


def unset_value(path: Path, key: str) -> Config:
    """Remove one key from a config file, and return the new config.

    :raises ConfigError: if the file cannot be read, the key is unknown, or the result would be invalid; then
        nothing is saved
    """
    text = decode(read(path), path)
    document = read_document(text, path)
    if key not in document.values:
        _require_known(path, key)
    document.values.pop(key, None)
    config = checked(document, path, {}, path.absolute().parent)
    write(path, without_key(text, key).encode())
    return config


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
