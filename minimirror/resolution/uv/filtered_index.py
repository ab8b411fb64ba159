"""What one resolution may see: the files that the rules let through, for one environment on one target.

It keeps what was looked at, and what was not shown and why, which explains a resolution that fails.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from packaging.version import InvalidVersion, Version

from minimirror.common import Digests, MinimirrorError
from minimirror.distributions import (
    Distribution,
    FilenameError,
    MetadataError,
    Target,
    read_filename,
    read_wheel_metadata,
    target_of_this_machine,
)
from minimirror.resolution.uv.model import Environment, Terms
from minimirror.resolution.uv.upstream import Upstream
from minimirror.simple_api import File, Page, PageError
from minimirror.upstream import FetchError

__all__ = ["Offered", "Scope"]


_STAND_IN = 64 * "0"


class Offered(NamedTuple):
    """A file that a resolution may see."""

    file: File
    distribution: Distribution
    version: Version
    path: Path | None = None
    """Where it is in the folder, for a private project's."""

    here_only: bool = False
    """It is not for the target, but for the machine that builds sdists."""

    @property
    def is_wheel(self) -> bool:
        """Whether it need not be built."""
        return self.distribution.package_type == "bdist_wheel"

    @property
    def tags(self) -> set[str]:
        """The tags of a wheel, each by itself (PEP 425)."""
        found = self.distribution
        tags = itertools.product(found.python_tag.split("."), found.abi_tag.split("."), found.platforms)
        return set(map("-".join, tags))


@dataclass
class Scope:
    """One resolution's view of the index. Used by many threads, each of which asks for other things."""

    environment: Environment
    number: int
    """The target's, from 0."""
    target: Target
    taken: frozenset[str]
    """The tags that the resolver takes for the target's."""
    terms: Terms
    upstream: Upstream
    hidden: Mapping[tuple[str, Version], str] = field(default_factory=dict)
    """Releases that are not shown, and why."""

    consulted: dict[str, str | None] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    excluded: set[str] = field(default_factory=set)
    """The projects that may not be mirrored."""
    emptied: dict[str, str] = field(default_factory=dict)
    """The projects of which nothing is left to be shown, and why."""
    broken: dict[str, str] = field(default_factory=dict)
    """The wheels whose metadata cannot be read, by filename, and why."""
    failures: dict[str, str] = field(default_factory=dict)
    """What could not be had, and why."""
    _offers: dict[str, Mapping[str, Offered] | None] = field(default_factory=dict)

    def offers(self, project: str) -> Mapping[str, Offered] | None:
        """The files of a project that may be seen, by filename; None where there is no such project.

        :raises MinimirrorError: its page cannot be had or read
        """
        if project not in self._offers:
            found = self._find(project)
            self._offers[project] = None if found is None else {each.file.filename: each for each in found}
        return self._offers[project]

    def page(self, project: str) -> bytes | None:
        """The project's page, as PEP 691 has it; None where there is none.

        :raises MinimirrorError: as :meth:`offers`
        """
        offers = self.offers(project)
        if offers is None:
            return None
        files = [_entry(project, each) for each in offers.values()]
        return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files}).encode()

    def metadata(self, project: str, filename: str) -> bytes | None:
        """The core metadata of a wheel; none at all, which resolvers pass over, where it cannot be read.

        :raises FetchError: it cannot be had
        """
        offered = (self.offers(project) or {}).get(filename)
        if offered is None:
            return None
        try:
            if offered.path is None:
                return self.upstream.metadata(offered.file)
            with offered.path.open("rb") as wheel:
                return read_wheel_metadata(wheel, filename)
        except MetadataError as error:
            self.broken[filename] = str(error)
            return b""
        except FetchError as error:
            self.failures[filename] = f"the metadata of {filename} cannot be had: {error.cause}"
            raise

    def file(self, project: str, filename: str) -> Path | None:
        """The file itself.

        :raises FetchError: it cannot be had
        """
        offered = (self.offers(project) or {}).get(filename)
        if offered is None or offered.path is not None:
            return offered and offered.path
        try:
            return self.upstream.file(offered.file)
        except FetchError as error:
            self.failures[filename] = f"{filename} cannot be had: {error.cause}"
            raise

    def fits(self, project: str, version: Version) -> bool:
        """Whether a release has a file for the target."""
        return bool(self._release(project, version))

    def sdist_of(self, project: str, version: Version) -> Offered | None:
        """The sdist of a release that has no wheel for the target; None where it has one."""
        release = self._release(project, version)
        return None if any(each.is_wheel for each in release) else next(iter(release), None)

    def without_wheels(self) -> list[str]:
        """The projects of which a release has an sdist, but no wheel for the target."""
        found = []
        for project, offers in list(self._offers.items()):
            files = (offers or {}).values()
            if {each.version for each in files} - {each.version for each in files if each.is_wheel}:
                found.append(project)
        return found

    def _release(self, project: str, version: Version) -> list[Offered]:
        files = (self._offers.get(project) or {}).values()
        return [each for each in files if each.version == version and not each.here_only]

    def _find(self, project: str) -> list[Offered] | None:
        if paths := self._own(project):
            self.local.add(project)
            own = (_of_path(path, project) for path in paths)
            return self._left(project, [each for each in own if each and self._is_for_target(each)])
        if not self.terms.mirrored(project):
            self.excluded.add(project)
            return None
        page = self._page(project)
        if page is None:
            return None
        found = self._allowed(project, page)
        if page.files and not found:
            self.emptied[project] = f"{project} has no file for {self.target} that the rules let through"
        return self._left(project, found)

    def _own(self, project: str) -> Collection[Path]:
        try:
            return self.terms.local(project)
        except MinimirrorError as error:
            self.failures[project] = f"whether {project} is private cannot be told: {error}"
            raise

    def _page(self, project: str) -> Page | None:
        try:
            reply = self.upstream.page(project)
        except (FetchError, PageError) as error:
            self.failures[project] = f"the page of {project} cannot be read: {error}"
            raise
        self.consulted[project] = None if reply is None else reply.validator
        return None if reply is None else reply.page

    def _allowed(self, project: str, page: Page) -> list[Offered]:
        """What the rules let through for the target, and for this machine where it builds sdists."""
        found = [each for each in self._read(project, page, self.number) if self._is_for_target(each)]
        if self.terms.build:
            shown = {each.file.filename for each in found}
            others = (each for each in self._read(project, page, None) if each.file.filename not in shown)
            found += [each._replace(here_only=True) for each in others if self._is_for_here(each)]
        return found

    def _read(self, project: str, page: Page, number: int | None) -> Iterator[Offered]:
        for file in self.terms.allowed(project, page, number):
            if offered := _read(file, project):
                yield offered

    def _left(self, project: str, found: list[Offered]) -> list[Offered]:
        """Those that are not hidden, and that have a pinned digest where digests are pinned."""
        left = [each for each in found if (project, each.version) not in self.hidden]
        pinned = self.environment.hashes.get(project)
        if not pinned:
            return left
        of_pins = [each for each in left if not _digests(each).isdisjoint(pinned)]
        if left and not of_pins:
            self.emptied[project] = f"no file of {project} has a digest that is pinned"
        return of_pins

    def _is_for_target(self, offered: Offered) -> bool:
        return not offered.is_wheel or not offered.tags.isdisjoint(self.target.tags)

    def _is_for_here(self, offered: Offered) -> bool:
        """Whether this machine takes it, and the resolver will not take it for the target's."""
        if not offered.is_wheel:
            return True
        return not offered.tags.isdisjoint(_here().tags) and offered.tags.isdisjoint(
            self.taken - self.target.tags
        )


@functools.cache
def _here() -> Target:
    return target_of_this_machine()


def _digests(offered: Offered) -> set[str]:
    if offered.path is None:
        return {f"{name}:{value}" for name, value in offered.file.digests.items()}
    digests = Digests({})
    with FileIO(offered.path) as file:
        digests.read(file)
    return {f"sha256:{digests.sha256}"}


def _entry(project: str, offered: Offered) -> dict[str, Any]:
    """A file on a project's page (PEP 691)."""
    file = offered.file
    sha256 = file.digests.get("sha256", "")
    if len(sha256) != len(_STAND_IN):
        # uv writes a digest into its lock files, and fetches each file that has none to make one. What is
        # served here was verified when it was fetched, so that this one is not looked at.
        sha256 = _STAND_IN
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": f"../../files/{project}/{quote(file.filename)}",
        "hashes": {"sha256": sha256},
        "core-metadata": offered.is_wheel,
    }
    if file.requires_python is not None:
        entry["requires-python"] = file.requires_python
    if file.yanked is not None:
        entry["yanked"] = file.yanked or True
    return entry


def _read(file: File, project: str) -> Offered | None:
    """A file as resolvers know them: a wheel or an sdist, of a version that is one (PEP 440)."""
    try:
        distribution = read_filename(file.filename, project)
        version = Version(distribution.version)
    except (FilenameError, InvalidVersion):
        return None
    known = distribution.package_type in {"bdist_wheel", "sdist"}
    return Offered(file, distribution, version) if known else None


def _of_path(path: Path, project: str) -> Offered | None:
    found = _read(File(path.name, path.name, {}), project)
    return found and found._replace(path=path)
