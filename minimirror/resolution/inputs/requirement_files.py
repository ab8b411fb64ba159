"""What a requirement file says that a mirror has to know, besides what the resolver reads of it itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from minimirror.common import printable, quoted
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.inputs import Input
from minimirror.resolution.inputs.lines import Line
from minimirror.resolution.inputs.walk import Place, walk

__all__ = ["Requirements", "read_requirements"]

_URL = re.compile(r"(?:https?|ftp|file|ssh|(?:git|hg|svn|bzr)(?:\+[a-z]+)?):", re.IGNORECASE)
_VCS = re.compile(r"(?:ssh|git|hg|svn|bzr)[+:]", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$", re.IGNORECASE)
_EXTRAS = re.compile(r"\[[^\[\]]*\]$")

_HEXADECIMAL_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""How long a digest is, of the algorithms that pip accepts behind ``--hash``."""

_PRERELEASES = "a pre-release is taken where a specifier names one, such as foo>=2.0rc1"
_NOT_FOLLOWED = {
    "index-url": "files come from the config's index_url",
    "extra-index-url": "files come from the config's index_url alone",
    "find-links": "files come from the config's index_url alone",
    "no-index": "files come from the config's index_url",
    "pre": _PRERELEASES,
    "all-releases": _PRERELEASES,
}
"""Options for pip's own download, and what holds instead."""


@dataclass(frozen=True)
class Requirements:
    """What a requirement file, and all that it includes, says."""

    files: tuple[Path, ...]
    """All files that were read, the first of them the one that was asked for."""

    requirements: tuple[str, ...]
    """What is required (PEP 508), one project and maybe a marker each."""

    constraints: tuple[str, ...]
    """What these have to meet besides, in the same form."""

    hashes: Mapping[str, frozenset[str]]
    """The digests, as ``sha256:…``, that a project's files may have, by its normalized name; only projects
    that have a ``--hash`` on some line are in it."""

    problems: tuple[str, ...]
    """Requirements that no index can answer, each with its place and the reason."""

    notes: tuple[str, ...]
    """Options that are not followed, each with its place."""


def read_requirements(given: Input) -> Requirements:
    """Read a requirement file and what it includes.

    :raises RequirementsError: a file cannot be read, or a line makes no sense; all mistakes are told at once
    """
    found = walk(given.path)
    reader = _Reader(found.mistakes)
    for place, line in found.lines:
        reader.take(place, line, reader.requirements)
    for place, line in found.constraints:
        reader.take(place, line, reader.constraints)
    if reader.mistakes:
        raise RequirementsError(*reader.mistakes)
    return Requirements(
        files=tuple(found.files),
        requirements=tuple(reader.requirements),
        constraints=tuple(reader.constraints),
        hashes={name: frozenset(digests) for name, digests in sorted(reader.hashes.items())},
        problems=tuple(reader.problems),
        notes=tuple(reader.notes),
    )


class _Reader:
    """Takes line after line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.hashes: dict[str, set[str]] = {}
        self.requirements: list[str] = []
        self.constraints: list[str] = []
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.mistakes = list(mistakes)

    def take(self, place: Place, line: Line, taken: list[str]) -> None:
        """Read one line; its requirement goes to the others of its kind."""
        self._note(place, line)
        if line.requirement:
            self._take_requirement(place, line, taken)
        else:
            for _ in line.options.get("editable", ())[:1]:
                self.problems.append(_problem(place, line, "an editable requirement"))

    def _take_requirement(self, place: Place, line: Line, taken: list[str]) -> None:
        kind = _kind_of_address(line.requirement)
        project = ""
        if kind is None:
            try:
                requirement = _requirement(line.requirement)
            except ValueError as error:
                cause = printable(str(error).splitlines()[0])
                self.mistakes.append(f"{place}: {quoted(line.text, 200)} is no requirement: {cause}")
                return
            kind = _kind_of_url(requirement.url) if requirement.url is not None else None
            project = canonicalize_name(requirement.name)
            taken += [str(requirement)] * (kind is None)
        if kind is not None:
            self.problems.append(_problem(place, line, kind))
            return
        for value in line.options.get("hash", ()):
            digest = _digest(value)
            if digest is None:
                self.mistakes.append(
                    f"{place}: {quoted(value, 150)} is no digest: write --hash=sha256:…, with 64 hexadecimal"
                    " digits (or sha384, sha512)"
                )
            else:
                self.hashes.setdefault(project, set()).add(digest)

    def _note(self, place: Place, line: Line) -> None:
        """Tell what has no effect, here or for pip."""
        if line.requirement:
            # pip applies no other options than those of the requirement there.
            ignored = sorted(line.options.keys() - {"hash", "global-option", "config-setting"})
            self.notes += [f"{place}: --{name} has no effect behind a requirement" for name in ignored]
        else:
            self.notes += [
                f"{place}: --{name} is not followed: {instead}"
                for name, instead in _NOT_FOLLOWED.items()
                if name in line.options
            ]
            if "hash" in line.options:
                self.notes.append(f"{place}: --hash has no effect without a requirement")
            one_a_line = ("requirement", "constraint", "editable")
            if sum(len(line.options.get(name, ())) for name in one_a_line) > 1:
                self.notes.append(f"{place}: only the first -r, -c or -e of a line is read, as pip does")
        if line.rest:
            rest = quoted(line.text, 100)
            self.notes.append(f"{place}: words behind the options are not read, by pip neither: {rest}")


def _problem(place: Place, line: Line, kind: str) -> str:
    return (
        f"{place}: {quoted(line.text, 200)} cannot be mirrored: it is {kind}, and the mirror holds what the"
        " index has"
    )


def _kind_of_address(text: str) -> str | None:
    """What kind of address stands where a project's name might; None if a name may stand there."""
    before = text.partition(";")[0].strip()
    if _URL.match(before):
        return _kind_of_url(before)
    before = _EXTRAS.sub("", before)
    if before.startswith((".", "/")):
        return "a local path"
    is_path = "/" in before or "\\" in before or _ARCHIVE.search(before)
    # PROJECT @ URL holds all of that too.
    return "a local path" if is_path and "@" not in before else None


def _kind_of_url(url: str) -> str:
    if _VCS.match(url):
        return "in version control"
    return "a local path" if url.lower().startswith("file:") else "a URL"


def _requirement(text: str) -> Requirement:
    """Read a requirement with its marker, which may be empty, as pip reads it.

    :raises ValueError: it is none
    """
    # A URL may hold a semicolon, so that only one after a space ends it (PEP 508).
    before, _, marker = text.partition(" ;" if "@" in text.partition(";")[0] else ";")
    try:
        requirement = Requirement(before.strip())
        requirement.marker = Marker(marker.strip()) if marker.strip() else None
    except (InvalidRequirement, InvalidMarker) as error:
        raise ValueError(str(error) or "it cannot be parsed") from None
    return requirement


def _digest(value: str) -> str | None:
    algorithm, _, digest = value.lower().partition(":")
    length = _HEXADECIMAL_DIGITS.get(algorithm)
    if length is None or not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        return None
    return f"{algorithm}:{digest}"
