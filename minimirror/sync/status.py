"""What the mirror holds, what is missing, and how the last runs went. No request, no lock, no writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from minimirror.common import Failure, MinimirrorError
from minimirror.config import Config
from minimirror.distributions import FilenameError, Target, read_filename
from minimirror.selection import Compatibility
from minimirror.storage import Catalog, CatalogDamagedError, Repository, RunRow, open_repository

__all__ = ["Holding", "MirrorStatus", "mirror_status", "read_status"]

_RUNS = 30
_BIGGEST = 10


@dataclass(slots=True)
class Holding:
    """A part of the mirror: a project, or the files that a target can install."""

    name: str
    files: int = 0
    bytes: int = 0
    projects: set[str] = field(default_factory=set)
    missing: int = 0

    def add(self, project: str, size: int) -> None:
        """Count a file."""
        self.files += 1
        self.bytes += size
        self.projects.add(project)


@dataclass(slots=True)
class MirrorStatus:
    """What the mirror holds."""

    repository: Path | str
    problem: str | None = None
    """Why the catalog, or the folder, cannot be read; then most is unknown."""

    damaged: bool = False
    """Whether that is because the catalog is damaged."""

    exists: bool = False
    """Whether the folder exists."""

    running: str | None = None
    """The process that has locked the folder; None if no run or import is in progress."""

    free: int | None = None
    """Free bytes in the mirror's file system; None if unknown."""

    projects: int = 0
    """Selected projects."""

    outdated: int = 0
    """Those whose page has changed since it was mirrored, or could not be mirrored to the end."""

    files: int = 0
    bytes: int = 0
    others: set[str] = field(default_factory=set)
    """The names in the folder that are not those of mirrored files."""

    unfinished: tuple[int, int] = (0, 0)
    """Files whose transfers are in progress, or continue in the next run, and the bytes received so far."""

    biggest: list[Holding] = field(default_factory=list)
    """The ten biggest projects, the biggest first."""

    targets: list[Holding] = field(default_factory=list)
    """For each target of the config, in its order, the files that it can install."""

    last_complete: RunRow | None = None
    runs: list[RunRow] = field(default_factory=list)
    """The last 30 runs and imports, the oldest first."""

    missing: list[Failure] = field(default_factory=list)
    """What the last finished run could not mirror."""

    absent: list[Failure] = field(default_factory=list)
    """Mirrored files that are no longer in the folder, or whose content is known to be wrong."""

    @property
    def outcome(self) -> str:
        """``running``, ``none`` if there was no run, or the outcome of the last one."""
        if self.running:
            return "running"
        return self.runs[-1].outcome if self.runs else "none"

    def outcome_of(self, run: RunRow) -> str:
        """Return a run's outcome: ``running`` if it is in progress."""
        works = self.running and run.ended is None and run.number == self.runs[-1].number
        return "running" if works else run.outcome


def mirror_status(config: Config) -> MirrorStatus:
    """Return what the mirror holds. The folder, or the catalog, may be missing or damaged."""
    found = MirrorStatus(config.repository)
    folder = open_repository(config.repository, config.state)
    try:
        found.free = folder.free()
        found.exists = folder.exists()
        if found.exists:
            folder.refresh()
            found.unfinished = folder.unfinished()
            found.running = folder.holder()
            with Catalog(folder.catalog, read_only=True) as catalog:
                read_status(found, folder, catalog, config)
    except MinimirrorError as error:
        found.problem, found.damaged = str(error), isinstance(error, CatalogDamagedError)
    return found


def read_status(found: MirrorStatus, folder: Repository, catalog: Catalog, config: Config) -> None:
    """Read what the catalog and the names in the folder tell, as one commit left it.

    :param catalog: a transaction stays open in it, so that the caller can read more of the same state
    """
    catalog.db.execute("BEGIN")
    found.projects, found.outdated = catalog.projects.count(), catalog.projects.outdated_count()
    found.runs = list(islice(catalog.runs.newest_first(), _RUNS))[::-1]
    found.last_complete = catalog.runs.last_complete()
    found.missing = catalog.runs.missing()
    found.others = set(folder.filenames())
    by_target = _ByTarget(tuple(config.targets or ()))
    by_project: dict[str, Holding] = defaultdict(lambda: Holding(""))
    for filename, project, size, invalid, requires_python in catalog.files.tracked():
        found.files += 1
        found.bytes += size
        by_project[project].add(project, size)
        for target in by_target.of(filename, project, requires_python):
            target.add(project, size)
        # A run records files before it places them.
        if not found.running and (invalid or filename not in found.others):
            cause = "its content is wrong" if filename in found.others else "not in the folder any more"
            found.absent.append(Failure(project, filename, cause))
        found.others.discard(filename)
    for name, holding in by_project.items():
        holding.name = name
    found.biggest = sorted(by_project.values(), key=lambda each: (-each.bytes, each.name))[:_BIGGEST]
    for failure in (*found.missing, *found.absent):
        for target in by_target.concerned(failure):
            target.missing += 1
    found.targets = by_target.holdings


class _ByTarget:
    """Which targets can install a file; remembers tags and specifiers, which mostly repeat."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self.holdings = [Holding(str(target)) for target in targets]
        self._compatibility = Compatibility(targets)
        self._known: dict[tuple[str, str | None], list[Holding]] = {}

    def of(self, filename: str, project: str, requires_python: str | None) -> Collection[Holding]:
        """Return the targets that can install a file; all of them if its name cannot be read."""
        if not self.holdings:
            return ()
        # Of a wheel, only the tags count. Other names rarely have an end of their own.
        tags = "-".join(filename.split("-")[-3:]) if filename.endswith(".whl") else filename
        key = (tags, requires_python)
        targets = self._known.get(key)
        if targets is None:
            try:
                mask = self._compatibility.targets(read_filename(filename, project), requires_python)
            except FilenameError:
                mask = -1
            targets = [each for number, each in enumerate(self.holdings) if mask >> number & 1]
            self._known[key] = targets
        return targets

    def concerned(self, failure: Failure) -> Collection[Holding]:
        """Return the targets that may miss what could not be mirrored."""
        if failure.filename is not None:
            return self.of(failure.filename, failure.project, None)
        named = [each for each in self.holdings if f"for {each.name}" in failure.cause]
        return named or self.holdings
