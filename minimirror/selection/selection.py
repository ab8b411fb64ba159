"""The selection: all rules applied to a page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from minimirror.common import counted
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.files import FileRules
from minimirror.selection.pins import accept_pinned, decide_for_pins
from minimirror.selection.projects import ProjectRequest
from minimirror.selection.releases import counted_release, kind_of, refused_kinds, within_size
from minimirror.selection.rules import Rules
from minimirror.simple_api import ACTIVE, File

__all__ = ["select"]

_AMBIGUOUS = "the page lists two different files with this name"
_LISTED = ProjectRequest()
_NONE_KNOWN: Mapping[str, str] = MappingProxyType({})

_SHOWN = 40
"""Characters of a status in a message."""


def select(  # noqa: PLR0913 - only the first three are required
    files: Sequence[File],
    project: str,
    rules: Rules,
    request: ProjectRequest = _LISTED,
    *,
    now: float = 0.0,
    status: str = ACTIVE,
    vulnerable: Mapping[str, str] = _NONE_KNOWN,
    held: Collection[str] = (),
) -> list[Decision]:
    """Decide about every file of a project's page.

    :param project: the project's normalized name
    :param request: what is wanted of the project
    :param now: seconds since the epoch, for ``min_age``
    :param status: the project's status (PEP 792)
    :param held: files that the mirror has. ``min_age`` and ``uploaded_before`` decide what may come in, and
        never refuse these
    :param vulnerable: known vulnerabilities of a release, by its version in any spelling
    :returns: one decision per file, in the page's order
    """
    file_rules = FileRules(project, rules, now, held)
    decisions = [file_rules.decide(file, yanked=rules.yanked) for file in files]
    accept_pinned(decisions, request.specifiers, file_rules)
    if not rules.allow_status(status):
        closed = Refusal("project_status", f"the project is {status[:_SHOWN]}")
        # Other problems of its page do not matter.
        return [each.refused(closed)._replace(suspect=False) for each in decisions]
    needed = decide_for_pins(decisions, request, rules, file_rules, vulnerable)
    if refusal := _of_project(decisions, rules, request):
        decisions = [each.refused(refusal) for each in decisions]
    else:
        decisions = _by_release(decisions, rules, request, vulnerable)
        if rules.max_project_size is not None:
            decisions = within_size(decisions, rules.max_project_size, needed)
    for at, each in needed.items():
        if each.wanted > decisions[at].wanted or not request.listed:
            decisions[at] = each
        elif each.wanted:
            decisions[at] = decisions[at]._replace(file=each.file)
    return _once(decisions)


def _of_project(decisions: Iterable[Decision], rules: Rules, request: ProjectRequest) -> Refusal | None:
    """Return why only the releases that targets need are wanted."""
    if rules.min_releases > 1:
        versions = {each.version for each in decisions if each.distribution and each.file.yanked is None}
        count = len(set(map(counted_release, versions)))
        if count < rules.min_releases:
            reason = f"the project has {counted(count, 'release')}, fewer than {rules.min_releases}"
            return Refusal("min_releases", reason)
    if request.listed:
        return None
    needed = list(dict.fromkeys(pin.version for pin in request.pins))
    reason = f"only {' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} needed"
    return Refusal(request.rule, reason if needed else "no release is needed")


def _by_release(
    decisions: Sequence[Decision],
    rules: Rules,
    request: ProjectRequest,
    vulnerable: Mapping[str, str],
) -> list[Decision]:
    kinds = [kind_of(each) if each.wanted else None for each in decisions]
    refused = refused_kinds({*filter(None, kinds)}, rules, request.specifiers, vulnerable)
    return [
        each.refused(refused[kind]) if kind in refused else each
        for kind, each in zip(kinds, decisions, strict=True)
    ]


def _once(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions with at most one wanted file per name, since the folder is flat.

    Names that differ only in case are the same on some systems. If two different files have exactly the same
    name, neither is known to be right, so neither is wanted.
    """
    once = list(decisions)
    first: dict[str, int] = {}
    for at, decision in enumerate(once):
        if not decision.wanted:
            continue
        earlier = first.setdefault(decision.file.filename.lower(), at)
        if earlier == at:
            continue
        other = once[earlier]
        if _is_same(decision.file, other.file):
            once[at] = decision.refused_name("the page lists this file twice")
        elif decision.file.filename != other.file.filename:
            reason = f"the name differs from {other.file.filename} only in case, but it is another file"
            once[at] = decision.refused_name(reason, suspect=True)
        else:
            once[at] = decision.refused_name(_AMBIGUOUS, suspect=True)
            once[earlier] = other.refused_name(_AMBIGUOUS)
    return once


def _is_same(file: File, other: File) -> bool:
    """Return whether two entries certainly are the same file."""
    if file.size != other.size and None not in {file.size, other.size}:
        return False
    both = file.digests.keys() & other.digests.keys()
    if not both:
        return file.url == other.url
    return all(file.digests[name] == other.digests[name] for name in both)
