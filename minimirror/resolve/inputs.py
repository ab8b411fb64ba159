"""The input as uv is to read it: requirement files are copied, without options that lead to other indexes.

What a file requires comes from the configured index, whatever the file says of where pip is to look.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from minimirror.resolve.model import Environment

__all__ = ["Inputs"]

_OPTION = re.compile(
    r"\s*(?:-[if]|--(?:pypi-url|index-url|extra-index-url|find-links|no-index|trusted-host|pre)(?![\w-]))"
)
_INCLUDE = re.compile(r"(\s*(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s*))(\S.*?)(\s+#.*)?")
_URL = re.compile(r"[a-z]+:", re.IGNORECASE)


class Inputs:
    """The copies, made in a folder of their own."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        """Copy what an environment names.

        :param folder: where to; uv is to be run there, so that its messages have the copies' bare names
        :raises OSError: the copies cannot be made
        """
        self._folder = folder
        self._copies: dict[Path, str | None] = {}
        self._names: dict[str, str] = {}
        self._numbers = itertools.count()
        self.arguments = [
            *self._source(environment),
            *(f"--extra={extra}" for extra in environment.extras),
            *(f"--constraints={self._copy(path, str(path))}" for path in environment.constraints),
        ]
        """What names the input on uv's command line."""

    def named(self, text: str) -> str:
        """A message of uv's, with the names that the user knows."""
        for name, original in self._names.items():
            text = text.replace(f"{self._folder / name}", original).replace(name, original)
        return text

    def _source(self, environment: Environment) -> list[str]:
        if isinstance(environment.source, str):
            return [self._write(environment.source, environment.name)]
        path = environment.source.absolute()
        if path.name != "pyproject.toml":
            return [self._copy(path, environment.name)]
        self._names[str(path)] = environment.name
        return [f"--group={path}:{environment.group}"] if environment.group else [str(path)]

    def _copy(self, path: Path, name: str) -> str:
        """Copy a requirement file and what it includes; answers the copy's name."""
        path = path.resolve()
        if path not in self._copies:
            try:
                text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
            except OSError:
                # uv says why not, by the name that it is given.
                return str(path)
            self._copies[path] = None
            self._copies[path] = self._write(self._lines(text, path.parent), name)
        return self._copies[path] or ""

    def _lines(self, text: str, folder: Path) -> str:
        """The same lines, for a file in another folder; each that is left out leaves an empty one."""
        lines = []
        left_out = False
        for line in text.splitlines():
            # An option may go on in the next line.
            left_out = left_out or _OPTION.match(line) is not None
            include = _INCLUDE.fullmatch(line)
            if left_out:
                lines.append("")
                left_out = line.endswith("\\")
            elif include and not _URL.match(include[2]):
                copy = self._copy(folder / include[2].strip("\"'"), include[2])
                # There is none yet of a file that includes itself, by way of others maybe.
                lines.append(copy and include[1] + copy)
            else:
                lines.append(line)
        return "\n".join(lines)

    def _write(self, text: str, name: str) -> str:
        copy = f"minimirror-{next(self._numbers)}.in"
        (self._folder / copy).write_text(f"{text}\n", encoding="utf-8", errors="surrogateescape")
        self._names[copy] = name
        return copy
