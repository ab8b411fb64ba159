"""Why a project's files are selected or not: the rule that decided, and the targets that need it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from minimirror.common import Summary, counted, format_time, quoted
from minimirror.config import Config
from minimirror.distributions import FilenameError, read_filename
from minimirror.selection import ON_DEMAND, RULES, Decision, PinnedRelease, Refusal, release_of
from minimirror.simple_api import Page
from minimirror.storage import FileRow, open_to_read
from minimirror.sync.asked_name import Asked, ExplanationError, find_asked
from minimirror.sync.evaluate import evaluate
from minimirror.sync.held_files import compare, file_of, unlisted
from minimirror.sync.scope import Scope, found_scope
from minimirror.sync.session import Session
from minimirror.upstream import AdvisoryError, FetchError, completed

__all__ = ["Explanation", "ExplanationError", "Need", "explain"]

_OFF = {"yanked": True, "prereleases": True, "releases": "all"}
"""Values with which a key has no effect, where they differ from its default."""

_UNADVISED = "its index does not report known vulnerabilities, so `vulnerable` excludes nothing"

_ALWAYS = {"filename", "project_status"}
"""The rules that are always in effect."""

_NO_FILE = "unlisted", "the index does not list it any more"


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
    """One per file, in the index's order, and one per mirrored file that the index does not list any more.
    A single one if a filename was given."""

    rules: list[str]
    """The rules in effect, in the order in which they are applied."""

    filename: str | None = None
    """The file, if a filename was given."""

    specifier: str = ""
    """Which releases were asked for, if not all: a specifier set (PEP 440)."""

    here: dict[str, str] = field(default_factory=dict)
    """The files of :attr:`decisions` that are in the folder or should be, by filename: ``mirrored``,
    ``missing``, ``truncated`` (with another size), ``altered``, ``local``."""

    offline: bool = False
    """Whether the index cannot be reached, so that only the catalog could be asked."""

    problems: list[str] = field(default_factory=list)
    """Sentences that say why the explanation, or a run, is not complete."""

    notes: list[str] = field(default_factory=list)


def explain(config: Config, name: str) -> Explanation:
    """Explain which files of a project a run would select, or why it would select one file or not.

    ``[each.file.filename for each in explain(config, "requests").decisions if each.wanted]`` is what a run
    would select of it, such as ``["requests-2.32.3-py3-none-any.whl"]``. If the index cannot be reached,
    explain the files that are here.

    :param name: a project, a release (``NAME 1.0``), a requirement, a filename, or a file's URL or path
    :raises ExplanationError: the index has no such project or file, or cannot be asked
    :raises MinimirrorError: the scope cannot be found: see :func:`found_scope`
    """
    summary = Summary()
    with open_to_read(config.repository, config.state) as (folder, catalog):
        session = Session(config, folder, catalog, summary)
        with found_scope(session) as scope:
            found = _Explainer(session, scope).explain(find_asked(name, scope, catalog))
    found.problems += map(str, summary.failures)
    found.notes += summary.notes
    return found


class _Explainer:
    def __init__(self, session: Session, scope: Scope) -> None:
        self._config = session.config
        self._folder = session.folder
        self._catalog = session.catalog
        self._scope = scope

    def explain(self, asked: Asked) -> Explanation:
        project, filename, specifier = asked.project, asked.filename, asked.specifier
        rules, request = self._scope.settings.rules, self._scope.projects.request(project)
        index, job = self._scope.indexes.of(project), self._scope.job(project)
        page = job.complete(asked.page)
        rows = self._catalog.files.of(project)
        known = compare(page, rows.values(), self._folder, index.url)
        page = replace(page, files=known.files)
        held = {*known.held, *(file.filename for file in job.files)}
        if asked.unreachable:
            rules = replace(rules, vulnerable=True, reports_vulnerable=False)
        try:
            found, evaluation = completed(evaluate(index.reader, rules, project, page, request, held=held))
        except (FetchError, AdvisoryError) as error:
            raise ExplanationError(f"could not query known vulnerabilities for {project}: {error}") from None
        listed = {each.filename for each in page.files}
        gone = (_gone(row) for name, row in rows.items() if name not in listed)
        decisions = [*found, *gone]
        refusal = self._scope.projects.why_not(project)
        local_files = self._local_files(project, page)
        if local_files:
            refusal = ("private", "the folder has local files of it")
            decisions = [_of_local_project(each, Refusal(*refusal), rows) for each in decisions]
        elif refusal is not None:
            decisions = [each.refused(Refusal(*refusal)) for each in decisions]
        shown = [each for each in decisions if _is_asked_for(each, filename, specifier)]
        if specifier and not shown:
            raise ExplanationError(f"{project} has no release that matches {specifier}")
        return Explanation(
            project=project,
            index=index.name,
            index_url=index.url,
            refusal=refusal,
            listed=request.listed,
            status=page.status,
            needs=[self._need(project, pin) for pin in request.pins if pin.target != ON_DEMAND],
            private=local_files,
            decisions=shown,
            rules=[
                request.rule if rule == "projects" else rule
                for rule in RULES
                if rule in _ALWAYS or _is_in_effect(self._config, rule)
            ],
            filename=filename,
            specifier=str(specifier or ""),
            here=self._here(project, [each.file.filename for each in shown]),
            offline=bool(asked.unreachable),
            problems=[
                *[f"{index.title} cannot be reached ({asked.unreachable}); this is what the catalog knows"]
                * bool(asked.unreachable),
                *page.problems,
                *([] if refusal else evaluation.unmet),
                *(f"{filename}: {cause}" for filename, cause in known.replaced.items()),
            ],
            notes=[
                *[f"{asked.local_file} is a local file: it is left alone, as minimirror did not place it"]
                * (asked.local_file is not None),
                *evaluation.notes,
                *[_UNADVISED] * evaluation.unadvised,
                *self._uses(project),
                *(f"{each.filename} comes from {each.url}, as requirements say" for each in job.files),
                *_invalid_pythons(page, decisions),
            ],
        )

    def _here(self, project: str, filenames: Sequence[str]) -> dict[str, str]:
        rows, invalid = self._catalog.files.of(project), self._catalog.files.invalid(project)
        found: dict[str, str] = {}
        for name in filenames:
            row, size = rows.get(name), self._folder.size(name)
            if row is None:
                found |= {name: "local"} if size is not None else {}
            elif size == row.size:
                found[name] = "altered" if name in invalid else "mirrored"
            else:
                found[name] = "missing" if size is None else "truncated"
        return found

    def _need(self, project: str, pin: PinnedRelease) -> Need:
        chains = self._scope.closure.chains[project, pin.version, pin.target]
        return Need(str(self._scope.settings.rules.targets[pin.target]), pin.version, chains)

    def _uses(self, project: str) -> Iterator[str]:
        """Yield a sentence for each file that was fetched on demand, or one on a project that may be."""
        demanded, rules = self._scope.demanded, self._scope.projects
        may_come = not (rules.selects(project) or rules.excludes(project) or self._catalog.files.of(project))
        if self._config.serve.on_demand and may_come:
            yield "`minimirror serve` fetches it when a client asks for it (`on_demand`)"
        for each in demanded.files.values():
            if each.project == project:
                used = f"was fetched on demand and downloaded {counted(each.uses, 'time')}"
                expired = "; the next run deletes it, because that was too long ago (`on_demand_keep`)"
                last = format_time(each.last)
                yield f"{each.filename} {used}, last {last}{expired * (each.filename in demanded.expired)}"

    def _local_files(self, project: str, page: Page) -> list[str]:
        """Return the files that make it a local project; none if `projects` names it, as in a run."""
        if self._scope.projects.lists_by_name(project):
            return []
        return unlisted(page, self._scope.local_files_of(project), self._folder)


def _gone(row: FileRow) -> Decision:
    """Return the decision about a file that is here and that the page does not list."""
    rule, reason = _NO_FILE
    with suppress(FilenameError):
        return Decision(file_of(row), read_filename(row.filename, row.project), False, rule, reason)
    return Decision(file_of(row), None, False, rule, reason)


def _of_local_project(decision: Decision, refusal: Refusal, rows: Collection[str]) -> Decision:
    """Return the decision about a file of a local project, which overrides all rules and needs.

    :param rows: the names of the mirrored files
    """
    refused = decision._replace(wanted=True).refused(refusal)
    if decision.file.filename not in rows:
        return refused
    return refused._replace(reason=f"{refused.reason}; this one was mirrored before that, and stays")


def _invalid_pythons(page: Page, decisions: Iterable[Decision]) -> Iterator[str]:
    for each in decisions:
        text = page.invalid_pythons.get(each.file.filename)
        if each.wanted and text is not None:
            yield f"{each.file.filename}: ignored the invalid Requires-Python {quoted(text)}"


def _is_asked_for(decision: Decision, filename: str | None, specifier: SpecifierSet | None) -> bool:
    if specifier is not None:
        version = release_of(decision.version).version
        return isinstance(version, Version) and specifier.contains(version, prereleases=True)
    return filename in {None, decision.file.filename}


def _is_in_effect(config: Config, rule: str) -> bool:
    if rule == "projects":
        return config.projects is not None or bool(config.requirements)
    return bool(getattr(config, rule) != _OFF.get(rule, Config.model_fields[rule].default))
