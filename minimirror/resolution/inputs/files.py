"""Read the files that a user names, as bytes, text or TOML. Errors name the file."""

from __future__ import annotations

import codecs
import itertools
import re
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


_SHOWN = 10
"""Problems of one file in a message."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Encodings by their byte order marks."""

_CODING = re.compile(rb"#.*coding[:=]\s*([A-Za-z0-9._-]+)")


class RequirementsError(MinimirrorError):
    """An entry of ``requirements``, or a file that it includes, cannot be used."""

    exit_code = 2

    problems: tuple[str, ...]
    """Each as ``PATH:LINE: what is wrong; what to do``."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        shown = [
            text
            for file, each in itertools.groupby(sorted(problems, key=_file_of), key=_file_of)
            for text in _shorten(file, list(each))
        ]
        count = len(problems)
        super().__init__("\n  ".join(shown if count == 1 else (f"{count} problems:", *shown)))


def _file_of(problem: str) -> str:
    return re.split(r"(?::\d+)?: ", problem, maxsplit=1)[0]


def _shorten(file: str, problems: list[str]) -> list[str]:
    rest = len(problems) - _SHOWN
    return [*problems[:_SHOWN], f"{file}: and {rest:,} more"] if rest > 0 else problems


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
    """Decode the text of a file as pip does: by its byte order mark or coding line (PEP 263), else as UTF-8.

    :raises RequirementsError: the file has another encoding
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None:
        declared = filter(None, map(_CODING.match, data.split(b"\n", 2)[:2]))
        encoding = next((found[1].decode() for found in declared), "utf-8")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        line = data.count(b"\n", 0, getattr(error, "start", 0)) + 1
        cause = f"not {'UTF-8' if encoding == 'utf-8' else printable(encoding[:20])}"
    except LookupError:
        line, cause = 1, f"unknown encoding {printable(encoding[:20])}"
    raise RequirementsError(f"{display_path(path)}:{line}: {cause}; save the file as UTF-8")


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
