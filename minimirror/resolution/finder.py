"""Find the closure: read locks, reuse earlier resolutions, and resolve the rest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minimirror.common import StoredFile, Summary, printable
from minimirror.config import Config
from minimirror.distributions import FilenameError, read_filename
from minimirror.resolution.cache import STORED, unchanged
from minimirror.resolution.closure import Closure
from minimirror.resolution.inputs import Input, Requirements, applying, read_lock
from minimirror.resolution.local_projects import LocalProjects
from minimirror.resolution.policy import ResolutionPolicy
from minimirror.resolution.reading import note_outside, read_inputs
from minimirror.resolution.registries import assign_indexes
from minimirror.resolution.uv import Resolution, resolve
from minimirror.selection import PinnedRelease, Rules, project_patterns, release_of
from minimirror.simple_api import File, PageError
from minimirror.storage import Catalog, ResolutionRow
from minimirror.upstream import FetchError, Indexes

__all__ = ["ClosureFinder"]

_VERSION = 3
"""Raise it if the same inputs come to be resolved differently: then no earlier resolution is valid."""


@dataclass
class ClosureFinder:
    """Finds the closure once: see :func:`find_closure`."""

    config: Config
    indexes: Indexes
    catalog: Catalog
    summary: Summary
    local_files: Mapping[str, Sequence[StoredFile]]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        self._rows = {(row.input, row.target): row for row in self.catalog.resolutions()}
        self._new: list[ResolutionRow] = []
        self._local = LocalProjects(self.indexes, self.local_files)
        self._stamps = {name: [_stamp(path) for path in paths] for name, paths in self.local_files.items()}
        self._targets = [str(target) for target in self.config.targets]
        self._pins: dict[str, dict[PinnedRelease, None]] = {}
        self._chains: dict[tuple[str, str, int], dict[tuple[str, ...], None]] = {}
        self._validators: dict[str, str] = {}
        self._files: dict[str, dict[str, File]] = {}
        self._of_index: set[str] = set()
        self._met: set[str] = set()

    def find(self) -> Closure:
        """Read the locks, and resolve the requirements."""
        self.tell("reading requirements")
        requests, locks = read_inputs(self.config, self.indexes, self.summary)
        for lock in locks:
            self._take_lock(lock)
        fingerprints = {
            (request.key, target): self._fingerprint(request, target)
            for request in requests
            for target in self._targets
        }
        self._resolve(requests, fingerprints)
        return Closure(
            pins={project: tuple(pins) for project, pins in sorted(self._pins.items())},
            chains={at: tuple(chains) for at, chains in self._chains.items()},
            files={project: tuple(files.values()) for project, files in sorted(self._files.items())},
            local=self._met,
            of_index=self._of_index,
            validators=self._validators,
            new=self._new,
            outdated=self._rows.keys() - fingerprints.keys(),
        )

    def _take_lock(self, lock: Input) -> None:
        found = read_lock(lock, self.config.targets)
        note_outside(found.problems, self.config, self.summary)
        for number, cause in found.unsupported.items():
            self.summary.fail(
                lock.name, None, f"does not support {self._targets[number]}: {printable(cause)}"
            )
        missing = assign_indexes(lock.name, found.registries, self.indexes, self.summary)
        ignored = project_patterns(self.config.ignore)
        for project, pins in found.pins.items():
            if ignored.match(project):
                continue
            if project in missing and not all(pin.digests for pin in pins):
                cause = "its index is not in the config, and the lock has no digests to compare it with"
                self.summary.fail(project, None, f"{lock.name} needs it, but {cause}")
                continue
            if project in found.files:
                self._files.setdefault(project, {}).update(found.files[project])
            else:
                self._of_index.add(project)
            local = () if project in found.files else self._local_files(project)
            self._met.update([project] * bool(local))
            for pin in pins:
                if not local:
                    self._add(project, pin, found.chains[project, pin.target])
            for version in dict.fromkeys(pin.version for pin in pins if local):
                if not any(_is_of_release(path, project, version) for path in local):
                    cause = f"{project} is a local project, and the folder has no file of that release"
                    self.summary.fail(project, None, f"{lock.name} needs {version}, but {cause}")

    def _add(self, project: str, pin: PinnedRelease, chain: tuple[str, ...]) -> None:
        self._pins.setdefault(project, {})[pin] = None
        self._chains.setdefault((project, pin.version, pin.target), {})[chain] = None

    def _local_files(self, project: str) -> Collection[Path]:
        try:
            return self._local.files(project)
        except (FetchError, PageError):
            # The run reports it when it reads the page, and fetches nothing then.
            return ()

    def _resolve(self, requests: Sequence[Requirements], fingerprints: Mapping[tuple[str, str], str]) -> None:
        """Resolve what has no valid resolution."""
        now = time.time()
        earlier = {
            at: STORED.validate_json(row.found)
            for at, row in self._rows.items()
            if fingerprints.get(at) == row.key and now < (row.due or now + 1)
        }
        valid = unchanged(earlier, self._stamps, self.indexes, self.config.connections)
        pending: list[tuple[Requirements, int]] = []
        for request in requests:
            for number, target in enumerate(self._targets):
                if known := valid.get((request.key, target)):
                    self._take(request, number, known)
                else:
                    pending.append((request, number))
        policy = ResolutionPolicy(self.config, self.indexes, self._local.files, now)
        resolutions = resolve(pending, self.config.targets, self.indexes, policy, self.tell)
        for (request, number), found in zip(pending, resolutions, strict=True):
            if found.failure is None:
                names = {*found.consulted, *found.local} & self._stamps.keys()
                kept = replace(found, stamps={name: self._stamps[name] for name in sorted(names)})
                at = request.key, self._targets[number]
                found_json = STORED.dump_json(kept).decode()
                self._new.append(ResolutionRow(*at, fingerprints[at], policy.due, found_json))
                self._take(request, number, found)
            else:
                self._keep_last(request, number, found.failure)

    def _keep_last(self, request: Requirements, number: int, failure: str) -> None:
        """Report a failure, and use the last resolution, if there is one."""
        target = self._targets[number]
        last = self._rows.get((request.key, target))
        kept = " (keeping its previous releases)" if last else ""
        why = " ".join(failure.split())
        self.summary.fail(request.name, None, f"cannot be resolved for {target}{kept}: {why}")
        if last:
            self._take(request, number, replace(STORED.validate_json(last.found), consulted={}))

    def _take(self, request: Requirements, target: int, found: Resolution) -> None:
        outside = applying(request.outside, self.config.targets[target])
        for needed in found.needed:
            at = outside.get(needed.project)
            if at and at.file:
                self._files.setdefault(needed.project, {})[at.file.url] = at.file
            else:
                self._of_index.add(needed.project)
            self._add(needed.project, PinnedRelease(needed.version, target, needed.digests), needed.chain)
        self._met.update(found.local)
        for warning in found.warnings:
            self.summary.note(f"{request.name}, for {self._targets[target]}: {warning}")
        # These pages have not changed since the resolver read them.
        self._validators |= {name: text for name, text in found.consulted.items() if text is not None}

    def _fingerprint(self, request: Requirements, target: str) -> str:
        """Return a digest of everything that a resolution depends on, except for the index's pages."""
        config = self.config
        parts = [
            _VERSION,
            request.fingerprint,
            target,
            [each.url for each in self.indexes.all],
            [each.projects for each in config.indexes],
            sorted(self.indexes.assigned.items()),
            Rules.of(config).fingerprint([]),
            config.exclude_projects,
            config.ignore,
            config.build,
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _is_of_release(path: Path, project: str, version: str) -> bool:
    try:
        return release_of(read_filename(path.name, project).version) == release_of(version)
    except FilenameError:
        return False


def _stamp(path: StoredFile) -> str:
    """Return a text that changes if a file in the folder is replaced."""
    try:
        found = path.stat()
    except OSError:
        return f"{path.name} is unreadable"
    return f"{path.name} {found.st_size} {found.st_mtime_ns}"
