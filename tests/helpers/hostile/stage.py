"""What an item of the table is made of: a project, how it is set up, and what is to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.helpers.index import Behaviour, File, Index
    from tests.helpers.index.model import Format

    SetUp = Callable[["Stage"], Mapping[str, bytes]]
    """Sets a project up, and answers the files of it that are to be in the folder after the run."""

__all__ = ["Item", "Stage", "download", "page", "served"]


@dataclass(frozen=True)
class Stage:
    """Where an item is played."""

    index: Index
    elsewhere: Index
    """Another host."""

    project: str
    form: Format
    outside: Path
    """A folder that nothing may be written to."""

    def wheel(self, **details: Any) -> File:
        """The project's wheel, listed as an honest index does where the details do not say otherwise."""
        return self.index.add_wheel(self.project, "1.0", **{"padding": 20_000, **details})

    def sdist(self) -> dict[str, bytes]:
        """A file that nothing is wrong with, for beside the one that is."""
        file = self.index.add_sdist(self.project, "1.0")
        return {file.filename: file.content}


@dataclass(frozen=True)
class Item:
    """One row of the table."""

    project: str
    set_up: SetUp
    failure: str | None = None
    """What the one failure that names the project says, as ``file: cause`` (a regular expression)."""

    forms: tuple[Format, ...] = ("json", "html")
    lasting: bool = False
    """Whether it is the page that is wrong, so that a run after all the faults have passed finds it again."""


def download(*behaviours: Behaviour, always: bool = False, here: bool = True, **details: Any) -> SetUp:
    """A wheel whose requests meet these behaviours, one each, or, ``always``, in turn for ever.

    :param here: whether it is to arrive
    :param details: what the page says of it
    """

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel(**details)
        if behaviours:
            stage.index.fault(file.filename, *behaviours, always=always)
        return {**({file.filename: file.content} if here else {}), **stage.sdist()}

    return set_up


def served(make: Callable[[Stage, File], Behaviour], *, here: bool, **details: Any) -> SetUp:
    """A wheel that is always answered in a manner made to measure."""

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
    """A project whose page meets these behaviours, or one made to measure; its files are to arrive or not."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel()
        met = behaviours if make is None else (make(stage),)
        stage.index.fault(stage.project, *met, always=always or make is not None)
        return {file.filename: file.content} if here else {}

    return set_up
