"""What is asked of the resolver, on which terms, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minimirror.common import MinimirrorError
from minimirror.simple_api import File, Page

__all__ = ["Environment", "Needed", "Resolution", "ResolveError", "Terms"]


class ResolveError(MinimirrorError):
    """The resolver cannot be run, or does not come to an end."""

    exit_code = 2


@dataclass(frozen=True)
class Environment:
    """Requirements that are to be met together: an input file, or one entry of ``projects``."""

    name: str
    """How it is called in messages and in chains."""

    source: Path | str
    """A pyproject.toml; or requirements (PEP 508) themselves, one a line."""

    extras: tuple[str, ...] = ()
    """Extras of a pyproject.toml that are wanted besides."""

    group: str | None = None
    """The dependency group (PEP 735) of a pyproject.toml that is wanted in place of its dependencies."""

    constraints: tuple[str, ...] = ()
    """What the releases have to meet besides (PEP 508), if they are needed at all."""

    hashes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By normalized project, ``sha256:…`` and the like in lower case: its files must have one of them."""


@dataclass(frozen=True)
class Terms:
    """What a resolution may see of the index, and what it may do."""

    allowed: Callable[[str, Page, int | None], Iterable[File]]
    """The files of a project's page that the rules let through for a target, given its number; for None,
    for whatever machine. Called in many threads."""

    mirrored: Callable[[str], bool] = lambda _: True
    """Whether a project may be mirrored at all, by its normalized name."""

    local: Callable[[str], Collection[Path]] = lambda _: ()
    """The files of a project that is private in the folder: nothing of it comes from the index. Called in
    many threads; raises :exc:`MinimirrorError` where that cannot be told."""

    refused: Callable[[str, str], str | None] = lambda _project, _version: None
    """Why a release must not be chosen, None where it may. Called in several threads; raises
    :exc:`MinimirrorError` where that cannot be told."""

    prereleases: bool = False
    """Whether pre-releases are as good as any release; else they are taken where nothing else will do."""

    build: bool = False
    """Whether code of the index may be run here, to learn what sdists depend on."""

    connections: int = 32
    """Requests to the index at once."""

    timeout: float = 7200.0
    """Seconds that one call of the resolver may take."""


class Needed(NamedTuple):
    """A release that an environment needs on a target."""

    project: str
    """The normalized name."""

    version: str
    """The version, as the resolver spells it: normalized (PEP 440)."""

    chain: tuple[str, ...]
    """The shortest way to it, from the environment's name to the project's."""

    digests: tuple[str, ...] = ()
    """``sha256:…`` and the like: its file must have one of them; empty where any file will do."""


@dataclass(frozen=True)
class Resolution:
    """What one environment needs on one target."""

    environment: str
    """The environment's name."""

    target: int
    """Which of the targets, from 0."""

    needed: tuple[Needed, ...] = ()
    """The releases, by name. More than one of a project only where some are needed to build others."""

    consulted: Mapping[str, str | None] = field(default_factory=dict)
    """The projects whose pages were looked at, with what :meth:`Index.changed` takes; None where the index
    had no such project. While these pages and the rules are the same, so is the resolution."""

    local: frozenset[str] = frozenset()
    """The private projects that were looked at, and found in the folder."""

    warnings: tuple[str, ...] = ()
    """What the resolver found odd, a misspelt extra for one."""

    failure: str | None = None
    """Why there is no answer: lines of text. Then :attr:`needed` is empty."""
