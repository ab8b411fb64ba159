"""The explanation of a project or a file, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from minimirror.common import counted, format_size, printable
from minimirror.selection import RULES, Decision, Release, counted_release, release_of
from minimirror.simple_api import ACTIVE
from minimirror.sync import Explanation, Need

__all__ = ["as_dict", "as_lines"]

EXPLANATION_VERSION = 1

_MOST = 40
"""Above this many files, those that a rule refuses are counted instead of listed."""

_STATES = {
    "mirrored": "here",
    "missing": "missing from the folder",
    "truncated": "here with another size",
    "altered": "here, but altered",
    "local": "here as a local file",
}
"""Whether a file is in the folder, for people."""

_INTACT = {"mirrored", "local"}

_NOT_FOR_NEEDED = {"yanked", "min_releases", "prereleases", "vulnerable", "releases", "max_project_size"}
"""The rules that do not apply to a release that a target requires."""


def as_lines(found: Explanation, *, whole: bool = False) -> Iterator[str]:
    """Yield the explanation for people.

    :param whole: list every file separately
    """
    yield from map(printable, _lines(found, whole=whole))


def as_dict(found: Explanation) -> dict[str, Any]:
    """Return what ``--json`` prints; docs/schemas/explain.schema.json describes each key."""
    return {
        "version": EXPLANATION_VERSION,
        "project": found.project,
        "index": found.index or None,
        "index_url": found.index_url,
        "wanted": found.refusal is None,
        "listed": found.listed,
        "status": found.status,
        "private": found.private,
        "needed": [
            {"target": need.target, "version": need.version, "chains": [list(chain) for chain in need.chains]}
            for need in found.needs
        ],
        "rules": found.rules,
        "offline": found.offline,
        "files": [
            {
                "filename": each.file.filename,
                "release": each.version,
                "size": each.file.size,
                "wanted": each.wanted,
                "rule": each.rule or None,
                "reason": each.reason,
                "here": found.here.get(each.file.filename),
            }
            for each in found.decisions
        ],
        "notes": found.notes,
        "problems": found.problems,
    }


def _lines(found: Explanation, *, whole: bool) -> Iterator[str]:
    if found.filename is None:
        wanted = sum(each.wanted for each in found.decisions)
        title = f"{found.project}{found.specifier}: {wanted:,} of {counted(len(found.decisions))} selected"
        yield f"{title}, {sum(each in _INTACT for each in found.here.values()):,} here"
    for decision in found.decisions if found.filename else ():
        yield from _answer_lines(found, decision)
    yield from _project_lines(found)
    if found.filename is None:
        yield from _page_lines(found, fold=len(found.decisions) > _MOST and not whole)
    yield from (f"note: {text}" for text in found.notes)
    yield from (f"problem: {text}" for text in found.problems)


# The project


def _project_lines(found: Explanation) -> Iterator[str]:
    if found.private:
        yield f"  local project: these files were not downloaded by minimirror: {', '.join(found.private)}"
    elif found.refusal is not None:
        rule, reason = found.refusal
        yield f"  {rule}: {reason}"
    if found.index:
        yield f"  from the index {found.index}, {found.index_url}"
    if found.status != ACTIVE:
        yield f"  status on the index: {found.status}"
    # Most targets require the same.
    ways: dict[tuple[str, tuple[tuple[str, ...], ...]], list[str]] = {}
    for need in _needs(found):
        ways.setdefault((need.version, need.chains), []).append(need.target)
    for (version, chains), targets in ways.items():
        yield f"  {version} is required"
        yield from (f"    by {' > '.join(chain)}" for chain in chains)
        yield from (f"    for {target}" for target in targets)
    if found.needs and found.listed and not found.refusal:
        yield "  its newest releases are selected, too"


def _needs(found: Explanation) -> list[Need]:
    """Return the needs; for one file, those of its release if there are any."""
    asked = {release_of(each.version) for each in found.decisions} if found.filename else ()
    return [need for need in found.needs if release_of(need.version) in asked] or found.needs


# The files of its page


def _page_lines(found: Explanation, *, fold: bool) -> Iterator[str]:
    """Yield the files of each release, the newest release first, with the rules that refuse files.

    :param fold: count what is refused instead of listing it
    """
    for wanted, group in groupby(
        _by_release(found.decisions), key=lambda item: any(each.wanted for each in item[1])
    ):
        releases = list(group)
        if fold and not wanted and len(releases) > 1:
            files = [file for _, files in releases for file in files]
            titles = f"{releases[0][0]} to {releases[-1][0]}"
            releases = [(f"{titles}: {counted(len(releases), 'release')}, {counted(len(files))}", files)]
        for title, files in releases:
            yield title
            for each in files:
                if each.wanted or not fold:
                    yield from _file_lines(each, found.here)
            if fold:
                yield from _refused_lines(files, found.here)
    if fold:
        yield "`--all` lists every file; `minimirror explain FILENAME` shows every rule."


def _by_release(decisions: Iterable[Decision]) -> list[tuple[str, list[Decision]]]:
    """Return the releases with their files, the newest first, and last the files with unreadable names."""
    found: dict[Release, list[Decision]] = {}
    unread = []
    for each in decisions:
        if each.distribution:
            found.setdefault(counted_release(each.version), []).append(each)
        else:
            unread.append(each)
    newest_first = sorted(found, reverse=True)
    releases = [(_title(found[release]), found[release]) for release in newest_first]
    return [*releases, ("unknown release", unread)] if unread else releases


def _title(files: Sequence[Decision]) -> str:
    """Return the version of a release: its shortest spelling, without a local version if there is one."""
    return min((each.version for each in files), key=lambda text: ("+" in text, len(text)))


def _refused_lines(files: Iterable[Decision], here: Mapping[str, str]) -> Iterator[str]:
    """Yield how many files each rule refuses, in the order of the rules."""
    refused: dict[str, list[Decision]] = {}
    for each in files:
        if not each.wanted:
            refused.setdefault(each.rule, []).append(each)
    order = {rule: number for number, rule in enumerate(RULES)}
    for rule, those in sorted(refused.items(), key=lambda item: order.get(item[0], -1)):
        if len(those) == 1:
            yield from _file_lines(those[0], here)
        else:
            held = sum(each.file.filename in here for each in those)
            yield f"  skipped   {len(those):,} files: {_shown(rule)}{f', {held:,} here' * bool(held)}"


def _file_lines(each: Decision, here: Mapping[str, str]) -> Iterator[str]:
    verdict = "selected" if each.wanted else "skipped"
    yield f"  {verdict:<8}  {_title_of(each, here)}"
    if not each.wanted:
        rule = _shown(each.rule)
        yield f"            {rule}: {each.reason.removeprefix(f'{rule}: ')}"
    elif each.reason != "wanted":
        yield f"            {each.reason}"


def _title_of(each: Decision, here: Mapping[str, str]) -> str:
    """Return the filename, and whether the file is in the folder."""
    state = _STATES.get(here.get(each.file.filename, ""), "not here yet" if each.wanted else "")
    return f"{each.file.filename}, {state}" if state else each.file.filename


def _shown(rule: str) -> str:
    """Return a rule's name for people; ``private`` is only a value of ``--json``."""
    return "local project" if rule == "private" else rule


# One file


def _answer_lines(found: Explanation, decision: Decision) -> Iterator[str]:
    """Yield what each rule in effect says about a file, in the order in which the rules are applied."""
    size = "" if decision.file.size is None else f", {format_size(decision.file.size)}"
    state = _STATES.get(found.here.get(decision.file.filename, ""), "not here")
    verdict = "selected" if decision.wanted else "skipped"
    yield f"{decision.file.filename}{size}: {verdict}, {state}"
    for rule in found.rules:
        if decision.rule in {rule, "private", "unlisted"}:
            break
        if rule in {"projects", "requirements"} and decision.needed:
            yield _answer("yes", rule, decision.reason)
        elif not (rule in _NOT_FOR_NEEDED and decision.needed):
            yield _answer("yes", rule, RULES.get(rule, RULES["projects"]))
    if not decision.wanted:
        yield _answer("no", _shown(decision.rule), decision.reason)
    elif decision.reason != "wanted" and not decision.needed:
        yield f"  {decision.reason}"


def _answer(word: str, rule: str, text: str) -> str:
    return f"  {word:<3}  {rule:<16}  {text}"
