"""Scope, the first step: what is selected before any page is read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.resolution import Closure, find_closure
from minimirror.selection import ProjectRules
from minimirror.storage import Catalog, MirrorFolder
from minimirror.sync.workers.jobs import ALONE, ReadPage
from minimirror.sync.workers.worker import WorkerSettings
from minimirror.upstream import Index

__all__ = ["Scope", "find_scope"]


@dataclass(frozen=True)
class Scope:
    """What is selected."""

    settings: WorkerSettings
    projects: ProjectRules
    closure: Closure
    alone: Collection[str]
    """Projects whose files all come from URLs, so that the index is not asked about them."""

    local_filenames: Sequence[str]
    """The files in the folder that minimirror did not place."""

    local_files: Mapping[str, Sequence[str]]
    """The same by project; some may belong to more than one."""

    rules: str
    """Digest of the rules that apply to most projects."""

    own_rules: Mapping[str, str]
    """Digests for the projects to which other rules apply."""

    def local_files_of(self, project: str) -> Sequence[str]:
        """Return the local files that may belong to a project."""
        return self.local_files.get(project, ())

    def local_files_text(self, project: str) -> str | None:
        """Return them as the catalog stores them: a JSON list (names may not be text), or None."""
        files = self.local_files.get(project)
        return json.dumps(files) if files else None

    def job(self, project: str) -> ReadPage:
        """Return what to do to read a project's page."""
        return ReadPage(
            project,
            self.projects.request(project),
            local_files=tuple(self.local_files_of(project)),
            files=self.closure.files.get(project, ()),
            alone=project in self.alone,
        )

    def rules_of(self, project: str) -> str:
        """Return the digest of the rules that apply to a project."""
        return self.own_rules.get(project, self.rules)


def find_scope(
    config: Config, folder: MirrorFolder, catalog: Catalog, index: Index, summary: Summary
) -> Scope:
    """Return what a config selects: project rules, pinned releases, local files. Change nothing.

    :raises MinimirrorError: an input cannot be read, the resolver is missing, or the index cannot be asked
    """
    settings = WorkerSettings.of(config)
    local_filenames = catalog.local_filenames(folder.filenames())
    local_files = _by_project(local_filenames)
    # Without `projects`, requirements alone select; without both, everything is selected.
    listed = () if config.projects is None and config.requirements else config.projects
    excluded = (*config.exclude_projects, *config.ignore)
    named = ProjectRules(listed, excluded)
    # A project that `projects` names is mirrored in addition to its local files.
    paths = {
        name: [folder.path / each for each in files]
        for name, files in local_files.items()
        if not named.lists_by_name(name)
    }
    closure = find_closure(config, index, catalog, summary, paths)
    projects = ProjectRules(listed, excluded, closure.pins, follow=config.closure == "releases")
    requests = {name: projects.request(name).texts() for name in projects.named()}
    for name in closure.files.keys() & requests.keys():
        requests[name] += map(repr, closure.files[name])
    alone = {
        name
        for name in closure.files.keys() & requests.keys()
        if name not in closure.of_index and not named.request(name).listed
    }
    closure = replace(closure, validators={**closure.validators, **dict.fromkeys(alone, ALONE)})
    return Scope(
        settings=settings,
        projects=projects,
        closure=closure,
        alone=alone,
        local_filenames=local_filenames,
        local_files=local_files,
        rules=settings.rules.fingerprint([index.url]),
        own_rules={
            name: settings.rules.fingerprint([index.url, *texts]) for name, texts in requests.items() if texts
        },
    )


def _by_project(filenames: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for filename in filenames:
        for project in projects_named(filename):
            found.setdefault(project, []).append(filename)
    return found
