"""Releases that targets need: which files are wanted for them, and why none is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.files import FileRules
from minimirror.selection.releases import Release, release_of
from minimirror.selection.requests import PinnedRelease
from minimirror.selection.rules import Rules

if TYPE_CHECKING:
    from minimirror.distributions import Target

__all__ = ["decide_for_pins", "unmet"]

_TOLD = 3
"""Files that are told of, where a release has none for a target."""


def decide_for_pins(
    decisions: Sequence[Decision], pins: Iterable[PinnedRelease], rules: Rules, own: FileRules
) -> dict[int, Decision]:
    """Decide anew on the files of the releases that targets need. A file that was yanked will do.

    :param decisions: those that the files' own rules make
    :returns: a decision a file, by its place
    """
    needed: dict[Release, list[PinnedRelease]] = {}
    for pin in pins:
        needed.setdefault(release_of(pin.version), []).append(pin)
    if not needed:
        return {}
    by_version = {text: needed.get(release_of(text)) for text in {each.version for each in decisions}}
    found = {}
    for at, each in enumerate(decisions):
        its_pins = by_version[each.version]
        if each.distribution and its_pins:
            again = own.decide(each.file, yanked=True) if each.rule == "yanked" else each
            found[at] = _for_pins(again, its_pins, rules) if again.wanted else again
    return found


def _for_pins(decision: Decision, pins: Iterable[PinnedRelease], rules: Rules) -> Decision:
    objections = [(pin, _objection(pin, decision, rules)) for pin in pins]
    takers = dict.fromkeys(_target(pin, rules) for pin, objection in objections if not objection)
    if takers:
        return decision._replace(reason=f"needed for {', '.join(takers)}")
    reasons = "; ".join(dict.fromkeys(objection for _, objection in objections))
    return decision.refused(Refusal("projects", f"{decision.version} is needed, but {reasons}"))


def _target(pin: PinnedRelease, rules: Rules) -> str:
    return str(rules.targets[pin.target]) if rules.targets else "any target"


def _objection(pin: PinnedRelease, decision: Decision, rules: Rules) -> str:
    """Why a file of the release that a pin names is none for it; empty where it is one."""
    if rules.targets and not decision.targets >> pin.target & 1:
        return f"{_target(pin, rules)} does not accept it"
    asked = {digest.lower() for digest in pin.digests}
    given = {f"{name}:{value}" for name, value in decision.file.digests.items()}
    if not asked or not asked.isdisjoint(given):
        return ""
    algorithms = {digest.partition(":")[0] for digest in asked}
    if algorithms.isdisjoint(decision.file.digests):
        return f"the index tells no digest by {' or '.join(sorted(algorithms))}, and one is asked for"
    return "its digest is none of those that are asked for"


def unmet(
    decisions: Iterable[Decision], pins: Iterable[PinnedRelease], rules: Rules
) -> list[tuple[PinnedRelease, str]]:
    """The pins for which no file is wanted, each with the reason.

    :param decisions: those of :func:`select` on a project's page
    :param pins: the project's
    :param rules: those of the decisions
    """
    by_version: dict[str, list[Decision]] = {}
    for each in decisions:
        if each.distribution:
            by_version.setdefault(each.version, []).append(each)
    releases = {text: release_of(text) for text in by_version}
    missing = []
    for pin in pins:
        release = release_of(pin.version)
        its_files = [
            each for text, files in by_version.items() if releases[text] == release for each in files
        ]
        if not any(each.wanted and not _objection(pin, each, rules) for each in its_files):
            missing.append((pin, _why_none(pin, its_files, rules)))
    return missing


def _why_none(pin: PinnedRelease, files: Sequence[Decision], rules: Rules) -> str:
    if not files:
        return f"the index lists no file of {pin.version}"
    its_own = [each for each in files if not rules.targets or each.targets >> pin.target & 1]
    if not its_own:
        return _accepts_none(pin, files, rules.targets[pin.target])
    reasons = [f"{each.file.filename}: {_objection(pin, each, rules) or each.reason}" for each in its_own]
    more = f"; and {len(reasons) - _TOLD} more files" if len(reasons) > _TOLD else ""
    told = "; ".join(reasons[:_TOLD])
    return f"no file of {pin.version} will do for {_target(pin, rules)}: {told}{more}"


def _accepts_none(pin: PinnedRelease, files: Sequence[Decision], target: Target) -> str:
    pythons = dict.fromkeys(
        str(each.file.requires_python)
        for each in files
        if not target.accepts_python(each.file.requires_python)
    )
    needs = f"; Python {' or '.join(pythons)} is needed" if pythons else ""
    return f"{target} accepts no file of {pin.version}{needs}"
