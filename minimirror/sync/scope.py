"""Scope, the first step: what is selected before any page is read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from minimirror.common import Summary
from minimirror.distributions import projects_named
from minimirror.resolution import Closure, find_closure
from minimirror.selection import IndexRules, ProjectRules
from minimirror.sync.demanded import Demanded
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import ALONE, ReadPage
from minimirror.sync.workers.settings import WorkerSettings
from minimirror.upstream import Index, Indexes

__all__ = ["Scope", "found_scope"]

_PROJECT_KEYS = ("projects", "requirements", "exclude_projects", "ignore")


@dataclass(frozen=True)
class Scope:
    """What is selected."""

    settings: WorkerSettings
    indexes: Indexes
    index_rules: IndexRules
    projects: ProjectRules
    closure: Closure
    demanded: Demanded
    alone: Collection[str]
    """Projects whose files all come from URLs, so that the index is not asked about them."""

    local_filenames: Sequence[str]
    """The files in the folder that minimirror did not place."""

    local_files: Mapping[str, Sequence[str]]
    """The same by project; some may belong to more than one."""

    project_keys: Sequence[str]
    """The config's keys that decide which projects are selected, as far as it has them."""

    rules: Sequence[str]
    """Digests of the rules that apply to most projects, for each index."""

    own_rules: Mapping[str, str]
    """Digests for the projects to which other rules apply."""

    def needs_list(self, number: int) -> bool:
        """Return whether an index's list of projects is needed to find the selected ones, by its number."""
        return self.projects.needs_root and self.index_rules.names(number) is None

    def unlisted(self, number: int) -> Iterator[tuple[str, None]]:
        """Yield the projects of an index that its list need not have, as the list would."""
        return ((name, None) for name in self.alone if self.indexes.number_of(name) == number)

    def names(self, number: int) -> list[str]:
        """Return the selected projects of an index whose list is not needed."""
        names = dict.fromkeys([*(self.index_rules.names(number) or ()), *self.projects.named()])
        return [
            each for each in names if self.projects.selects(each) and self.indexes.number_of(each) == number
        ]

    def local_files_of(self, project: str) -> Sequence[str]:
        """Return the local files that may belong to a project."""
        return self.local_files.get(project, ())

    def local_files_text(self, project: str, adopted: Collection[str] = ()) -> str | None:
        """Return them as the catalog stores them: a JSON list (names may not be text), or None.

        :param adopted: files that will no longer be local
        """
        files = [each for each in self.local_files_of(project) if each not in adopted]
        return json.dumps(files) if files else None

    def job(self, project: str) -> ReadPage:
        """Return what to do to read a project's page."""
        return ReadPage(
            project,
            self.projects.request(project),
            local_files=tuple(self.local_files_of(project)),
            files=self.closure.files.get(project, ()),
            alone=project in self.alone,
            index_url=self.indexes.of(project).url,
        )

    def report_missing(self, project: str, summary: Summary) -> None:
        """Report that its index has no such project: a failure, unless clients alone asked for it."""
        cause = f"{self.indexes.of(project).title} has no project of that name"
        if self.projects.request(project).is_on_demand:
            summary.note(f"{project} was fetched on demand, but {cause} any more")
        else:
            summary.fail(project, None, cause)

    def rules_of(self, project: str) -> str:
        """Return the digest of the rules that apply to a project."""
        return self.own_rules.get(project) or self.rules[self.indexes.number_of(project)]


@contextmanager
def found_scope(session: Session) -> Iterator[Scope]:
    """Find what is selected: project rules, pinned releases, what clients use, local files. Change nothing.

    In the block, its indexes can be asked; afterwards, they hold no connection.

    :raises MinimirrorError: an input cannot be read, the resolver is missing, or an index cannot be asked
    """
    config, folder, catalog = session.config, session.folder, session.catalog
    settings, index_rules = WorkerSettings.of(config), IndexRules.of(config)
    clients = [Index(each, pace=settings.pace, retry=settings.retry) for each in settings.indexes]
    with closing(Indexes(clients, index_rules.number_of)) as indexes:
        # A server may have changed the catalog since it was read last.
        catalog.commit()
        demanded = Demanded(config, folder)
        names = session.progress.counted(folder.filenames(), "listing the folder: {:,} files")
        local_filenames = catalog.local_filenames(names)
        local_files = _by_project(local_filenames)
        # Without `projects`, requirements alone select; without both, everything is selected.
        only_needed = config.projects is None and bool(config.requirements)
        listed = () if only_needed else config.projects
        # An empty list leaves it to the clients of a server, who may not have asked for anything yet.
        only_clients = config.projects == () and not config.requirements
        rule = "requirements" if only_needed else "projects"
        excluded = (*config.exclude_projects, *config.ignore)
        named = ProjectRules(listed, excluded)
        # A project that `projects` names is mirrored in addition to its local files.
        paths = {
            name: [folder.file(each) for each in files]
            for name, files in local_files.items()
            if not named.lists_by_name(name)
        }
        closure = find_closure(config, indexes, catalog, session.summary, paths, tell=session.progress.stage)
        # What was mirrored of a local project stays, although local files meet the need now.
        local = {name: () for name in closure.local if name in paths and catalog.files.of(name)}
        pins = {**local, **closure.pins}
        on_demand = demanded.pins()
        for name, came in on_demand.items():
            pins[name] = (*pins.get(name, ()), *came)
        if only_clients and not pins:
            session.summary.note(
                "`projects` is empty, and no client of `minimirror serve` has got anything yet"
            )
        projects = ProjectRules(listed, excluded, pins, follow=config.closure == "releases", rule=rule)
        requests = {name: projects.request(name).texts() for name in projects.named()}
        for name in closure.files.keys() & requests.keys():
            requests[name] += map(repr, closure.files[name])
        alone = {
            name
            for name in closure.files.keys() & requests.keys()
            if name not in closure.of_index and not named.request(name).listed and name not in on_demand
        }
        closure = replace(closure, validators={**closure.validators, **dict.fromkeys(alone, ALONE)})
        yield Scope(
            settings=settings,
            indexes=indexes,
            index_rules=index_rules,
            projects=projects,
            closure=closure,
            demanded=demanded,
            alone=alone,
            local_filenames=local_filenames,
            local_files=local_files,
            project_keys=[key for key in _PROJECT_KEYS if getattr(config, key) and not only_clients],
            rules=[settings.rules.fingerprint([each.url]) for each in indexes.all],
            own_rules={
                name: settings.rules.fingerprint([indexes.of(name).url, *texts])
                for name, texts in requests.items()
                if texts
            },
        )


def _by_project(filenames: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for filename in filenames:
        for project in projects_named(filename):
            found.setdefault(project, []).append(filename)
    return found
