"""Why a project's files are wanted or not: each with the rule that decided, and for whom it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError, Summary
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.selection import RULES, Decision, PinnedRelease, Refusal
from minimirror.simple_api import Page, PageError
from minimirror.storage import MirrorFolder
from minimirror.sync.evaluate import choose
from minimirror.sync.preview import apart
from minimirror.sync.survey import Survey
from minimirror.upstream import AdvisoryError, FetchError, matches

__all__ = ["Explanation", "ExplanationError", "Need", "explain"]

_OFF = {"yanked": True, "prereleases": True, "releases": "all"}
"""What a key says that has no rule in effect, where that is not its default."""

_ALWAYS = {"filename", "project_status", "projects"}
"""The rules that are in effect whatever the config says."""


@dataclass(frozen=True, slots=True)
class Need:
    """That a target needs a release of the project."""

    target: str
    version: str
    chains: tuple[tuple[str, ...], ...]
    """The ways by which the project came in, from an input's name to its own."""


@dataclass(slots=True)
class Explanation:
    """What is wanted of a project, and why."""

    project: str
    """The normalized name."""

    refusal: tuple[str, str] | None
    """The rule that refuses the project as a whole, and its answer; None where it is wanted."""

    listed: bool
    """Whether its newest releases are wanted: by ``projects``, or by ``closure``."""

    status: str
    """The status that the index gives it (PEP 792)."""

    needs: list[Need]
    private: list[str]
    """Files in the folder for which the project is private, so that none of the index's is wanted."""

    decisions: list[Decision]
    """One a file, as the index lists them; or that of the one file that was asked for."""

    rules: list[str]
    """The rules that the config has in effect, in the order in which they are applied."""

    filename: str | None = None
    """The one file that was asked for."""

    problems: list[str] = field(default_factory=list)
    """What keeps the explanation from being whole, or a run from being complete, in words."""

    notes: list[str] = field(default_factory=list)


class ExplanationError(MinimirrorError):
    """The index has no such project or file, or cannot be asked."""


def explain(config: Config, name: str) -> Explanation:
    """Explain what a run would want of a project, or of one file.

    :param name: a project's name, or a filename
    :raises ExplanationError: the index has no such project or file, or cannot be asked
    :raises MinimirrorError: what is wanted cannot be found out: see :meth:`Survey.settle`
    """
    summary = Summary()
    with apart(config) as (other, catalog):
        survey = Survey(other, MirrorFolder(other.repository), catalog, summary)
        with survey:
            survey.settle()
            project, filename, page = _find(survey, name)
            found = _explain(config, survey, project, filename, page)
    found.problems += map(str, summary.failures)
    found.notes += summary.notes
    return found


def _find(survey: Survey, name: str) -> tuple[str, str | None, Page]:
    """The project and its page; and the filename, if the name is one that the page lists."""
    own_name = canonicalize_name(name)
    page = _page(survey, own_name)
    if page is not None or own_name in survey.unknown:
        return own_name, None, page or Page()
    for project in projects_named(name):
        page = _page(survey, project)
        if page is not None and any(file.filename == name for file in page.files):
            return project, name, page
        if name in survey.unknown.get(project, ()):
            return project, None, page or Page()
    raise ExplanationError(f"the index has neither a project nor a file of the name {name!r}")


def _page(survey: Survey, project: str) -> Page | None:
    if not project or "/" in project:
        return None
    try:
        return survey.index.project(project).page
    except (FetchError, PageError) as error:
        if isinstance(error, FetchError) and error.status in {404, 410}:
            return None
        raise ExplanationError(f"the page of {project} cannot be read: {error}") from None


def _explain(config: Config, survey: Survey, project: str, filename: str | None, page: Page) -> Explanation:
    rules, wants = survey.settings.rules, survey.projects.request(project)
    try:
        choice = choose(survey.index, rules, project, page, wants)
    except (FetchError, AdvisoryError) as error:
        raise ExplanationError(f"what is vulnerable of {project} cannot be told: {error}") from None
    decisions = choice.decisions
    refusal = survey.projects.why_not(project)
    private = _private(config, survey, project, page)
    if private:
        refusal = ("private", "the project is private")
        # Whatever else the rules say of it, and of what is needed of it.
        decisions = [each._replace(wanted=True) for each in decisions]
    if refusal is not None:
        decisions = [each.refused(Refusal(*refusal)) for each in decisions]
    return Explanation(
        project=project,
        refusal=refusal,
        listed=wants.listed,
        status=page.status,
        needs=[_need(survey, project, pin) for pin in wants.pins],
        private=private,
        decisions=[each for each in decisions if filename in {None, each.file.filename}],
        rules=[rule for rule in RULES if rule in _ALWAYS or _is_in_effect(config, rule)],
        filename=filename,
        problems=[*page.problems, *([] if refusal else choice.unmet)],
        notes=choice.notes,
    )


def _need(survey: Survey, project: str, pin: PinnedRelease) -> Need:
    chains = survey.closure.chains[project, pin.version, pin.target]
    return Need(str(survey.settings.rules.targets[pin.target]), pin.version, chains)


def _private(config: Config, survey: Survey, project: str, page: Page) -> list[str]:
    """The files that make a project private; none where `projects` names it, as survey and worker have it."""
    if survey.projects.lists_by_name(project):
        return []
    listed = {file.filename: file for file in page.files}
    return [
        name
        for name in survey.unknown.get(project, ())
        if not matches(config.repository / name, listed.get(name))
    ]


def _is_in_effect(config: Config, rule: str) -> bool:
    return bool(getattr(config, rule) != _OFF.get(rule, Config.model_fields[rule].default))
