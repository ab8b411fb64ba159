"""The selection: what all the rules together say of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.files import FileRules
from minimirror.selection.pins import decide_for_pins
from minimirror.selection.releases import Kind, refused_kinds, release_of, within_size
from minimirror.selection.requests import ProjectRequest
from minimirror.selection.rules import Rules
from minimirror.simple_api import File

__all__ = ["select"]

_LISTED = ProjectRequest()
_NONE_KNOWN: Mapping[str, str] = MappingProxyType({})

_SHOWN = 40
"""Characters of a status that are told."""


def select(  # noqa: PLR0913 - of which only the first three are needed
    files: Sequence[File],
    project: str,
    rules: Rules,
    wants: ProjectRequest = _LISTED,
    *,
    now: float = 0.0,
    status: str = "active",
    vulnerable: Mapping[str, str] = _NONE_KNOWN,
) -> list[Decision]:
    """Decide on every file of a project's page.

    :param files: the page's files, in its order
    :param project: the project's normalized name
    :param wants: what is wanted of the project
    :param now: seconds since the epoch, for ``min_age``
    :param status: the project's status (PEP 792)
    :param vulnerable: by version, spelled in any way, what vulnerabilities of a release are known
    :returns: a decision a file, in the same order
    """
    own = FileRules(project, rules, now)
    decisions = [own.decide(file, yanked=rules.yanked) for file in files]
    if not rules.allow_status(status):
        closed = Refusal("project_status", f"the project is {status[:_SHOWN]}")
        # Nor does anybody need to hear what else is wrong with its page.
        return [each.refused(closed)._replace(suspect=False) for each in decisions]
    needed = decide_for_pins(decisions, wants.pins, rules, own)
    if refusal := _of_project(decisions, rules, wants):
        decisions = [each.refused(refusal) for each in decisions]
    else:
        decisions = _by_release(decisions, rules, wants, own, vulnerable)
        decisions = _by_size(decisions, rules.max_project_size, needed)
    for at, each in needed.items():
        if each.wanted > decisions[at].wanted or not wants.listed:
            decisions[at] = each
    return _once(decisions)


def _of_project(decisions: Iterable[Decision], rules: Rules, wants: ProjectRequest) -> Refusal | None:
    """Why nothing of the project is wanted but what targets need."""
    if rules.min_releases > 1:
        versions = {each.version for each in decisions if each.distribution and each.file.yanked is None}
        count = len({release_of(text) for text in versions})
        if count < rules.min_releases:
            told = f"it has {count} release{'s' * (count != 1)}, fewer than {rules.min_releases}"
            return Refusal("min_releases", told)
    if wants.listed:
        return None
    needed = list(dict.fromkeys(pin.version for pin in wants.pins))
    told = f"only {' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} needed"
    return Refusal("projects", told if needed else "nothing of it is needed")


def _by_release(
    decisions: Sequence[Decision],
    rules: Rules,
    wants: ProjectRequest,
    own: FileRules,
    vulnerable: Mapping[str, str],
) -> list[Decision]:
    # Without targets, everybody is the one target.
    everybody = 0 if rules.targets else 1
    kinds = [Kind(each.version, each.targets or everybody) for each in decisions]
    acceptable, offered = set(), set()
    for kind, each in zip(kinds, decisions, strict=True):
        if each.wanted:
            acceptable.add(kind)
        elif each.distribution and kind not in offered and own.offers(each.file):
            offered.add(kind)
    refused = refused_kinds(offered, acceptable, rules, wants.specifiers, vulnerable)
    return [
        each.refused(refused[kind]) if kind in refused else each
        for kind, each in zip(kinds, decisions, strict=True)
    ]


def _by_size(decisions: list[Decision], most: int | None, needed: Mapping[int, Decision]) -> list[Decision]:
    """Refuse the older releases, where all together are bigger than a project may be."""
    if most is None:
        return decisions
    spent = sum(each.file.size or 0 for each in needed.values() if each.wanted)
    others = [
        each for at, each in enumerate(decisions) if each.wanted and not (at in needed and needed[at].wanted)
    ]
    refused = within_size(others, most, spent)
    return [each.refused(refused[each.version]) if each.version in refused else each for each in decisions]


def _once(decisions: Iterable[Decision]) -> list[Decision]:
    """The same, with one wanted file of each name: two would be in each other's way in a flat folder.

    On some systems names that differ in case are one. Of two files with the very same name nothing tells
    which is meant, so that neither is.
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
            once[at] = decision.refused_name("a file of that name is listed twice")
        elif decision.file.filename != other.file.filename:
            reason = f"differs from {other.file.filename} in case only, and is another file"
            once[at] = decision.refused_name(reason, suspect=True)
        else:
            once[at] = decision.refused_name("two files of that name are listed", suspect=True)
            once[earlier] = other.refused_name("two files of that name are listed")
    return once


def _is_same(file: File, other: File) -> bool:
    """Whether two entries list one file, for certain."""
    if file.size != other.size and None not in {file.size, other.size}:
        return False
    both = file.digests.keys() & other.digests.keys()
    if not both:
        return file.url == other.url
    return all(file.digests[name] == other.digests[name] for name in both)
