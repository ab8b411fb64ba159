"""An explanation, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minimirror.explain.explanation import Explanation
from minimirror.selection import RULES, Decision
from minimirror.text import printable, size

__all__ = ["as_dict", "as_lines"]

EXPLANATION_VERSION = 1


def as_lines(found: Explanation) -> Iterator[str]:
    """The explanation for a person."""
    yield from _project_lines(found)
    if found.filename is None:
        yield from _file_lines(found.decisions)
    else:
        for decision in found.decisions:
            yield from _rule_lines(decision, needed=bool(found.needs))
    yield from (f"note: {printable(note)}" for note in found.notes)
    yield from (f"problem: {printable(problem)}" for problem in found.problems)


def as_dict(found: Explanation) -> dict[str, Any]:
    """The explanation as ``--json`` prints it; the README documents each key."""
    return {
        "version": EXPLANATION_VERSION,
        "project": found.project,
        "wanted": found.refusal is None,
        "listed": found.listed,
        "status": found.status,
        "needed": [
            {"target": need.target, "version": need.version, "chains": [list(chain) for chain in need.chains]}
            for need in found.needs
        ],
        "files": [
            {
                "filename": each.file.filename,
                "release": each.version,
                "size": each.file.size,
                "wanted": each.wanted,
                "rule": each.rule or None,
                "reason": each.reason,
            }
            for each in found.decisions
        ],
        "rules": list(RULES),
        "notes": found.notes,
        "problems": found.problems,
    }


def _project_lines(found: Explanation) -> Iterator[str]:
    wanted = sum(each.wanted for each in found.decisions)
    if found.refusal is not None:
        yield f"{found.project}: not wanted: {found.refusal[1]} (`{found.refusal[0]}`)"
    elif found.filename is None:
        yield f"{found.project}: {wanted:,} of {len(found.decisions):,} files wanted"
    if found.listed and found.refusal is None:
        yield "  its newest releases are wanted: `projects` lists it, or `closure` follows it"
    if found.status != "active":
        yield f"  the index calls it {printable(found.status)}"
    for need in found.needs:
        yield f"  {need.version} is needed for {need.target}"
        yield from (f"    by {printable(' > '.join(chain))}" for chain in need.chains)


def _file_lines(decisions: list[Decision]) -> Iterator[str]:
    """A line a file, those of a release together, in the index's order from the last."""
    yield "files, the last of the index first; each with the rule that refuses it:"
    for each in reversed(decisions):
        mark = "wanted" if each.wanted else "-"
        told = (
            "" if each.wanted else f"  {each.rule}: {printable(each.reason.removeprefix(f'{each.rule}: '))}"
        )
        yield f"  {mark:<6}  {printable(each.file.filename)}{told}"


def _rule_lines(decision: Decision, *, needed: bool) -> Iterator[str]:
    """What each rule says of one file, in the order in which the rules are applied."""
    of = "" if decision.file.size is None else f", {size(decision.file.size)}"
    yield f"{printable(decision.file.filename)}{of}: {'wanted' if decision.wanted else 'not wanted'}"
    if decision.wanted and needed:
        yield "  a target needs its release: of the rules below, those of releases did not matter"
    for rule in RULES:
        if rule == decision.rule:
            yield f"  no   {rule:<16}  {printable(decision.reason)}"
            yield "       the rules after it were not asked"
            return
        yield f"  yes  {rule:<16}  {RULES[rule]}"
