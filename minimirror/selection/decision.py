"""What the rules say of one file."""

from __future__ import annotations

from typing import NamedTuple

from minimirror.distributions import Distribution
from minimirror.simple_api import File

__all__ = ["Decision", "Refusal"]


class Refusal(NamedTuple):
    """Why a rule refuses a file."""

    rule: str
    """The rule's name in :data:`RULES`."""

    reason: str
    """Its answer, for a person."""

    until: float | None = None
    """When it will be another one, in seconds since the epoch; None where time changes nothing."""


class Decision(NamedTuple):
    """What the rules say of one file."""

    file: File
    distribution: Distribution | None
    """None where the filename cannot be read."""

    wanted: bool
    rule: str
    """The rule that refused the file, by its name in :data:`RULES`; empty if wanted."""

    reason: str
    """The rule's answer, for a person."""

    suspect: bool = False
    """Whether no sound page lists such a file: see :attr:`FilenameError.suspect`."""

    targets: int = 0
    """The rules' targets that accept the file, whether it is wanted or not: bit 0 is the first target's."""

    until: float | None = None
    """When a refusal by ``min_age`` ends, in seconds since the epoch."""

    def refused(self, refusal: Refusal) -> Decision:
        """The same file, refused; what refused it before stays the reason."""
        if not self.wanted:
            return self
        rule, reason, until = refusal
        return Decision(self.file, self.distribution, False, rule, reason, False, self.targets, until)

    def refused_name(self, reason: str, *, suspect: bool = False) -> Decision:
        """The same file, refused for its name."""
        return self._replace(wanted=False, rule="filename", reason=reason, suspect=suspect)

    @property
    def version(self) -> str:
        """The version, as the filename spells it; empty where the name cannot be read."""
        return self.distribution.version if self.distribution else ""
