"""Resolve requirements for targets, each by uv with its own filtered index."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path

from packaging.version import Version

from minimirror.common import MinimirrorError, counted
from minimirror.distributions import MetadataError, Target
from minimirror.resolution.chains import shortest_chains
from minimirror.resolution.inputs import Needs, Requirements, applying, holds
from minimirror.resolution.policy import ResolutionPolicy
from minimirror.resolution.uv.explanation import explain
from minimirror.resolution.uv.fetcher import IndexFetcher
from minimirror.resolution.uv.filtered_index import Candidate, FilteredIndex
from minimirror.resolution.uv.index_server import IndexServer
from minimirror.resolution.uv.model import NeededRelease, Resolution, ResolveError, UnsolvableError
from minimirror.resolution.uv.platform import platform_of, tags_of
from minimirror.resolution.uv.process import Uv, UvSolution
from minimirror.resolution.uv.sdist import build_requirements
from minimirror.simple_api import PageError
from minimirror.upstream import FetchError, Indexes

__all__ = ["resolve"]

MAX_ATTEMPTS = 20
"""Resolutions of the same requirements, each without the refused releases of those before."""

_OTHER_ENVIRONMENTS = "nothing is mirrored, because none of its environments (tool.uv.environments) matches"

MAX_BUILDS = 200
"""Sdists of one resolution whose build requirements are resolved."""


def resolve(
    pairs: Sequence[tuple[Requirements, int]],
    targets: Sequence[Target],
    indexes: Indexes,
    policy: ResolutionPolicy,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Resolution]:
    """Find the releases that requirements need on targets.

    Several pairs are resolved at once. Ctrl-C ends everything that was started.

    :param pairs: requirements, each with the number of a target from 0
    :param indexes: the source of pages and files; their connections are closed at the end
    :param tell: called with how much is done: ``resolving 2 of 3 targets``
    :returns: one resolution per pair, in their order, including those that failed
    :raises ResolveError: uv is not installed or cannot be run
    """
    if not pairs:
        return []
    has_several = len({request.name for request, _ in pairs}) > 1
    what = f"inputs for {counted(len(targets), 'target')}" if has_several else "targets"
    try:
        with ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="minimirror-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
            fetcher = IndexFetcher(indexes, folder / "files", policy.connections)
            stack.callback(fetcher.close)
            server = IndexServer()
            stack.callback(server.close)
            uv = Uv(folder / "uv", server.origin, policy, indexes.all[0].url)
            stack.callback(uv.stop)
            tools = uv, server, fetcher, policy
            pool = stack.enter_context(ThreadPool(min(len(pairs), (os.cpu_count() or 1) + 1)))
            resolvers = [
                _PairResolver(*tools, request, at, targets[at], folder / f"pair-{number}")
                for number, (request, at) in enumerate(pairs)
            ]
            results = [pool.apply_async(resolver.resolution) for resolver in resolvers]
            for result in results:
                while not result.ready():
                    number = 1 + sum(each.ready() for each in results)
                    read = counted(fetcher.pages_read, "page")
                    tell(f"resolving {number:,} of {len(pairs):,} {what}, {read} read")
                    # On some systems, nothing interrupts a wait without a timeout.
                    result.wait(0.5)
            return [result.get() for result in results]
    except OSError as error:
        raise ResolveError(f"could not resolve dependencies: {error}") from error


@dataclass
class _PairResolver:
    """Resolves requirements for one target."""

    uv: Uv
    server: IndexServer
    fetcher: IndexFetcher
    policy: ResolutionPolicy
    request: Requirements
    number: int
    target: Target
    folder: Path
    """A new folder for what it keeps on the disk."""

    consulted: dict[str, str | None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    needed: dict[tuple[str, str], NeededRelease] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    _hidden: dict[tuple[str, Version], str] = field(default_factory=dict)

    @functools.cached_property
    def _platform(self) -> str:
        return platform_of(self.target, self.uv.platforms)

    def resolution(self) -> Resolution:
        """Resolve the requirements."""
        failure = None
        environments = self.request.environments
        try:
            self.folder.mkdir()
            if environments and not any(holds(each, self.target) for each in environments):
                self.warnings[_OTHER_ENVIRONMENTS] = None
            else:
                self._resolve()
        except (UnsolvableError, FetchError, PageError) as error:
            failure = str(error)
        except OSError as error:
            failure = f"could not use the temporary folder: {error}"
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return Resolution(
            needed=() if failure else tuple(sorted(self.needed.values())),
            consulted=self.consulted,
            local=tuple(sorted(self.local)),
            warnings=tuple(self.warnings),
            failure=failure,
        )

    def _resolve(self) -> None:
        """Resolve the requirements, then those for building sdists, and so on.

        :raises UnsolvableError: one of them has no solution
        """
        built: set[str] = set()
        sdists = deque(self._resolve_one(self.request, (self.request.name,)))
        while sdists:
            sdist, chain = sdists.popleft()
            if sdist.file.filename in built:
                continue
            if len(built) == MAX_BUILDS:
                raise UnsolvableError(f"more than {MAX_BUILDS} sdists would have to be built")
            built.add(sdist.file.filename)
            if requires := self._build_requirements(sdist):
                name = f"build of {sdist.distribution.project}"
                build = Requirements(name, needs=Needs(list(requires)), outside=self.request.outside)
                sdists.extend(self._resolve_one(build, (*chain, build.name)))

    def _build_requirements(self, sdist: Candidate) -> tuple[str, ...]:
        try:
            project = sdist.distribution.project
            return build_requirements(sdist.path or self.fetcher.file(project, sdist.file))
        except (FetchError, MetadataError) as error:
            name = sdist.file.filename
            raise UnsolvableError(f"could not read the build requirements of {name}: {error}") from None

    def _resolve_one(
        self, request: Requirements, chain: tuple[str, ...]
    ) -> Iterator[tuple[Candidate, tuple[str, ...]]]:
        """Resolve requirements, and yield the sdists that have to be built for the target, with their chains.

        :param chain: the way to the requirements, whose name is the last
        """
        shown, solution = self._solve(request, chain)
        chains = _chains(solution.parents)
        outside = applying(request.outside, self.target)
        for project, version in solution.versions.items():
            way = (*chain, *chains.get(project, (project,)))
            if project in shown.local:
                self.local.add(project)
            else:
                at = outside.get(project)
                pinned = at.file.pinned if at and at.file else tuple(sorted(request.hashes.get(project, ())))
                needed = NeededRelease(project, str(version), way, pinned)
                self.needed.setdefault((project, needed.version), needed)
            if sdist := shown.sdist_of(project, version):
                yield sdist, way

    def _solve(self, request: Requirements, chain: tuple[str, ...]) -> tuple[FilteredIndex, UvSolution]:
        """Run uv, and again without the refused releases, until it chooses none.

        :raises UnsolvableError: there is no solution; the message is for the user
        """
        for _ in range(MAX_ATTEMPTS):
            shown = FilteredIndex(
                request,
                self.number,
                self.target,
                tags_of(self.target, self._platform),
                self.policy,
                self.fetcher,
                Path(tempfile.mkdtemp(dir=self.folder)),
                hidden=dict(self._hidden),
                consulted=self.consulted,
            )
            url = self.server.add(shown)
            try:
                solution = self.uv.resolve(request, self.target, self._platform, url)
                refused = self._refused(shown, solution.versions)
            except (UnsolvableError, ResolveError) as error:
                where = " → ".join(chain) + ": " if chain[1:] else ""
                raise UnsolvableError(where + explain(str(error), shown, self.uv.index_url)) from None
            if not refused:
                self.warnings.update(dict.fromkeys(solution.warnings))
                return shown, solution
            self._hidden.update(refused)
        (project, version), why = next(iter(refused.items()))
        raise UnsolvableError(
            f"gave up after {MAX_ATTEMPTS} attempts: each solution had an excluded release, the last one"
            f" {project} {version}: {why}"
        )

    def _refused(
        self, shown: FilteredIndex, versions: Mapping[str, Version]
    ) -> dict[tuple[str, Version], str]:
        """Return the chosen releases that the policy refuses, and why."""
        refused = {}
        for project, version in versions.items():
            if not shown.files_of(project, version):
                raise UnsolvableError(f"uv chose {project} {version}, which has no file for {shown.target}")
            if project in shown.local or project in self.request.outside:
                continue
            try:
                why = self.policy.why_refused(project, str(version))
            except MinimirrorError as error:
                raise UnsolvableError(f"could not check {project} {version}: {error}") from None
            if why:
                refused[project, version] = why
        return refused


def _chains(parents: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Return the shortest way to each project, which starts at a project that the input names."""
    children: dict[str, list[str]] = {}
    for project, sources in parents.items():
        for source in sources:
            children.setdefault(source, []).append(project)
    # A source that is not a project is a place in the input. Constraints need nothing.
    places = (source for source in children if source not in parents and not source.startswith("-c "))
    starts = itertools.chain.from_iterable(children[place] for place in places)
    return shortest_chains(starts, lambda project: children.get(project, ()), str)
