"""Why a project's files are selected or not: the rule that decided, and the targets that need it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError, Summary, hash_file, quoted
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.selection import RULES, Decision, PinnedRelease, Refusal
from minimirror.simple_api import File, Page, PageError
from minimirror.storage import Catalog
from minimirror.sync.evaluate import evaluate
from minimirror.sync.held_files import compare
from minimirror.sync.preview import opened_read_only
from minimirror.sync.scope import Scope, found_scope
from minimirror.upstream import AdvisoryError, FetchError, completed, matches

__all__ = ["Explanation", "ExplanationError", "Need", "explain"]

_OFF = {"yanked": True, "prereleases": True, "releases": "all"}
"""Values with which a key has no effect, where they differ from its default."""

_UNADVISED = "its index does not report known vulnerabilities, so `vulnerable` excludes nothing"

_ALWAYS = {"filename", "project_status", "projects"}
"""The rules that are always in effect."""


@dataclass(frozen=True, slots=True)
class Need:
    """A release of the project that a target needs."""

    target: str
    version: str
    chains: tuple[tuple[str, ...], ...]
    """What requires it: chains from an input's name to the project's."""


@dataclass(slots=True)
class Explanation:
    """Which files of a project are selected, and why."""

    project: str
    """The normalized name."""

    index: str
    """The name of its index; empty for the config's ``index_url``."""

    index_url: str
    """That index's URL, without credentials."""

    refusal: tuple[str, str] | None
    """The rule that refuses the whole project, and its reason; None if it is selected."""

    listed: bool
    """Whether its newest releases are selected: by ``projects``, or by ``closure``."""

    status: str
    """Its status on the index (PEP 792)."""

    needs: list[Need]
    private: list[str]
    """Local files that make it a local project, so that no file from the index is selected."""

    decisions: list[Decision]
    """One per file, in the index's order; a single one if a filename was given."""

    rules: list[str]
    """The rules in effect, in the order in which they are applied."""

    filename: str | None = None
    """The file, if a filename was given."""

    problems: list[str] = field(default_factory=list)
    """Sentences that say why the explanation, or a run, is not complete."""

    notes: list[str] = field(default_factory=list)


class ExplanationError(MinimirrorError):
    """The index has no such project or file, or cannot be asked."""


def explain(config: Config, name: str) -> Explanation:
    """Explain which files of a project a run would select, or why it would select one file or not.

    ``[each.file.filename for each in explain(config, "requests").decisions if each.wanted]`` is what a run
    would select of it, such as ``["requests-2.32.3-py3-none-any.whl"]``.

    :param name: a project's name, or a filename
    :raises ExplanationError: the index has no such project or file, or cannot be asked
    :raises MinimirrorError: the scope cannot be found: see :func:`found_scope`
    """
    summary = Summary()
    with (
        opened_read_only(config) as (folder, catalog),
        found_scope(config, folder, catalog, summary) as scope,
    ):
        found = _Explainer(config, scope, catalog).explain(name)
    found.problems += map(str, summary.failures)
    found.notes += summary.notes
    return found


class _Explainer:
    def __init__(self, config: Config, scope: Scope, catalog: Catalog) -> None:
        self._config = config
        self._catalog = catalog
        self._scope = scope

    def explain(self, name: str) -> Explanation:
        project, filename, page = self._find(name)
        rules, request = self._scope.settings.rules, self._scope.projects.request(project)
        index, job = self._scope.indexes.of(project), self._scope.job(project)
        page = job.complete(page)
        known = compare(page, self._catalog.files.of(project).values(), self._mismatch, index.url)
        page = replace(page, files=known.files)
        held = {*known.held, *(file.filename for file in job.files)}
        try:
            evaluation = completed(evaluate(index.reader, rules, project, page, request, held=held))
        except (FetchError, AdvisoryError) as error:
            raise ExplanationError(f"could not query known vulnerabilities for {project}: {error}") from None
        decisions = evaluation.decisions
        refusal = self._scope.projects.why_not(project)
        local_files = self._local_files(project, page)
        if local_files:
            refusal = ("private", "the folder has local files of it")
            # This overrides all other rules and needs.
            decisions = [each._replace(wanted=True) for each in decisions]
        if refusal is not None:
            decisions = [each.refused(Refusal(*refusal)) for each in decisions]
        return Explanation(
            project=project,
            index=index.name,
            index_url=index.url,
            refusal=refusal,
            listed=request.listed,
            status=page.status,
            needs=[self._need(project, pin) for pin in request.pins],
            private=local_files,
            decisions=[each for each in decisions if filename in {None, each.file.filename}],
            rules=[rule for rule in RULES if rule in _ALWAYS or _is_in_effect(self._config, rule)],
            filename=filename,
            problems=[
                *page.problems,
                *([] if refusal else evaluation.unmet),
                *(f"{filename}: {cause}" for filename, cause in known.replaced.items()),
            ],
            notes=[
                *evaluation.notes,
                *[_UNADVISED] * evaluation.unadvised,
                *(f"{each.filename} comes from {each.url}, as requirements say" for each in job.files),
                *(
                    f"{each.file.filename}: ignored the invalid Requires-Python"
                    f" {quoted(page.invalid_pythons[each.file.filename])}"
                    for each in decisions
                    if each.wanted and each.file.filename in page.invalid_pythons
                ),
            ],
        )

    def _find(self, name: str) -> tuple[str, str | None, Page]:
        """Return the project, its page, and the filename if the page lists a file with this name."""
        own_name = canonicalize_name(name)
        page = self._page(own_name)
        if page is not None or own_name in self._scope.local_files:
            return own_name, None, page or Page()
        for project in projects_named(name):
            page = self._page(project)
            if page is not None and any(file.filename == name for file in page.files):
                return project, name, page
            if name in self._scope.local_files_of(project):
                return project, None, page or Page()
        raise ExplanationError(f"the index has neither a project nor a file named {name!r}")

    def _page(self, project: str) -> Page | None:
        if not project or "/" in project:
            return None
        if project in self._scope.alone:
            return Page(list(self._scope.closure.files[project]))
        try:
            reply = self._scope.indexes.of(project).find_project(project)
        except (FetchError, PageError) as error:
            raise ExplanationError(f"the page of {project} cannot be read: {error}") from None
        return reply.page if reply else None

    def _mismatch(self, file: File) -> str | None:
        try:
            return hash_file(self._config.repository / file.filename, file.digests).mismatch()
        except OSError:
            return None

    def _need(self, project: str, pin: PinnedRelease) -> Need:
        chains = self._scope.closure.chains[project, pin.version, pin.target]
        return Need(str(self._scope.settings.rules.targets[pin.target]), pin.version, chains)

    def _local_files(self, project: str, page: Page) -> list[str]:
        """Return the files that make it a local project; none if `projects` names it, as in a run."""
        if self._scope.projects.lists_by_name(project):
            return []
        listed = {file.filename: file for file in page.files}
        return [
            name
            for name in self._scope.local_files_of(project)
            if not matches(self._config.repository / name, listed.get(name))
        ]


def _is_in_effect(config: Config, rule: str) -> bool:
    return bool(getattr(config, rule) != _OFF.get(rule, Config.model_fields[rule].default))
