"""One file of a release: its filename read into project, version, package type and tags.

The grammars, in the order in which they are tried:

- wheels: the binary distribution format (PEP 427, PEP 491), compressed tag sets (PEP 425);
- source distributions: PEP 625, and the older spellings that indexes still hold;
- what setuptools' other ``bdist_*`` commands made: left to pypi-simple, which knows them all.

A filename comes from the network. It is read only as one path component made of the characters that
distribution filenames have, so that it can be joined to a folder without harm.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from minimirror.common import MinimirrorError

__all__ = ["Distribution", "FilenameError", "projects_named", "read_filename"]

MAX_FILENAME = 255 - len(".metadata")
"""Bytes: the longest name that file systems hold, less the longest suffix of a file beside it (PEP 658)."""

_SAFE_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*")
_ARCHIVES = re.compile(r"\.(?:tar(?:\.(?:gz|bz2|xz|lzma|lz|Z))?|tgz|tbz|tbz2|txz|tlz|zip)$")
_PLATFORM_SUFFIX = re.compile(
    r"\.(?P<platform>(?:aix|cygwin|darwin|freebsd|linux|macosx|solaris|sunos|win)[A-Za-z0-9._-]*)$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"-v?[0-9]")
"""What a project's name has if the end of it, and what follows, may be read as a version."""
_PYTHON_SUFFIX = re.compile(r"-py(\d+\.\d+)")
_LEGACY_TYPES = {
    "egg": "bdist_egg",
    "exe": "bdist_wininst",
    "msi": "bdist_msi",
    "rpm": "bdist_rpm",
    "dmg": "bdist_dmg",
}


class FilenameError(MinimirrorError):
    """The filename does not name a distribution file of the project."""

    def __init__(self, filename: str, reason: str, *, suspect: bool = False) -> None:
        super().__init__(f"{filename!r}: {reason}")
        self.filename = filename
        self.reason = reason
        self.suspect = suspect
        """Whether no sound page lists it: it is unsafe to write, or another project's. Otherwise it is of a
        type that is not known, as a signature is, and nobody needs to hear of it."""


class Distribution(NamedTuple):
    """What a distribution file's name says of it."""

    filename: str
    """The name itself: one path component."""

    project: str
    """The project's normalized name (PEP 503)."""

    version: str
    """The version, as the filename spells it."""

    package_type: str
    """One of :data:`minimirror.distributions.package_types.PACKAGE_TYPES`."""

    python_tag: str
    """``py2.py3`` or ``cp312`` for a wheel, ``source`` for an sdist, ``2.7`` or ``any`` for older formats."""

    abi_tag: str
    """``none``, ``abi3``, ``cp312``, …; empty for all but wheels."""

    platforms: tuple[str, ...]
    """The platform tags, ``any`` for a pure one; empty for files that name none, as sdists do."""

    @property
    def extension(self) -> str:
        """The last extension, in lower case, without its dot: ``gz`` for a ``.tar.gz``."""
        return self.filename.rpartition(".")[2].lower()

    def release(self) -> Version | None:
        """The version as PEP 440 reads it, None where it is none."""
        return _version(self.version)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def read_filename(filename: str, project: str) -> Distribution:
    """Read the name of a file that is listed on the page of a project.

    :param filename: the name, as the page gives it
    :param project: the project's normalized name
    :raises FilenameError: the name is not safe to write, names no distribution, or one of another project
    """
    found = _read(filename, project)
    if found.package_type != "bdist_wheel" and _NUMBERED.search(project):
        first = next(iter(projects_named(filename)), project)
        if first != project:
            # foo-2-1.tar.gz is the release 1 of project foo-2, and for installers the 2.post1 of foo as well.
            raise FilenameError(filename, f"it would be taken for a file of project {first}", suspect=True)
    return found


def _read(filename: str, project: str) -> Distribution:
    """Read a name as that of a project's file, whatever other project's it may be too."""
    if len(filename) > MAX_FILENAME:
        raise FilenameError(filename, f"the name is longer than {MAX_FILENAME} bytes", suspect=True)
    if not _SAFE_FILENAME.fullmatch(filename):
        raise FilenameError(filename, "not a filename of a distribution", suspect=True)
    if filename.endswith(".whl"):
        found = _read_wheel(filename)
    elif archive := _ARCHIVES.search(filename):
        found = _read_archive(filename, filename[: archive.start()], project)
    else:
        found = _read_legacy(filename, project)
    if found.project != project:
        raise FilenameError(filename, f"a file of project {found.project}, not of {project}", suspect=True)
    if "-" in found.version and found.release() is None:
        # foo-2-1.0.tar.gz would be the file of project foo that every installer takes for one of foo-2.
        reason = f"{found.version!r} is no version: maybe a file of another project"
        raise FilenameError(filename, reason, suspect=_ends_in_version(found.version))
    return found


def _ends_in_version(text: str) -> bool:
    """Whether a version follows one of its hyphens, so that the project's name may go on up to there."""
    return any(_version(text[hyphen.end() :]) for hyphen in re.finditer("-", text))


def projects_named(filename: str) -> list[str]:
    """The projects, by normalized name, that a filename of unknown origin may belong to.

    Mostly one; none where the name is no distribution's; of ``foo-2-1.0.tar.gz`` and its like more than one,
    if the rest is a version for each.
    """
    found: dict[str, bool] = {}
    for hyphen in re.finditer("-", filename[:MAX_FILENAME]):
        project = canonicalize_name(filename[: hyphen.start()])
        with suppress(FilenameError):
            found[project] = _read(filename, project).release() is not None
    return [project for project, is_version in found.items() if is_version] or list(found)[:1]


def _read_wheel(filename: str) -> Distribution:
    parts = filename[: -len(".whl")].split("-")
    if len(parts) not in {5, 6} or not all(parts):
        raise FilenameError(filename, "a wheel's name has five or six parts between hyphens (PEP 427)")
    if len(parts) == 6 and not parts[2][0].isdigit():  # noqa: PLR2004
        raise FilenameError(filename, "a wheel's build tag begins with a digit (PEP 427)")
    python_tag, abi_tag, platform_tag = parts[-3:]
    return Distribution(
        filename=filename,
        project=canonicalize_name(parts[0]),
        # An escaped "-" of the version, as older setuptools wrote it, stands as "_".
        version=parts[1].replace("_", "-"),
        package_type="bdist_wheel",
        python_tag=python_tag,
        abi_tag=abi_tag,
        platforms=tuple(platform_tag.split(".")),
    )


def _read_archive(filename: str, stem: str, project: str) -> Distribution:
    rest = _version_after(stem, project)
    dumb = _PLATFORM_SUFFIX.search(rest)
    version = rest[: dumb.start()] if dumb else rest
    if not version:
        raise FilenameError(filename, f"not a file of project {project}", suspect=True)
    if dumb:
        platforms = (_platform_tag(dumb["platform"]),)
        return Distribution(filename, project, version, "bdist_dumb", "any", "", platforms)
    return Distribution(filename, project, version, "sdist", "source", "", ())


def _version_after(stem: str, project: str) -> str:
    """What follows the project's name and a hyphen; empty where the stem does not begin with the name.

    The name may be spelled with other separators and case than the normalized one, and may hold hyphens, so
    each hyphen is tried; the version is the longest rest that leaves the project's name before it.
    """
    cut = stem.find("-")
    while cut > 0:
        if canonicalize_name(stem[:cut]) == project:
            return stem[cut + 1 :]
        cut = stem.find("-", cut + 1)
    return ""


def _read_legacy(filename: str, project: str) -> Distribution:
    stem, _, extension = filename.rpartition(".")
    package_type = _LEGACY_TYPES.get(extension.lower())
    if package_type is None:
        raise FilenameError(filename, f"no package type has the extension {extension!r}")
    if package_type == "bdist_dmg":
        name = project
        version = _PLATFORM_SUFFIX.sub("", _version_after(stem, project)).partition("-")[0]
    else:
        name, version = _parse_legacy(filename, project)
    if not version:
        raise FilenameError(filename, f"not a file of project {project}", suspect=True)
    # A project's name may look like the tags that stand behind its version.
    tags = stem[stem.find(f"-{version}", len(project)) + 1 + len(version) :]
    python = _PYTHON_SUFFIX.search(tags)
    return Distribution(
        filename=filename,
        project=canonicalize_name(name),
        version=version,
        package_type=package_type,
        python_tag=python[1] if python else "any",
        abi_tag="",
        platforms=_legacy_platforms(tags, package_type),
    )


def _parse_legacy(filename: str, project: str) -> tuple[str, str]:
    # Imported where it is needed: it costs 150 ms, and such files are rare on today's indexes.
    from pypi_simple import UnparsableFilenameError, parse_filename  # noqa: PLC0415

    try:
        name, version, _ = parse_filename(filename, project)
    except UnparsableFilenameError:
        raise FilenameError(filename, f"not a file of project {project}", suspect=True) from None
    return name, version


def _legacy_platforms(tags: str, package_type: str) -> tuple[str, ...]:
    if package_type == "bdist_egg":
        _, python, platform = tags.rpartition("-py")
        platform = platform.partition("-")[2] if python else ""
        return (_platform_tag(platform),) if platform else ("any",)
    if package_type in {"bdist_wininst", "bdist_msi"}:
        found = _PLATFORM_SUFFIX.search(_PYTHON_SUFFIX.sub("", tags))
        return (_platform_tag(found["platform"]),) if found else ()
    return ()


def _platform_tag(platform: str) -> str:
    """Spell a distutils platform as a tag: ``win-amd64`` is ``win_amd64`` (PEP 425)."""
    return re.sub(r"[-.]", "_", platform.lower())
