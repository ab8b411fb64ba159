"""What the rules decide about one file."""

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
    """For people."""

    until: float | None = None
    """When the rule will decide again, in seconds since the epoch; None if time changes nothing."""


class Decision(NamedTuple):
    """What the rules decide about one file."""

    file: File
    distribution: Distribution | None
    """None if the filename is not that of a distribution."""

    wanted: bool
    rule: str
    """The rule that refused the file, by its name in :data:`RULES`; empty if the file is wanted."""

    reason: str
    """For people."""

    suspect: bool = False
    """Whether no valid page lists such a file: see :attr:`FilenameError.suspect`."""

    targets: int = 0
    """Bit mask of the targets that accept the file, wanted or not: bit 0 is the first target's."""

    until: float | None = None
    """When ``min_age`` no longer refuses the file, in seconds since the epoch."""

    needed: bool = False
    """Whether it is wanted because a target needs its release."""

    foreign: bool = False
    """Whether the filename is that of another project."""

    def refused(self, refusal: Refusal) -> Decision:
        """Return the decision after a further rule refused the file; an earlier refusal stays."""
        if not self.wanted:
            return self
        rule, reason, until = refusal
        return Decision(self.file, self.distribution, False, rule, reason, False, self.targets, until)

    def refused_name(self, reason: str, *, suspect: bool = False) -> Decision:
        """Return the decision after the file was refused because of its name."""
        return self._replace(wanted=False, rule="filename", reason=reason, suspect=suspect)

    @property
    def version(self) -> str:
        """The version, as in the filename; empty if the filename is not that of a distribution."""
        return self.distribution.version if self.distribution else ""
