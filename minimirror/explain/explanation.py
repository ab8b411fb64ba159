"""Why a project's files are wanted or not: each with the rule that decided, and for whom it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from minimirror.choice import choose
from minimirror.client import FetchError
from minimirror.config import Config
from minimirror.distribution import projects_named
from minimirror.errors import MinimirrorError
from minimirror.index import Page
from minimirror.plan.whole import apart
from minimirror.repository import Repository
from minimirror.selection import Decision, Refusal
from minimirror.summary import Summary
from minimirror.survey import Survey

__all__ = ["Explanation", "ExplanationError", "Need", "explain"]


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
    decisions: list[Decision]
    """One a file, as the index lists them; or that of the one file that was asked for."""

    filename: str | None = None
    """The one file that was asked for."""

    problems: list[str] = field(default_factory=list)
    """What keeps the explanation from being whole, or a run from being complete, in words."""

    notes: list[str] = field(default_factory=list)


class ExplanationError(MinimirrorError):
    """The index has no such project or file."""


def explain(config: Config, name: str) -> Explanation:
    """Explain what a run would want of a project, or of one file.

    :param name: a project's name, or a filename
    :raises ExplanationError: the index has no such project or file
    :raises MinimirrorError: it cannot be asked
    """
    summary = Summary()
    with apart(config) as (other, catalog):
        survey = Survey(other, Repository(other.repository), catalog, summary)
        with survey:
            survey.settle()
            project, filename, page = _find(survey, name)
            found = _explain(survey, project, filename, page)
    found.problems += map(str, summary.failures)
    found.notes += summary.notes
    return found


def _find(survey: Survey, name: str) -> tuple[str, str | None, Page]:
    """The project and its page; and the filename, if the name is one that the page lists."""
    page = _page(survey, canonicalize_name(name))
    if page is not None:
        return canonicalize_name(name), None, page
    for project in projects_named(name):
        page = _page(survey, project)
        if page is not None and any(file.filename == name for file in page.files):
            return project, name, page
    raise ExplanationError(f"the index has neither a project nor a file of the name {name!r}")


def _page(survey: Survey, project: str) -> Page | None:
    if not project or "/" in project:
        return None
    try:
        return survey.index.project(project).page
    except FetchError as error:
        if error.status in {404, 410}:
            return None
        raise


def _explain(survey: Survey, project: str, filename: str | None, page: Page) -> Explanation:
    rules, wants = survey.settings.rules, survey.projects.wants_of(project)
    choice = choose(survey.index, rules, project, page, wants)
    decisions = choice.decisions
    refusal = survey.projects.why_not(project)
    if refusal is not None:
        decisions = [each.refused(Refusal(*refusal)) for each in decisions]
    chains = survey.closure.chains
    return Explanation(
        project=project,
        refusal=refusal,
        listed=wants.listed,
        status=page.status,
        needs=[
            Need(str(rules.targets[pin.target]), pin.version, chains.get((project, pin.target), ()))
            for pin in wants.pins
        ],
        decisions=[each for each in decisions if filename in {None, each.file.filename}],
        filename=filename,
        problems=[*page.problems, *choice.unmet],
        notes=choice.notes,
    )
