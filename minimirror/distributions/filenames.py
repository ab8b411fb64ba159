"""The filename of a distribution, parsed into project, version, package type and tags.

The formats, in the order in which they are tried:

- wheels (PEP 427, PEP 491), with compressed tag sets (PEP 425);
- source distributions (PEP 625), with the older spellings that indexes still have;
- the output of setuptools' other ``bdist_*`` commands: pypi-simple knows them all.

A filename comes from the network. It must be one path component, made only of the characters that
distribution filenames have, so that it can safely be joined to a folder.
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
"""Bytes: the longest name on common file systems, without the suffix of its metadata file (PEP 658)."""

MAX_TAGS = 1000
"""Combinations of tags that a wheel's name may stand for. Few have more than 20; there is room for 60,000."""

_SAFE_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*")
_ARCHIVES = re.compile(r"\.(?:tar(?:\.(?:gz|bz2|xz|lzma|lz|Z))?|tgz|tbz|tbz2|txz|tlz|zip)$")
_PLATFORM_SUFFIX = re.compile(
    r"\.(?P<platform>(?:aix|cygwin|darwin|freebsd|linux|macosx|solaris|sunos|win)[A-Za-z0-9._-]*)$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"-v?[0-9]")
"""Matches a project's name whose end may look like part of a version."""
_PYTHON_SUFFIX = re.compile(r"-py(\d+\.\d+)")
_LEGACY_TYPES = {
    "egg": "bdist_egg",
    "exe": "bdist_wininst",
    "msi": "bdist_msi",
    "rpm": "bdist_rpm",
    "dmg": "bdist_dmg",
}


class FilenameError(MinimirrorError):
    """The filename is not that of a distribution of the project."""

    def __init__(self, filename: str, reason: str, *, suspect: bool = False, foreign: bool = False) -> None:
        super().__init__(f"{filename!r}: {reason}")
        self.filename = filename
        self.reason = reason
        self.suspect = suspect or foreign
        """Whether no valid page lists it: it is unsafe to write, or another project's. Otherwise its type is
        unknown, as that of a signature, and not worth a message."""
        self.foreign = foreign
        """Whether it is another project's."""


class Distribution(NamedTuple):
    """What the filename of a distribution says."""

    filename: str
    """One path component."""

    project: str
    """The project's normalized name (PEP 503)."""

    version: str
    """As in the filename."""

    package_type: str
    """One of :data:`minimirror.distributions.PackageType`."""

    python_tag: str
    """``py2.py3`` or ``cp312`` for a wheel, ``source`` for an sdist, ``2.7`` or ``any`` for older formats."""

    abi_tag: str
    """``none``, ``abi3``, ``cp312``, …; empty except for wheels."""

    platforms: tuple[str, ...]
    """The platform tags, ``any`` for pure Python; empty if the name has none, as for sdists."""

    @property
    def extension(self) -> str:
        """The last extension, in lower case, without its dot: ``gz`` for a ``.tar.gz``."""
        return self.filename.rpartition(".")[2].lower()

    def release(self) -> Version | None:
        """Return the version as PEP 440 reads it, None if it is invalid."""
        return _version(self.version)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def read_filename(filename: str, project: str) -> Distribution:
    """Parse a filename from a project's page.

    :param project: the project's normalized name
    :raises FilenameError: it is unsafe to write, is not that of a distribution, or is another project's
    """
    found = _read(filename, project)
    # With a single hyphen, the name can be read in one way only.
    if found.package_type != "bdist_wheel" and filename.count("-") > 1 and _NUMBERED.search(project):
        first = next(iter(projects_named(filename)), project)
        if first != project:
            # foo-2-1.tar.gz is release 1 of project foo-2, but for installers also release 2.post1 of foo.
            raise FilenameError(filename, f"installers take it for a file of project {first}", foreign=True)
    return found


def _read(filename: str, project: str) -> Distribution:
    """Parse a filename for one project, even if it could also be another project's."""
    if len(filename) > MAX_FILENAME:
        raise FilenameError(filename, f"the name is longer than {MAX_FILENAME} bytes", suspect=True)
    if not _SAFE_FILENAME.fullmatch(filename):
        raise FilenameError(filename, "not a distribution filename", suspect=True)
    if filename.endswith(".whl"):
        found = _read_wheel(filename)
    elif archive := _ARCHIVES.search(filename):
        found = _read_archive(filename, filename[: archive.start()], project)
    else:
        found = _read_legacy(filename, project)
    if found.project != project:
        raise FilenameError(filename, f"belongs to project {found.project}, not to {project}", foreign=True)
    if "-" in found.version and found.release() is None:
        # Every installer takes foo-2-1.0.tar.gz for a file of foo-2, not of foo.
        reason = f"{found.version!r} is not a version; the file may belong to another project"
        raise FilenameError(filename, reason, foreign=_ends_in_version(found.version))
    return found


def _ends_in_version(text: str) -> bool:
    """Return whether a version follows a hyphen, so that the project's name may extend to there."""
    return any(_version(text[hyphen.end() :]) for hyphen in re.finditer("-", text))


def projects_named(filename: str) -> list[str]:
    """Return the projects, by normalized name, that a filename of unknown origin may belong to.

    That is mostly one project, and none if it is not the filename of a distribution. For names such as
    ``foo-1.0-1.tar.gz`` there are several, if the rest is a version for each.
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
        raise FilenameError(filename, "a wheel's name must have five or six parts between hyphens (PEP 427)")
    if len(parts) == 6 and not parts[2][0].isdigit():  # noqa: PLR2004
        raise FilenameError(filename, "a wheel's build tag must begin with a digit (PEP 427)")
    python_tag, abi_tag, platform_tag = parts[-3:]
    if (python_tag.count(".") + 1) * (abi_tag.count(".") + 1) * (platform_tag.count(".") + 1) > MAX_TAGS:
        reason = f"it stands for more than {MAX_TAGS} combinations of tags"
        raise FilenameError(filename, reason, suspect=True)
    return Distribution(
        filename=filename,
        project=canonicalize_name(parts[0]),
        # Older versions of setuptools wrote "_" for a "-" in the version.
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
        raise FilenameError(filename, f"not a file of project {project}", foreign=True)
    if dumb:
        platforms = (_platform_tag(dumb["platform"]),)
        return Distribution(filename, project, version, "bdist_dumb", "any", "", platforms)
    return Distribution(filename, project, version, "sdist", "source", "", ())


def _version_after(stem: str, project: str) -> str:
    """Return what follows the project's name and a hyphen; empty if the stem begins with another name.

    The name may have hyphens, and other separators and case than the normalized one. So each hyphen is tried,
    and the version is the longest rest after the project's name.
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
        raise FilenameError(filename, f"unknown file type {extension!r}")
    if package_type == "bdist_dmg":
        name = project
        version = _PLATFORM_SUFFIX.sub("", _version_after(stem, project)).partition("-")[0]
    else:
        name, version = _parse_legacy(filename, project)
    if not version:
        raise FilenameError(filename, f"not a file of project {project}", foreign=True)
    # A project's name may look like the tags that follow its version.
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
    # Importing it takes 150 ms, and such files are rare today.
    from pypi_simple import UnparsableFilenameError, parse_filename  # noqa: PLC0415

    try:
        name, version, _ = parse_filename(filename, project)
    except UnparsableFilenameError:
        raise FilenameError(filename, f"not a file of project {project}", foreign=True) from None
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
    """Return the tag of a distutils platform: ``win_amd64`` for ``win-amd64`` (PEP 425)."""
    return re.sub(r"[-.]", "_", platform.lower())
