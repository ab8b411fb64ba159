"""The requirements of a requirement file, for the resolver, and what a mirror cannot follow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from minimirror.common import printable, quoted
from minimirror.resolution.inputs.entries import Input
from minimirror.resolution.inputs.files import RequirementsError
from minimirror.resolution.inputs.requirement_lines import RequirementLine, read_lines

__all__ = ["Requirements", "read_requirements"]

_URL = re.compile(r"(?:https?|ftp|file|ssh|(?:git|hg|svn|bzr)(?:\+[a-z]+)?):", re.IGNORECASE)
_VCS = re.compile(r"(?:ssh|git|hg|svn|bzr)[+:]", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$", re.IGNORECASE)
_EXTRAS = re.compile(r"\[[^\[\]]*\]$")

_HEXADECIMAL_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The length of the digests that pip accepts after ``--hash``."""

_PRERELEASES = "pre-releases are used only where a specifier names one, such as foo>=2.0rc1"
_IGNORED_OPTIONS = {
    "index-url": "set `index_url` in the config",
    "extra-index-url": "add it to `indexes` in the config",
    "find-links": 'add it to `indexes` in the config, with `"kind": "find-links"`',
    "no-index": "files come from the config's `index_url` and `indexes`",
    "pre": _PRERELEASES,
    "all-releases": _PRERELEASES,
}
"""Options for pip's own download, and what applies instead."""


@dataclass
class Requirements:
    """The requirements of a file and of all files that it includes."""

    requirements: list[str] = field(default_factory=list)
    """PEP 508 requirements, each of a project by its name."""

    constraints: list[str] = field(default_factory=list)
    """PEP 508 requirements that limit which releases may be chosen."""

    hashes: dict[str, set[str]] = field(default_factory=dict)
    """Pinned hashes, such as ``sha256:…``, by normalized project; only of projects that have any."""

    problems: list[str] = field(default_factory=list)
    """Requirements that do not come from an index, each with its place and the reason."""

    notes: list[str] = field(default_factory=list)
    """Ignored options, each with its place."""


def read_requirements(given: Input) -> Requirements:
    """Read a requirement file and the files that it includes.

    :raises RequirementsError: a file cannot be read or a line is invalid; it lists all such problems
    """
    read = read_lines(given.path)
    found = Requirements()
    errors = read.problems
    for lines, taken in ((read.lines, found.requirements), (read.constraints, found.constraints)):
        for line in lines:
            found.notes += _notes(line)
            if line.requirement:
                try:
                    _take_requirement(line, found, taken)
                except ValueError as error:
                    errors.append(f"{line.place}: {error}")
            elif "editable" in line.options:
                found.problems.append(_problem(line, "an editable requirement"))
    if errors:
        raise RequirementsError(*errors)
    return found


def _take_requirement(line: RequirementLine, found: Requirements, taken: list[str]) -> None:
    """Add the requirement of a line and its hashes.

    :raises ValueError: the requirement or a hash is invalid
    """
    kind, requirement = _kind_of_address(line.requirement), None
    if kind is None:
        try:
            requirement = _parse_requirement(line.requirement)
        except (InvalidRequirement, InvalidMarker) as error:
            cause = printable((str(error) or "could not parse it").splitlines()[0])
            raise ValueError(f"invalid requirement {quoted(line.text, 200)}: {cause}") from None
        if requirement.url is not None:
            kind = _kind_of_url(requirement.url)
    if kind is not None or requirement is None:
        found.problems.append(_problem(line, kind or ""))
        return
    taken.append(str(requirement))
    if values := line.options.get("hash"):
        hashes = found.hashes.setdefault(canonicalize_name(requirement.name), set())
        hashes.update(map(_digest, values))


def _notes(line: RequirementLine) -> list[str]:
    """Name the options and words that have no effect, here or in pip."""
    if line.requirement:
        # pip applies no other options to a requirement.
        ignored = sorted(line.options.keys() - {"hash", "global-option", "config-setting"})
        notes = [f"--{name} has no effect after a requirement" for name in ignored]
    else:
        notes = [
            f"--{name} is ignored: {instead}"
            for name, instead in _IGNORED_OPTIONS.items()
            if name in line.options
        ]
        if "hash" in line.options:
            notes.append("--hash has no effect without a requirement")
        if sum(len(line.options.get(name, ())) for name in ("requirement", "constraint", "editable")) > 1:
            notes.append("only the first -r, -c or -e of a line is used, as in pip")
    if line.rest:
        notes.append(f"text after the options is ignored, as in pip: {quoted(line.text, 100)}")
    return [f"{line.place}: {note}" for note in notes]


def _problem(line: RequirementLine, kind: str) -> str:
    return f"{line.place}: cannot mirror {quoted(line.text, 200)}: it is {kind}, not a project of the index"


def _kind_of_address(text: str) -> str | None:
    """Return the kind of address in place of a project's name; None if it may be a name."""
    before = text.partition(";")[0].strip()
    if _URL.match(before):
        return _kind_of_url(before)
    before = _EXTRAS.sub("", before)
    if before.startswith((".", "/")):
        return "a local path"
    is_path = "/" in before or "\\" in before or _ARCHIVE.search(before)
    # PROJECT @ URL contains all of these too.
    return "a local path" if is_path and "@" not in before else None


def _kind_of_url(url: str) -> str:
    if _VCS.match(url):
        return "a version control URL"
    return "a local path" if url.lower().startswith("file:") else "a URL"


def _parse_requirement(text: str) -> Requirement:
    """Parse a requirement as pip does; its marker may be empty."""
    # A URL may contain a semicolon, so only one after a space ends it (PEP 508).
    before, _, marker = text.partition(" ;" if "@" in text.partition(";")[0] else ";")
    requirement = Requirement(before.strip())
    requirement.marker = Marker(marker.strip()) if marker.strip() else None
    return requirement


def _digest(value: str) -> str:
    algorithm, _, digest = value.lower().partition(":")
    length = _HEXADECIMAL_DIGITS.get(algorithm)
    if length is None or not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        raise ValueError(
            f"invalid hash {quoted(value, 150)}; write --hash=sha256:… with 64 hexadecimal digits"
            " (or sha384, sha512)"
        )
    return f"{algorithm}:{digest}"
