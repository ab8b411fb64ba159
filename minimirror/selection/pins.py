"""Releases that targets need, or clients: which of their files are wanted, and why none is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.specifiers import Specifier, SpecifierSet

from minimirror.common import KNOWN_ALGORITHMS, shorten
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.files import FileRules
from minimirror.selection.projects import ON_DEMAND, PinnedRelease, ProjectRequest
from minimirror.selection.releases import Release, counted_release, matches, release_of
from minimirror.selection.rules import Rules

if TYPE_CHECKING:
    from minimirror.distributions import Target

__all__ = ["accept_pinned", "decide_for_pins", "unmet"]

_SHOWN = 3
"""Files in a message."""


def accept_pinned(decisions: list[Decision], specifiers: Iterable[str], file_rules: FileRules) -> None:
    """Accept yanked files of the releases that ``projects`` pins with ``==`` or ``===`` (PEP 592)."""
    exact = [each for each in map(SpecifierSet, specifiers) if any(map(_is_exact, each))]
    for at, each in enumerate(decisions if exact else ()):
        pin = each.rule == "yanked" and next((pin for pin in exact if matches(each.version, pin)), None)
        if pin:
            again = file_rules.decide(each.file, yanked=True)
            decisions[at] = again._replace(reason=f"{each.reason}; {pin} pins it") if again.wanted else again


def _is_exact(specifier: Specifier) -> bool:
    return specifier.operator in {"==", "==="} and not specifier.version.endswith(".*")


def decide_for_pins(
    decisions: Sequence[Decision],
    request: ProjectRequest,
    rules: Rules,
    file_rules: FileRules,
    vulnerable: Mapping[str, str],
) -> dict[int, Decision]:
    """Decide again about the files of the releases that targets need; a yanked file is acceptable.

    A release that was only fetched on demand must have no known vulnerability, if the rules say so.

    :param decisions: what the rules of files decided
    :param vulnerable: known vulnerabilities of a release, by its version
    :returns: one decision per file, by its index in ``decisions``
    """
    needed: dict[Release, list[PinnedRelease]] = {}
    for pin in request.pins:
        needed.setdefault(release_of(pin.version), []).append(pin)
    if not needed:
        return {}
    unsound = {} if rules.vulnerable else {counted_release(text): ids for text, ids in vulnerable.items()}
    by_version = {text: needed.get(release_of(text)) for text in {each.version for each in decisions}}
    found = {}
    for at, each in enumerate(decisions):
        its_pins = by_version[each.version]
        if each.distribution and its_pins:
            again = file_rules.decide(each.file, yanked=True) if each.rule == "yanked" else each
            found[at] = _for_pins(again, its_pins, rules, request.rule) if again.wanted else again
            if all(pin.target == ON_DEMAND for pin in its_pins) and counted_release(each.version) in unsound:
                ids = unsound[counted_release(each.version)]
                found[at] = again.refused(Refusal("vulnerable", f"known vulnerabilities: {ids}"))
    return found


def _for_pins(decision: Decision, pins: Iterable[PinnedRelease], rules: Rules, rule: str) -> Decision:
    objections = [(pin, _objection(pin, decision, rules)) for pin in pins]
    met = [pin for pin, objection in objections if not objection]
    if met:
        targets = dict.fromkeys(_target(pin, rules) for pin in met if pin.target != ON_DEMAND)
        if not any(_is_proven(pin, decision) for pin in met):
            pinned = dict.fromkeys(digest.lower() for pin in met for digest in pin.digests)
            decision = decision._replace(file=decision.file._replace(pinned=tuple(pinned)))
        reason = f"needed for {', '.join(targets)}" if targets else "fetched on demand"
        return decision._replace(reason=reason, needed=True)
    reasons = "; ".join(dict.fromkeys(objection for _, objection in objections))
    return decision.refused(Refusal(rule, f"{decision.version} is needed, but {reasons}"))


def _target(pin: PinnedRelease, rules: Rules) -> str:
    return str(rules.targets[pin.target]) if rules.targets and pin.target != ON_DEMAND else "any target"


def _objection(pin: PinnedRelease, decision: Decision, rules: Rules) -> str:
    """Return why a file of the pinned release cannot satisfy the pin; empty if it can."""
    if not _is_accepted(pin, decision, rules):
        return f"{_target(pin, rules)} does not accept it"
    if _is_proven(pin, decision):
        return ""
    algorithms = {digest.partition(":")[0].lower() for digest in pin.digests}
    if not algorithms.isdisjoint(decision.file.digests):
        return "its digest is not one of those required"
    # The download is checked instead.
    return "" if algorithms & KNOWN_ALGORITHMS else f"{' or '.join(sorted(algorithms))} cannot be checked"


def _is_accepted(pin: PinnedRelease, decision: Decision, rules: Rules) -> bool:
    """Return whether the pin's target accepts a file."""
    return not rules.targets or pin.target == ON_DEMAND or bool(decision.targets >> pin.target & 1)


def _is_proven(pin: PinnedRelease, decision: Decision) -> bool:
    """Return whether the file has a pinned digest, according to its page, or needs none."""
    listed = {f"{name}:{value}" for name, value in decision.file.digests.items()}
    return not pin.digests or any(digest.lower() in listed for digest in pin.digests)


def unmet(
    decisions: Iterable[Decision], pins: Sequence[PinnedRelease], rules: Rules
) -> list[tuple[PinnedRelease, str]]:
    """Return the pins of targets for which no file is wanted, each with the reason.

    :param decisions: what :func:`select` returned for the project's page
    :param pins: the project's
    :param rules: the rules passed to :func:`select`
    """
    pins = [pin for pin in pins if pin.target != ON_DEMAND]
    if not pins:
        return []
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
    accepted = [each for each in files if _is_accepted(pin, each, rules)]
    if not accepted and pin.target != ON_DEMAND:
        return _accepts_none(pin, files, rules.targets[pin.target])
    reasons = [f"{each.file.filename}: {_objection(pin, each, rules) or each.reason}" for each in accepted]
    shown = "; ".join(shorten(reasons, _SHOWN))
    return f"{_target(pin, rules)} can use no file of {pin.version}: {shown}"


def _accepts_none(pin: PinnedRelease, files: Sequence[Decision], target: Target) -> str:
    pythons = dict.fromkeys(
        str(each.file.requires_python)
        for each in files
        if not target.accepts_python(each.file.requires_python)
    )
    requires = f"; it requires Python {' or '.join(pythons)}" if pythons else ""
    return f"{target} accepts no file of {pin.version}{requires}"
