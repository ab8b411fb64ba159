"""The entries of ``requirements``: the files that they name, and the kind of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

from packaging.pylock import is_valid_pylock_path
from packaging.utils import InvalidName, canonicalize_name

from minimirror.common import nearest, printable, quoted
from minimirror.resolution.inputs.files import RequirementsError, display_path, read_bytes, relative_path
from minimirror.resolution.inputs.foreign import advice_on

__all__ = ["Input", "find_inputs", "find_part"]

_Kind = Literal["requirements", "pyproject", "script", "pylock", "uv.lock"]

_SUFFIXED = re.compile(r"(?P<path>.+?)(?:\[(?P<extras>[^\[\]/\\]*)\]|:(?P<group>[^:/\\]*))", re.DOTALL)
"""``PATH[extra,…]`` or ``PATH:group``."""


_WITH_PARTS = ("pyproject.toml", "uv.lock")


@dataclass(frozen=True)
class Input:
    """A file of requirements or a lock."""

    path: Path
    kind: _Kind
    extras: tuple[str, ...]
    """Requested extras of a pyproject.toml or uv.lock, normalized (PEP 685)."""

    group: str | None
    """The requested dependency group (PEP 735), normalized; None for the project itself."""

    name: str
    """The name in messages, such as ``app/pyproject.toml[docs]``: relative to the current folder, or just the
    filename if the file is not below it."""

    @property
    def full_name(self) -> str:
        """The absolute path with its extras or group."""
        return f"{self.path}{_suffix(self.extras, self.group)}"


def find_inputs(entries: Sequence[str]) -> list[Input]:
    """Find the files that the entries of ``requirements`` name, each once, in the order of the entries.

    :param entries: absolute paths or globs (``**`` matches any folders); a pyproject.toml or uv.lock may be
        followed by ``[extra,…]`` or ``:group``. The files of a glob are sorted.
    :raises RequirementsError: an entry names no file, or a file of unknown kind
    """
    found: dict[str, Input] = {}
    problems: list[str] = []
    for entry in entries:
        try:
            found |= {each.full_name: each for each in _parse_entry(entry)}
        except RequirementsError as error:
            problems += error.problems
    if problems:
        raise RequirementsError(*problems)
    return list(found.values())


def _parse_entry(entry: str) -> Iterator[Input]:
    text, extras, group = entry, tuple[str, ...](), None
    suffixed = _SUFFIXED.fullmatch(entry)
    if suffixed and Path(suffixed["path"]).name in _WITH_PARTS:
        text = suffixed["path"]
        if suffixed["group"] is not None:
            group = _normalized(suffixed["group"], entry)
        else:
            extras = tuple(sorted({_normalized(extra, entry) for extra in suffixed["extras"].split(",")}))
    for path in _files(text, entry):
        name = (relative_path(path) or printable(path.name)) + _suffix(extras, group)
        yield Input(path, _kind(path), extras, group, name)


def _normalized(name: str, entry: str) -> str:
    try:
        return canonicalize_name(name.strip(), validate=True)
    except InvalidName:
        raise RequirementsError(
            f"{quoted(entry, 200)}: invalid extra or group {quoted(name)}; write"
            ' "pyproject.toml[extra]" or "pyproject.toml:group"'
        ) from None


def find_part(kind: str, name: str, defined: Iterable[str]) -> str:
    """Return the spelling of a requested extra or group in the file that defines it.

    :param name: normalized
    :raises ValueError: the file does not define it
    """
    known: dict[str, str] = {canonicalize_name(each): each for each in defined}
    if name not in known:
        available = f"; available: {', '.join(sorted(known))}" if known else "; it defines none"
        raise ValueError(f"no {kind} {quoted(name)}{nearest(name, known) or available}")
    return known[name]


def _files(text: str, entry: str) -> list[Path]:
    """Return the files of a path or glob, at least one."""
    if _exists(text):
        return [Path(text)]
    try:
        found = glob(text, recursive=True) if has_magic(text) else []  # noqa: PTH207
        paths = sorted(path for path in map(Path, found) if path.is_file())
    except (OSError, ValueError, re.error):
        paths = []
    if not paths:
        raise _not_found(entry)
    return paths


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _not_found(entry: str) -> RequirementsError:
    suffixed = _SUFFIXED.fullmatch(entry)
    if suffixed and _exists(suffixed["path"]):
        cause = "file not found; only a pyproject.toml or uv.lock can be followed by [extra] or :group"
    else:
        what = "no file matches" if has_magic(entry) else "file not found"
        cause = f"{what}; correct `requirements` or create the file"
    return RequirementsError(f"{quoted(entry, 200)}: {cause}")


def _suffix(extras: tuple[str, ...], group: str | None) -> str:
    return f"[{','.join(extras)}]" if extras else f":{group}" if group else ""


def _kind(path: Path) -> _Kind:
    data = read_bytes(path)
    if path.name == "pyproject.toml":
        return "pyproject"
    if is_valid_pylock_path(path):
        return "pylock"
    # `uv lock --script tool.py` writes tool.py.lock, in the same format.
    if path.name == "uv.lock" or path.name.endswith(".py.lock"):
        return "uv.lock"
    advice = advice_on(path.name, data)
    if path.suffix == ".py" and not (advice and path.name == "setup.py"):
        return "script"
    if advice is None and path.suffix == ".toml":
        advice = "unknown kind of TOML file; use pyproject.toml, pylock.toml or pylock.NAME.toml (PEP 751)"
    if advice is not None:
        raise RequirementsError(f"{display_path(path)}: {advice}")
    return "requirements"
