"""Files that a user names: read whole, as text or as TOML, with errors that name them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from minimirror.common import printable
from minimirror.resolution.inputs.errors import RequirementsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["below_here", "decode", "parse_toml", "read_bytes", "shown"]


def below_here(path: Path) -> str | None:
    """The path as seen from the current folder; None where it does not lie below that."""
    try:
        here = Path.cwd()
        return None if here == Path(here.anchor) else printable(str(path.relative_to(here)))
    except (OSError, ValueError):
        return None


def shown(path: Path) -> str:
    """The path as messages name it: from the current folder on where it lies below that."""
    return below_here(path) or printable(str(path))


def read_bytes(path: Path) -> bytes:
    """Read a file.

    :raises RequirementsError: there is none, it is no regular file, or it cannot be read
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            # A pipe or a device might never end.
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise RequirementsError(f"{shown(path)}: is {what}: name a file")
        return path.read_bytes()
    except FileNotFoundError:
        raise RequirementsError(f"{shown(path)}: there is no such file") from None
    except OSError as error:
        raise RequirementsError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise RequirementsError(f"{shown(path)}: no file can have such a name") from None


def decode(data: bytes, path: Path) -> str:
    """The text of a file; a byte order mark is accepted.

    :raises RequirementsError: it is not UTF-8
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RequirementsError(f"{shown(path)}:{line}: is not UTF-8 text: save the file as UTF-8") from None


def parse_toml(path: Path) -> dict[str, Any]:
    """Read a file as TOML.

    :raises RequirementsError: it cannot be read, or is not sound
    """
    text = decode(read_bytes(path), path)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        cause = "it is nested too deeply" if isinstance(error, RecursionError) else printable(str(error))
        raise RequirementsError(f"{shown(path)}: is not sound TOML: {cause}") from None
