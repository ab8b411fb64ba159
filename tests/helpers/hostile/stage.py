"""Items of the table: a project, how the index is set up for it, and what the run reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.helpers.index import Behaviour, File, Index
    from tests.helpers.index.model import Format

    SetUp = Callable[["Stage"], Mapping[str, bytes]]
    """Set a project up; return its files that must be in the folder after the run."""

__all__ = ["Item", "Stage", "download", "page", "served"]


@dataclass(frozen=True)
class Stage:
    """Where an item is set up."""

    index: Index
    elsewhere: Index
    """Another host."""

    project: str
    form: Format
    outside: Path
    """A folder where no file may be written."""

    def wheel(self, **details: Any) -> File:
        """List the project's wheel, correctly except for the details."""
        return self.index.add_wheel(self.project, "1.0", **{"padding": 20_000, **details})

    def sdist(self) -> dict[str, bytes]:
        """List a correct file beside the bad one."""
        file = self.index.add_sdist(self.project, "1.0")
        return {file.filename: file.content}


@dataclass(frozen=True)
class Item:
    """One row of the table."""

    project: str
    set_up: SetUp
    failure: str | None = None
    """A regular expression for the failures of the project, as ``file: cause``."""

    forms: tuple[Format, ...] = ("json", "html")
    lasting: bool = False
    """Whether the page itself is wrong, so that it fails again after all faults have ended."""


def download(*behaviours: Behaviour, always: bool = False, here: bool = True, **details: Any) -> SetUp:
    """A wheel whose requests meet these behaviours, one each; if ``always``, again and again.

    :param here: whether the run must mirror it
    :param details: what the page says about it
    """

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel(**details)
        if behaviours:
            stage.index.fault(file.filename, *behaviours, always=always)
        return {**({file.filename: file.content} if here else {}), **stage.sdist()}

    return set_up


def served(make: Callable[[Stage, File], Behaviour], *, here: bool, **details: Any) -> SetUp:
    """A wheel with a custom answer to every request."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel(**details)
        stage.index.fault(file.filename, make(stage, file), always=True)
        return {**({file.filename: file.content} if here else {}), **stage.sdist()}

    return set_up


def page(
    *behaviours: Behaviour,
    always: bool = False,
    here: bool = False,
    make: Callable[[Stage], Behaviour] | None = None,
) -> SetUp:
    """A project whose page meets these behaviours, or a custom one; ``here`` if the run must mirror it."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel()
        met = behaviours if make is None else (make(stage),)
        stage.index.fault(stage.project, *met, always=always or make is not None)
        return {file.filename: file.content} if here else {}

    return set_up
