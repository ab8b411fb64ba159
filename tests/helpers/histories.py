"""An index that changes: releases come, are superseded, removed upstream, and replaced under their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.index import Index

__all__ = ["CHANGES", "change", "served"]

CHANGES = 6
"""States that there are."""

_OTHER = bytes(range(255, -1, -1))


def change(index: Index, number: int) -> None:
    """Change an index from one state of the history to the next; state 0 fills an empty one."""
    _STEPS[number](index)


def served(index: Index) -> Iterator[tuple[str, bytes]]:
    """Yield each file that the index serves, and its content."""
    for project in list(index.projects.values()):
        for file in project.files:
            yield file.filename, file.content


def _fill(index: Index) -> None:
    for name in ("amber", "birch", "cedar", "delta", "ember", "fjord"):
        index.add_wheel(name, "1.0", padding=5_000)
    index.add_sdist("amber", "1.0")


def _supersede(index: Index) -> None:
    index.add_wheel("amber", "2.0", padding=5_000)
    index.add_sdist("amber", "2.0")
    index.add_wheel("birch", "2.0")


def _remove(index: Index) -> None:
    index.remove("cedar")
    index.add_sdist("delta", "1.0")
    index.remove_file("delta", "delta-1.0-py3-none-any.whl")


def _replace(index: Index) -> None:
    """Replace one file by as many bytes, and one by more."""
    for name in ("ember", "fjord"):
        (file,) = index.projects[name].files
        content = file.content.translate(_OTHER) + b"!" * (name == "fjord")
        index.add(name, file.filename, content)


def _mix(index: Index) -> None:
    index.add_wheel("amber", "3.0", padding=9_000)
    index.add_wheel("cedar", "1.0", padding=5_000)
    index.remove("birch")
    _replace(index)
    index.add_wheel("grove", "1.0")


def _withdraw(index: Index) -> None:
    """Remove a release, so that the one before is the newest again."""
    index.remove_file("amber", "amber-3.0-py3-none-any.whl")
    index.add_wheel("fjord", "2.0")


_STEPS = [_fill, _supersede, _remove, _replace, _mix, _withdraw]
