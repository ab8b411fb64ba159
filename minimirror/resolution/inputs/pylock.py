"""pylock.toml (PEP 751): which of its packages a target needs.

Wanted is what any install from the lock with its default dependency groups may need, whichever extras it asks
for: a package whose marker holds for the target with some choice of extras. Groups that are not among the
lock's ``default-groups`` are left out, as an installer leaves them out unless it is told otherwise.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence

from packaging.markers import Marker
from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from minimirror.common import mask_credentials, printable
from minimirror.distributions import Target
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import parse_toml, shown
from minimirror.resolution.inputs.inputs import Input
from minimirror.resolution.inputs.locked import Draft, Locked, holds, is_own_tree

__all__ = ["read_pylock"]

_OF_EXTRAS = re.compile(r"""(?P<quote>['"])[^'"]*(?P=quote)\s+(?:not\s+)?in\s+extras\b""")
"""The part of a marker that depends on which extras an install asks for."""


def read_pylock(given: Input, targets: Sequence[Target]) -> Locked:
    """Read a pylock.toml for some targets.

    :raises RequirementsError: it cannot be read, or does not keep to PEP 751
    """
    lock = _load(given)
    draft = Draft(given.name, shown(given.path))
    for number, target in enumerate(targets):
        try:
            _take(lock, number, target, draft)
        except ValueError as error:
            raise RequirementsError(f"{shown(given.path)}: {error}") from None
    return draft.finished()


def _load(given: Input) -> Pylock:
    document = parse_toml(given.path)
    try:
        return Pylock.from_dict(document)
    except PylockUnsupportedVersionError as error:
        cause = f"{error}: a newer minimirror may know it, or lock it again with an older lock-version"
    except PylockValidationError as error:
        cause = f"not a lock by PEP 751: {error}: lock it again"
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        cause = f"not a lock by PEP 751: {error}: lock it again"
    raise RequirementsError(f"{shown(given.path)}: {printable(cause)}")


def _take(lock: Pylock, number: int, target: Target, draft: Draft) -> None:
    """Pin what a target needs, or say why the lock is not made for it.

    :raises ValueError: a marker cannot be evaluated
    """
    groups = frozenset(lock.default_groups or ())
    environments = lock.environments
    if lock.requires_python is not None and not target.accepts_python(str(lock.requires_python)):
        draft.refuse(number, target, f"its requires-python is {lock.requires_python}")
        return
    if environments and not any(holds(each, target, frozenset(), groups) for each in environments):
        draft.refuse(number, target, "none of its environments is like that")
        return
    packages = [
        package
        for package in lock.packages
        if package.marker is None or holds(_whatever_extras(package.marker), target, frozenset(), groups)
    ]
    for package in packages:
        if package.requires_python is not None and not target.accepts_python(str(package.requires_python)):
            draft.refuse(number, target, f"requires-python of {_told(package)} is {package.requires_python}")
            return
    for package, names in _chains(packages):
        _pin(package, names, number, draft)


def _whatever_extras(marker: Marker) -> Marker:
    """A marker that holds where the given one does with some choice of extras.

    Markers know no negation but ``not in``, so it will do to take each question for an extra as answered to
    the marker's favour.
    """
    return Marker(_OF_EXTRAS.sub("python_version >= '0'", str(marker)))


def _pin(package: Package, names: tuple[str, ...], number: int, draft: Draft) -> None:
    source = _elsewhere(package)
    if source is not None:
        draft.not_from_index(_told(package), source)
    elif package.wheels or package.sdist:
        draft.pin(package.name, _version(package), number, _digests(package))
        draft.chain(package.name, number, names)


def _elsewhere(package: Package) -> str | None:
    """Where a package comes from that is not an index's, and not of the lock's own tree."""
    if package.vcs is not None:
        return f"version control, {mask_credentials(package.vcs.url or package.vcs.path or '')}"
    if package.archive is not None:
        return f"one archive, {mask_credentials(package.archive.url or package.archive.path or '')}"
    if package.directory is not None and not is_own_tree(package.directory.path):
        return f"the folder {package.directory.path}"
    return None


def _told(package: Package) -> str:
    return f"{package.name} {package.version}" if package.version else package.name


def _version(package: Package) -> str:
    """The version, which a lock may leave to the filenames."""
    if package.version is not None:
        return str(package.version)
    if package.wheels:
        return str(parse_wheel_filename(package.wheels[0].filename)[1])
    assert package.sdist is not None  # noqa: S101
    return str(parse_sdist_filename(package.sdist.filename)[1])


def _digests(package: Package) -> tuple[str, ...]:
    hashes = [wheel.hashes for wheel in package.wheels or ()]
    if package.sdist is not None:
        hashes.append(package.sdist.hashes)
    return tuple(dict.fromkeys(digest for each in hashes for digest in _best(each)))


def _best(hashes: Mapping[str, str]) -> list[str]:
    """The sha256, which indexes tell, or all others."""
    names = ["sha256"] if "sha256" in hashes else sorted(hashes)
    return [f"{name}:{hashes[name].lower()}" for name in names]


def _chains(packages: Sequence[Package]) -> list[tuple[Package, tuple[str, ...]]]:
    """Each package, with the names that lead from the lock to it, as far as the lock tells dependencies."""
    needs = {
        at: [other for need in package.dependencies or () for other in _matching(need, packages)]
        for at, package in enumerate(packages)
    }
    needed = {other for at, others in needs.items() for other in others if other != at}
    found: dict[int, tuple[str, ...]] = {}
    # Packages that only need each other have no beginning, so that any of them may be one.
    for starts in ([at for at in needs if at not in needed], *([at] for at in sorted(needed))):
        pending = deque[tuple[int, tuple[str, ...]]]((at, (packages[at].name,)) for at in starts)
        while pending:
            at, names = pending.popleft()
            if at not in found:
                found[at] = names
                pending.extend((other, (*names, packages[other].name)) for other in needs[at])
    return [(packages[at], found[at]) for at in needs]


def _matching(need: Mapping[str, object], packages: Sequence[Package]) -> list[int]:
    """The packages that a dependency's keys tell: its name, and its version where there are several."""
    return [
        at
        for at, package in enumerate(packages)
        if package.name == need.get("name") and need.get("version", package.version) in _spellings(package)
    ]


def _spellings(package: Package) -> tuple[object, ...]:
    return package.version, str(package.version)
