"""What is chosen of a project's page: the selection, and what the index has to be asked for its sake."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from minimirror.index import Index, Page
from minimirror.index.advisories import KEPT, vulnerabilities
from minimirror.selection import Decision, Rules, select, unmet
from minimirror.wants import Wants

__all__ = ["Choice", "choose"]


@dataclass(slots=True)
class Choice:
    """What is chosen of a page, and what else its user should know."""

    decisions: list[Decision]
    """One a file, in the page's order."""

    due: float | None = None
    """When the same page may be decided on otherwise, in seconds since the epoch."""

    untimed: int = 0
    """Files that are refused since the index does not tell when they were uploaded."""

    unmet: list[str] = field(default_factory=list)
    """Releases that are needed, and of which there is no file, in words."""

    notes: list[str] = field(default_factory=list)
    """What is no failure, in words."""


def choose(index: Index, rules: Rules, project: str, page: Page, wants: Wants) -> Choice:
    """Decide on each file of a project's page.

    :param project: the project's normalized name
    :raises AdvisoryError: vulnerable releases are not wanted, and the index does not tell them
    :raises FetchError: or cannot be asked
    """
    now = time.time()
    vulnerable: dict[str, str] = {}
    asked: set[str] = set()
    while True:
        decisions = select(
            page.files, project, rules, wants, now=now, status=page.status, vulnerable=vulnerable
        )
        new = {each.version for each in decisions if each.wanted} - asked
        if rules.vulnerable or not new:
            break
        # Those that take the place of the refused ones come with the next turn.
        asked |= new
        found = {version: vulnerabilities(index, project, version) for version in sorted(new)}
        vulnerable |= {version: known for version, known in found.items() if known}
    dues = [each.until for each in decisions if each.until is not None] + [now + KEPT] * bool(asked)
    return Choice(
        decisions,
        due=min(dues, default=None),
        untimed=sum(_is_untimed(each) for each in decisions),
        unmet=[reason for _, reason in unmet(decisions, wants.pins, rules)],
        notes=_needed_though_vulnerable(decisions, vulnerable),
    )


def _is_untimed(decision: Decision) -> bool:
    return decision.rule in {"min_age", "uploaded_before"} and decision.file.upload_time is None


def _needed_though_vulnerable(decisions: list[Decision], vulnerable: dict[str, str]) -> list[str]:
    wanted = {each.version for each in decisions if each.wanted} & vulnerable.keys()
    return [
        f"{version} is needed by name, and has known vulnerabilities: {vulnerable[version]}"
        for version in sorted(wanted)
    ]
