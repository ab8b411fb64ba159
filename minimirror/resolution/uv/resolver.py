"""The resolution of environments for targets: each by uv, over its own view of the index."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path

from packaging.version import Version

from minimirror.common import MinimirrorError
from minimirror.distributions import MetadataError, Target
from minimirror.resolution.uv.explanation import explain
from minimirror.resolution.uv.filtered_index import Offered, Scope
from minimirror.resolution.uv.index_server import View
from minimirror.resolution.uv.model import Environment, Needed, Resolution, ResolveError, Terms
from minimirror.resolution.uv.platform import PlatformError, platform_of, tags_of
from minimirror.resolution.uv.sdist import build_requirements
from minimirror.resolution.uv.upstream import Upstream
from minimirror.resolution.uv.uv import Question, UnsolvedError, Uv
from minimirror.upstream import FetchError, Index

__all__ = ["resolve"]

REFUSALS = 20
"""How often a resolution is done again because a release must not be chosen."""

BUILDS = 200
"""Sdists of one resolution whose build requirements are resolved."""


def resolve(
    environments: Sequence[Environment], targets: Sequence[Target], index: Index, terms: Terms
) -> list[Resolution]:
    """Find what each environment needs on each target.

    Several are resolved at once. At Ctrl-C all that was started is ended.

    :param index: where the pages and files come from; its connections are closed in the end
    :returns: one an environment and target, in their order, those that have no answer included
    :raises ResolveError: uv is not installed, or cannot be run
    """
    if not environments or not targets:
        return []
    try:
        return _resolve(environments, targets, index, terms)
    except OSError as error:
        raise ResolveError(f"dependencies cannot be resolved: {error}") from error


def _resolve(
    environments: Sequence[Environment], targets: Sequence[Target], index: Index, terms: Terms
) -> list[Resolution]:
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="minimirror-", ignore_cleanup_errors=True))
        )
        upstream = Upstream(index, folder / "files", terms.connections)
        stack.callback(upstream.close)
        view = View()
        stack.callback(view.close)
        (folder / "uv").mkdir()
        uv = Uv(folder / "uv", view.origin, terms)
        stack.callback(uv.stop)
        resolver = _Resolver(uv, view, upstream, index.url, terms)
        pairs = [(each, number, target) for each in environments for number, target in enumerate(targets)]
        pool = stack.enter_context(ThreadPool(min(len(pairs), (os.cpu_count() or 1) + 1)))
        answers = pool.starmap_async(resolver.resolve, pairs, chunksize=1)
        while not answers.ready():
            # With a timeout, since on some systems nothing interrupts a wait without one.
            answers.wait(0.5)
        return answers.get()


@dataclass
class _Task:
    """What has come of one resolution so far."""

    environment: Environment
    number: int
    target: Target
    platform: str
    consulted: dict[str, str | None] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    warnings: dict[str, None] = field(default_factory=dict)
    needed: dict[tuple[str, str], Needed] = field(default_factory=dict)
    hidden: dict[tuple[str, Version], str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Resolver:
    uv: Uv
    view: View
    upstream: Upstream
    index_url: str
    terms: Terms

    def resolve(self, environment: Environment, number: int, target: Target) -> Resolution:
        """Resolve one environment for one target."""
        failed = Resolution(environment.name, number)
        try:
            platform = platform_of(target, self.uv.platforms)
        except PlatformError as error:
            return replace(failed, failure=str(error))
        task = _Task(environment, number, target, platform)
        failure = None
        try:
            self._resolve_all(task)
        except UnsolvedError as error:
            failure = str(error)
        except OSError as error:
            failure = f"the temporary folder cannot be used: {error}"
        return Resolution(
            environment.name,
            number,
            needed=() if failure else tuple(sorted(task.needed.values())),
            consulted=task.consulted,
            local=frozenset(task.local),
            warnings=tuple(task.warnings),
            failure=failure,
        )

    def _resolve_all(self, task: _Task) -> None:
        """Resolve the environment, then what its sdists are built with, then those, and so on.

        :raises UnsolvedError: one of them has no answer
        """
        built: set[str] = set()
        sdists = deque(self._resolve_one(task, task.environment, (task.environment.name,)))
        while sdists:
            sdist, chain = sdists.popleft()
            if sdist.file.filename in built:
                continue
            if len(built) == BUILDS:
                raise UnsolvedError(f"more than {BUILDS} sdists would have to be built")
            built.add(sdist.file.filename)
            if requires := self._build_requirements(sdist):
                building = Environment(f"build of {sdist.distribution.project}", "\n".join(requires))
                sdists.extend(self._resolve_one(task, building, (*chain, building.name)))

    def _build_requirements(self, sdist: Offered) -> tuple[str, ...]:
        try:
            return build_requirements(sdist.path or self.upstream.file(sdist.file))
        except (FetchError, MetadataError) as error:
            raise UnsolvedError(f"what {sdist.file.filename} is built with is not known: {error}") from None

    def _resolve_one(
        self, task: _Task, environment: Environment, chain: tuple[str, ...]
    ) -> Iterator[tuple[Offered, tuple[str, ...]]]:
        """Resolve for the task's target; yields the sdists that have to be built there, with their chains.

        :param chain: what leads to the environment, which is its last
        """
        scope, versions, parents = self._answer(task, environment, chain)
        chains = _chains(parents)
        for project, version in versions.items():
            way = (*chain, *chains.get(project, (project,)))
            if project not in scope.local:
                pins = tuple(sorted(environment.hashes.get(project, ())))
                needed = Needed(project, str(version), way, pins)
                task.needed.setdefault((project, needed.version), needed)
            if sdist := scope.sdist_of(project, version):
                yield sdist, way

    def _answer(
        self, task: _Task, environment: Environment, chain: tuple[str, ...]
    ) -> tuple[Scope, Mapping[str, Version], Mapping[str, tuple[str, ...]]]:
        """Resolve, and do it again without the releases that must not be chosen, until none is.

        :returns: what was to be seen, what was chosen of it, and who needs whom
        :raises UnsolvedError: there is no answer: the message is for the user
        """
        for _ in range(REFUSALS):
            scope = self._scope(task, environment)
            question = Question(environment, task.target, task.platform, self.view.open(scope))
            with self._explained(task, scope, question, chain):
                versions, warnings = self.uv.resolve(question)
                refused = self._refused(scope, versions)
                if not refused:
                    task.warnings.update(dict.fromkeys(warnings))
                    return scope, versions, self.uv.parents(question)
            task.hidden.update(refused)
        (project, version), why = next(iter(refused.items()))
        raise UnsolvedError(
            f"each of {REFUSALS} answers has a release that is held back; in the last one it is"
            f" {project} {version}: {why}"
        )

    def _scope(self, task: _Task, environment: Environment) -> Scope:
        return Scope(
            environment=environment,
            number=task.number,
            target=task.target,
            taken=tags_of(task.target, task.platform),
            terms=self.terms,
            upstream=self.upstream,
            hidden=dict(task.hidden),
        )

    def _refused(self, scope: Scope, versions: Mapping[str, Version]) -> dict[tuple[str, Version], str]:
        """The chosen releases that must not be, and why."""
        refused = {}
        for project, version in versions.items():
            if not scope.fits(project, version):
                raise UnsolvedError(f"uv chose {project} {version}, which has no file for {scope.target}")
            if project not in scope.local and (why := self._why_not(project, version)):
                refused[project, version] = why
        return refused

    def _why_not(self, project: str, version: Version) -> str | None:
        try:
            return self.terms.refused(project, str(version))
        except MinimirrorError as error:
            cause = f"whether {project} {version} may be chosen cannot be told: {error}"
            raise UnsolvedError(cause) from None

    @contextmanager
    def _explained(
        self, task: _Task, scope: Scope, question: Question, chain: tuple[str, ...]
    ) -> Iterator[None]:
        """Keep what was looked at; where there is no answer, say why in words for the user."""
        try:
            yield
        except (UnsolvedError, ResolveError) as error:
            where = " → ".join(chain) + ": " if chain[1:] else ""
            said = explain(str(error), scope, self._words(question.url), self.index_url)
            raise UnsolvedError(where + said) from None
        finally:
            task.consulted.update(scope.consulted)
            task.local.update(scope.local)

    def _words(self, url: str) -> dict[str, str]:
        """What stands in uv's messages for what only this run knows."""
        base = url.removesuffix("simple/")
        return {url: self.index_url, base: self.index_url, f"{self.uv.folder}{os.sep}": ""}


def _chains(parents: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """By project, the shortest way to it from one that the input names, which is the first."""
    children: dict[str, list[str]] = {}
    for project, sources in parents.items():
        for source in sources:
            children.setdefault(source, []).append(project)
    # What is not a project is a place in the input; a constraint needs nothing.
    places = (source for source in children if source not in parents and not source.startswith("-c "))
    waiting: deque[tuple[str, ...]] = deque((project,) for place in places for project in children[place])
    found: dict[str, tuple[str, ...]] = {}
    while waiting:
        chain = waiting.popleft()
        if chain[-1] not in found:
            found[chain[-1]] = chain
            waiting.extend((*chain, project) for project in children.get(chain[-1], ()))
    return found
