"""pylock.toml (PEP 751): the packages that each target needs.

These are the packages that an install with the default dependency groups may need, with any extras: their
marker holds for the target with some choice of extras. Other groups are left out, as installers do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.markers import Marker
from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from minimirror.common import printable
from minimirror.distributions import Target
from minimirror.resolution.chains import shortest_chains
from minimirror.resolution.inputs.files import parse_toml
from minimirror.resolution.inputs.lock import LockedPackages, evaluate_marker, other_source
from minimirror.resolution.inputs.outside import file_at
from minimirror.simple_api import File

__all__ = ["load_pylock", "pin_from_pylock"]

_OF_EXTRAS = re.compile(r"""(?P<quote>['"])[^'"]*(?P=quote)\s+(?:not\s+)?in\s+extras\b""")
"""The part of a marker that depends on the extras of an install."""


def load_pylock(path: Path) -> Pylock:
    """Read a pylock.toml.

    :raises RequirementsError: the file cannot be read
    :raises ValueError: it does not follow PEP 751
    """
    document = parse_toml(path)
    try:
        return Pylock.from_dict(document)
    except PylockUnsupportedVersionError as error:
        cause = f"{error}; update minimirror, or create the lock with an older lock-version"
    except (PylockValidationError, ValueError, TypeError, AttributeError, RecursionError) as error:
        cause = f"not a valid lock (PEP 751): {error}; create the lock again"
    raise ValueError(printable(cause))


def pin_from_pylock(lock: Pylock, number: int, target: Target, found: LockedPackages) -> str | None:
    """Add the packages that a target needs; return the reason if the lock does not support it."""
    groups = frozenset(lock.default_groups or ())

    def holds(marker: Marker) -> bool:
        return evaluate_marker(marker, target, frozenset(), groups)

    if lock.requires_python is not None and not target.accepts_python(str(lock.requires_python)):
        return f"its requires-python is {lock.requires_python}"
    if lock.environments and not any(map(holds, lock.environments)):
        return "none of its environments matches"
    packages = [
        package
        for package in lock.packages
        if package.marker is None or holds(_with_any_extras(package.marker))
    ]
    for package in packages:
        if package.requires_python is not None and not target.accepts_python(str(package.requires_python)):
            return f"{_display_name(package)} has requires-python {package.requires_python}"
    for package, names in _chains(packages):
        vcs, archive, folder = package.vcs, package.archive, package.directory
        source = other_source(
            (vcs.url or vcs.path or "") if vcs else None,
            (archive.url or archive.path or "") if archive else None,
            folder.path if folder else None,
        )
        if file := _archived_file(package):
            found.pin_file(package.name, number, file, names)
        elif source:
            found.report_source(_display_name(package), source)
        elif package.wheels or package.sdist:
            found.pin(package.name, _version(package), number, _digests(package), names)
            found.come_from(package.name, package.index)
    return None


def _archived_file(package: Package) -> File | None:
    """Return the file of a package that is an archive at a URL, if it can be mirrored."""
    archive = package.archive
    if not archive or not archive.url:
        return None
    return file_at(archive.url, package.name, [f"{name}:{each}" for name, each in archive.hashes.items()])


def _with_any_extras(marker: Marker) -> Marker:
    """Return a marker that holds if the given one does with some choice of extras.

    The only negation in markers is ``not in``, so each test of an extra can be replaced by one that holds.
    """
    return Marker(_OF_EXTRAS.sub("python_version >= '0'", str(marker)))


def _display_name(package: Package) -> str:
    return f"{package.name} {package.version}" if package.version else package.name


def _version(package: Package) -> str:
    """Return the version, which a lock may leave to the filenames."""
    if package.version is not None:
        return str(package.version)
    if package.wheels:
        return str(parse_wheel_filename(package.wheels[0].filename)[1])
    assert package.sdist is not None  # noqa: S101
    return str(parse_sdist_filename(package.sdist.filename)[1])


def _digests(package: Package) -> tuple[str, ...]:
    """Return the sha256 of each file, which indexes list, or all its other digests."""
    hashes = [wheel.hashes for wheel in package.wheels or ()]
    if package.sdist is not None:
        hashes.append(package.sdist.hashes)
    return tuple(
        dict.fromkeys(
            f"{name}:{each[name].lower()}"
            for each in hashes
            for name in (["sha256"] if "sha256" in each else sorted(each))
        )
    )


def _chains(packages: Sequence[Package]) -> Iterator[tuple[Package, tuple[str, ...]]]:
    """Yield each package with the names that lead to it, if the lock lists dependencies."""
    needs = [
        [other for need in package.dependencies or () for other in _find(need, packages)]
        for package in packages
    ]
    needed = {other for at, others in enumerate(needs) for other in others if other != at}
    found: dict[int, tuple[str, ...]] = {}
    # In a cycle that nothing else needs, any package may be the first.
    for starts in ([at for at in range(len(packages)) if at not in needed], *([at] for at in sorted(needed))):
        if not found.keys() >= set(starts):
            found = shortest_chains(starts, needs.__getitem__, lambda at: packages[at].name) | found
    for at, package in enumerate(packages):
        yield package, found[at]


def _find(need: Mapping[str, object], packages: Sequence[Package]) -> list[int]:
    """Find the packages that a dependency names, by its version too if it has one."""
    return [
        at
        for at, package in enumerate(packages)
        if package.name == need.get("name")
        and need.get("version", package.version) in (package.version, str(package.version))
    ]
