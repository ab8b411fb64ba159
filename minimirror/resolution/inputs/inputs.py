"""The entries of ``requirements``: which files they name, and whether these have changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

from packaging.pylock import is_valid_pylock_path
from packaging.utils import InvalidName, canonicalize_name

from minimirror.common import printable, quoted
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import below_here, read_bytes, shown
from minimirror.resolution.inputs.walk import walk

__all__ = ["Input", "Kind", "inputs"]

Kind = Literal["requirements", "pyproject", "pylock", "uv.lock"]

_SUFFIXED = re.compile(r"(?P<path>.+?)(?:\[(?P<extras>[^\[\]/\\]*)\]|:(?P<group>[^:/\\]*))", re.DOTALL)
"""A path, and the extras or the group that are wanted of it."""


@dataclass(frozen=True)
class Input:
    """A file that says what is needed."""

    path: Path
    kind: Kind
    extras: tuple[str, ...]
    """The extras that are wanted of a pyproject.toml, normalized (PEP 685)."""

    group: str | None
    """The one dependency group (PEP 735) that is wanted of a pyproject.toml, normalized; None for the project
    itself."""

    name: str
    """What messages call it: its path below the current folder, else its filename, with its suffix."""

    fingerprint: str
    """Text that differs where the content of the file, or of a file that it includes, differs."""

    @property
    def whole_name(self) -> str:
        """Its whole path, with its suffix."""
        return f"{self.path}{_suffix(self.extras, self.group)}"


def inputs(entries: Sequence[str]) -> list[Input]:
    """The files that the entries of ``requirements`` name, each once, in the entries' order.

    :param entries: absolute paths or globs, those of a pyproject.toml maybe with ``[extra,…]`` or ``:group``
        behind; a glob's files are sorted, and ``**`` stands for any folders
    :raises RequirementsError: entries that name no file, or a kind of file that is not known
    """
    found: dict[tuple[Path, tuple[str, ...], str | None], Input] = {}
    mistakes: list[str] = []
    for entry in entries:
        try:
            for path, extras, group in _named(entry):
                found.setdefault((path, extras, group), _input(path, extras, group))
        except RequirementsError as error:
            mistakes += error.problems
    if mistakes:
        raise RequirementsError(*mistakes)
    return list(found.values())


def _named(entry: str) -> Iterator[tuple[Path, tuple[str, ...], str | None]]:
    suffixed = _SUFFIXED.fullmatch(entry)
    if suffixed is None or Path(suffixed["path"]).name != "pyproject.toml":
        yield from ((path, (), None) for path in _files(entry, entry))
        return
    extras = (
        ()
        if suffixed["extras"] is None
        else tuple(sorted({_normalized(extra, entry) for extra in suffixed["extras"].split(",")}))
    )
    group = None if suffixed["group"] is None else _normalized(suffixed["group"], entry)
    yield from ((path, extras, group) for path in _files(suffixed["path"], entry))


def _normalized(name: str, entry: str) -> str:
    try:
        return canonicalize_name(name.strip(), validate=True)
    except InvalidName:
        raise RequirementsError(
            f"{quoted(entry, 200)}: {quoted(name)} is no name of an extra or a group: write"
            ' "pyproject.toml[extra]" or "pyproject.toml:group"'
        ) from None


def _files(text: str, entry: str) -> list[Path]:
    """The files of a path or glob; never none."""
    if not has_magic(text) or _is_there(text):
        path = Path(text)
        if not _is_there(text):
            raise _no_file(entry)
        return [path]
    try:
        found = sorted(path for path in map(Path, glob(text, recursive=True)) if path.is_file())  # noqa: PTH207
    except (OSError, ValueError, re.error):
        found = []
    if not found:
        raise _no_file(entry)
    return found


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _no_file(entry: str) -> RequirementsError:
    told = f"{quoted(entry, 200)}: there is no such file"
    suffixed = _SUFFIXED.fullmatch(entry)
    if suffixed and _is_there(suffixed["path"]):
        return RequirementsError(f"{told}: only a pyproject.toml takes [extra] or :group behind its path")
    if has_magic(entry):
        told = f"{quoted(entry, 200)}: no file matches"
    return RequirementsError(f"{told}: correct `requirements`, or make the file")


def _input(path: Path, extras: tuple[str, ...], group: str | None) -> Input:
    kind = _kind(path)
    suffix = _suffix(extras, group)
    name = (below_here(path) or printable(path.name)) + suffix
    digest = hashlib.sha256(f"{kind}\n{suffix}\n".encode())
    whole = read_bytes(path)
    for content in walk(path).contents() if kind == "requirements" else [whole]:
        digest.update(hashlib.sha256(content).digest())
    return Input(path, kind, extras, group, name, digest.hexdigest())


def _suffix(extras: tuple[str, ...], group: str | None) -> str:
    return f"[{','.join(extras)}]" if extras else f":{group}" if group else ""


def _kind(path: Path) -> Kind:
    if path.name == "pyproject.toml":
        return "pyproject"
    if is_valid_pylock_path(path):
        return "pylock"
    # `uv lock --script tool.py` writes a lock of the same format beside the script.
    if path.name == "uv.lock" or path.name.endswith(".py.lock"):
        return "uv.lock"
    if path.suffix == ".toml":
        raise RequirementsError(
            f"{shown(path)}: not a file that tells requirements: those in TOML are named pyproject.toml,"
            " pylock.toml or pylock.NAME.toml (PEP 751)"
        )
    return "requirements"
