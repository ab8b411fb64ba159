"""What the resolver needs to know from an input."""

from __future__ import annotations

from dataclasses import dataclass, field

from minimirror.resolution.inputs.outside import Needs, OutsideProject

__all__ = ["Requirements"]


@dataclass
class Requirements:
    """Requirements to resolve together: of a file and all that it includes, or one entry of ``projects``."""

    name: str
    """The name in messages and chains. Each has a different one."""

    key: str = ""
    """The name in the cache: an absolute path, so that the working directory does not matter."""

    needs: Needs = field(default_factory=Needs)
    constraints: list[str] = field(default_factory=list)
    """PEP 508 requirements that limit which releases may be chosen."""

    overrides: list[str] = field(default_factory=list)
    """PEP 508 requirements that replace all others of the same project."""

    hashes: dict[str, set[str]] = field(default_factory=dict)
    """Pinned hashes, such as ``sha256:…`` by normalized project; only of projects that have any."""

    outside: dict[str, list[OutsideProject]] = field(default_factory=dict)
    """Projects that do not come from the index, by normalized name."""

    choices: dict[str, str] = field(default_factory=dict)
    """uv's settings ``prerelease`` and ``resolution``."""

    environments: list[str] = field(default_factory=list)
    """Markers: targets for which none of them holds need nothing. All do if there are none."""

    notes: list[str] = field(default_factory=list)
    """What is not followed, each with its place."""

    @property
    def requirements(self) -> list[str]:
        """PEP 508 requirements, each of a project by its name."""
        return self.needs.requirements

    @property
    def projects(self) -> set[str]:
        """The normalized projects that these requirements and those of outside projects name."""
        outside = (
            needs for those in self.outside.values() for each in those for needs in each.needs.values()
        )
        return {name for needs in (self.needs, *outside) for name, _ in needs.projects}

    @property
    def problems(self) -> dict[str, str]:
        """Sentences on what cannot be mirrored of all that is required, each with the normalized project."""
        pending, seen = [self.needs], set[tuple[str, str]]()
        found: dict[str, str] = {}
        while pending:
            needs = pending.pop(0)
            found |= needs.problems
            for at in ((name, extra) for name, extras in needs.projects for extra in ("", *sorted(extras))):
                if at not in seen:
                    seen.add(at)
                    those = self.outside.get(at[0], ())
                    pending += (each.needs[at[1]] for each in those if at[1] in each.needs)
        return found

    @property
    def fingerprint(self) -> str:
        """Changes with everything that a resolution depends on."""
        hashes = sorted((name, sorted(values)) for name, values in self.hashes.items())
        requirements = self.requirements, self.constraints, self.overrides
        return repr((*requirements, hashes, self.outside, self.choices, self.environments))
