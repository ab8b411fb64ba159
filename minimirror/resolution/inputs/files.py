"""Read the files that a user names, as bytes, text or TOML. Errors name the file."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from minimirror.common import MinimirrorError, printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "RequirementsError",
    "decode",
    "display_path",
    "load_toml",
    "parse_toml",
    "read_bytes",
    "relative_path",
]


class RequirementsError(MinimirrorError):
    """An entry of ``requirements``, or a file that it includes, cannot be used."""

    exit_code = 2

    problems: tuple[str, ...]
    """Each as ``PATH:LINE: what is wrong; what to do``."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__("\n  ".join(problems if count == 1 else (f"{count} problems:", *problems)))


def relative_path(path: Path) -> str | None:
    """Return the path relative to the current folder, or None if it is not below it."""
    try:
        here = Path.cwd()
        return None if here == Path(here.anchor) else printable(str(path.relative_to(here)))
    except (OSError, ValueError):
        return None


def display_path(path: Path) -> str:
    """Return the path as messages show it: relative if it is below the current folder."""
    return relative_path(path) or printable(str(path))


def read_bytes(path: Path) -> bytes:
    """Read a regular file.

    :raises RequirementsError: the file does not exist, is not a regular file or cannot be read
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.read_bytes()
        # Reading a pipe or a device might never end.
        problem = "is a folder, not a file" if stat.S_ISDIR(mode) else "not a regular file"
    except FileNotFoundError:
        problem = "file not found"
    except OSError as error:
        problem = f"could not read the file: {error.strerror or error}"
    except ValueError:
        problem = "not a valid filename"
    raise RequirementsError(f"{display_path(path)}: {problem}")


def decode(data: bytes, path: Path) -> str:
    """Decode the UTF-8 text of a file, with or without a byte order mark.

    :raises RequirementsError: the file is not UTF-8
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RequirementsError(f"{display_path(path)}:{line}: not UTF-8; save the file as UTF-8") from None


def load_toml(text: str) -> dict[str, Any]:
    """Parse the text of a TOML file.

    :raises ValueError: it is not valid TOML
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    :raises RequirementsError: the file cannot be read or is not valid TOML
    """
    text = decode(read_bytes(path), path)
    try:
        return load_toml(text)
    except ValueError as error:
        raise RequirementsError(f"{display_path(path)}: invalid TOML: {printable(str(error))}") from None
