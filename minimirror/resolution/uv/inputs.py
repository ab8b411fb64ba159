"""The input as uv is to read it: files with bare names, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from minimirror.resolution.uv.model import Environment

__all__ = ["Inputs"]

_REQUIREMENTS, _CONSTRAINTS = "minimirror-requirements.in", "minimirror-constraints.in"


class Inputs:
    """The files of one environment."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        """Write what an environment says.

        :param folder: where to; uv is to be run there, so that its messages have the bare names
        :raises OSError: the files cannot be written
        """
        self._folder = folder
        self._names = {
            _REQUIREMENTS: environment.name,
            _CONSTRAINTS: f"the constraints of {environment.name}",
        }
        self.arguments = [*self._source(environment), *(f"--extra={extra}" for extra in environment.extras)]
        """What names the input on uv's command line."""
        if environment.constraints:
            self._write(_CONSTRAINTS, "\n".join(environment.constraints))
            self.arguments.append(f"--constraints={_CONSTRAINTS}")

    def named(self, text: str) -> str:
        """A message of uv's, with the names that the user knows."""
        for name, original in self._names.items():
            text = text.replace(f"{self._folder / name}", original).replace(name, original)
        return text

    def _source(self, environment: Environment) -> list[str]:
        if isinstance(environment.source, str):
            self._write(_REQUIREMENTS, environment.source)
            return [_REQUIREMENTS]
        path = environment.source.absolute()
        self._names[str(path)] = environment.name
        return [f"--group={path}:{environment.group}"] if environment.group else [str(path)]

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(f"{text}\n", encoding="utf-8")
