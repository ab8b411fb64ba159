"""What is wanted of one project: by the config's ``projects``, and by what targets need."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PinnedRelease", "ProjectRequest"]


class PinnedRelease(NamedTuple):
    """A release that a target needs, as a resolver or a lock file says."""

    version: str
    """The version, normalized (PEP 440)."""

    target: int
    """Which of the config's targets needs it, from 0."""

    digests: tuple[str, ...] = ()
    """``sha256:…`` and the like: a file must have one of them; empty where any file will do."""


class ProjectRequest(NamedTuple):
    """What is wanted of one project."""

    listed: bool = True
    """Whether its newest releases are wanted: the config lists it."""

    specifiers: tuple[str, ...] = ()
    """Specifier sets (PEP 440), any of which these releases have to meet; empty for all."""

    pins: tuple[PinnedRelease, ...] = ()
    """Releases that are wanted besides, however many newer ones there are."""

    def texts(self) -> list[str]:
        """Texts that differ where something else is wanted; none where it is what most projects are for."""
        pins = sorted(f"{pin.version} for {pin.target} {sorted(pin.digests)}" for pin in self.pins)
        return [*self.specifiers, *["not listed"] * (not self.listed), *pins]
