"""The index as one resolution may see it: the files that the policy allows for one request on one target.

It records which pages were read, and what was not shown and why, to explain a resolution that fails.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from packaging.version import Version

from minimirror.common import MinimirrorError, hash_file
from minimirror.distributions import (
    Distribution,
    FilenameError,
    MetadataError,
    Target,
    read_filename,
    read_wheel_metadata,
    target_of_this_machine,
    without_invalid_python,
)
from minimirror.resolution.inputs import OutsideProject, Requirements, applying
from minimirror.resolution.policy import ResolutionPolicy
from minimirror.resolution.uv.fetcher import IndexFetcher
from minimirror.resolution.uv.recent import Recent
from minimirror.simple_api import Entry, File, Page, project_json
from minimirror.upstream import ProjectReply

__all__ = ["Candidate", "FilteredIndex"]

_SHA256_LENGTH = 64

T = TypeVar("T")


class Candidate(NamedTuple):
    """A file that a resolution may see."""

    file: File
    distribution: Distribution
    version: Version
    path: Path | None = None
    """Its path in the folder, if it is a local file."""

    content: bytes | None = None
    """Its core metadata, if it stands for a project that does not come from the index."""

    only_for_builds: bool = False
    """It is not for the target, but for this machine, which builds sdists."""

    @property
    def is_wheel(self) -> bool:
        """Whether it can be installed without being built."""
        return self.distribution.package_type == "bdist_wheel"

    @property
    def tags(self) -> set[str]:
        """The wheel's tags, expanded (PEP 425)."""
        found = self.distribution
        tags = itertools.product(found.python_tag.split("."), found.abi_tag.split("."), found.platforms)
        return set(map("-".join, tags))


@dataclass
class FilteredIndex:
    """One resolution's view of the index. Used by many threads, but only one asks for each project."""

    request: Requirements
    number: int
    """The target's number, from 0."""

    target: Target
    uv_tags: frozenset[str]
    """The tags that uv accepts for the target."""

    policy: ResolutionPolicy
    fetcher: IndexFetcher
    hidden: Mapping[tuple[str, Version], str] = field(default_factory=dict)
    """Releases that are not shown, and why."""

    consulted: dict[str, str | None] = field(default_factory=dict)
    """The projects whose pages were read, with their validators."""

    local: set[str] = field(default_factory=set)
    hints: dict[str, str] = field(default_factory=dict)
    """Sentences that say why files are not shown, each with its project."""

    failures: dict[str, str] = field(default_factory=dict)
    """What could not be fetched, by project or filename, and why."""

    without_wheels: set[str] = field(default_factory=set)
    """The projects that have a release with an sdist, but without a wheel for the target."""

    kept: Recent[tuple[object, str], Mapping[str, Candidate]] = field(default_factory=Recent)
    """The files of the projects that were used last. Resolutions share it."""

    _key: object = field(default_factory=object)

    def page(self, project: str) -> bytes | None:
        """Return the project's JSON page (PEP 691), or None if there is no such project.

        :raises MinimirrorError: the page cannot be fetched or read
        """
        files = f"../../files/{project}/"
        return self._with_files(
            project, lambda found: project_json(project, [*map(_entry, found.values())], files=files)
        )

    def metadata(self, project: str, filename: str) -> bytes | None:
        """Return a wheel's core metadata; empty if it cannot be read, so that uv skips the wheel.

        :raises FetchError: the metadata cannot be fetched
        """
        candidate = self._with_files(project, lambda candidates: candidates.get(filename))
        if candidate is None:
            return None
        with self._recording(filename, f"fetch the metadata of {filename}"):
            try:
                if candidate.content is not None:
                    return candidate.content
                if candidate.path is None:
                    return without_invalid_python(self.fetcher.metadata(project, candidate.file))
                with candidate.path.open("rb") as wheel:
                    return without_invalid_python(read_wheel_metadata(wheel, filename))
            except MetadataError as error:
                self.hints[f"Could not read the metadata of {filename}: {error}."] = project
                return b""

    def file(self, project: str, filename: str) -> Path | None:
        """Return the path of a file, which is fetched if it is not local.

        :raises FetchError: the file cannot be fetched
        """
        candidate = self._with_files(project, lambda candidates: candidates.get(filename))
        if candidate is None or candidate.path is not None:
            return candidate and candidate.path
        with self._recording(filename, f"fetch {filename}"):
            return self.fetcher.file(project, candidate.file)

    @contextmanager
    def _recording(self, name: str, action: str) -> Iterator[None]:
        try:
            yield
        except MinimirrorError as error:
            self.failures[name] = f"could not {action}: {error}"
            raise

    def files_of(self, project: str, version: Version) -> list[Candidate]:
        """Return the files of a release for the target.

        :raises MinimirrorError: the page cannot be fetched or read
        """
        found = self._with_files(
            project, lambda candidates: [each for each in candidates.values() if each.version == version]
        )
        return [each for each in found or () if not each.only_for_builds]

    def sdist_of(self, project: str, version: Version) -> Candidate | None:
        """Return the sdist of a release that has no wheel for the target."""
        files = self.files_of(project, version)
        return None if any(each.is_wheel for each in files) else next(iter(files), None)

    def _with_files(self, project: str, use: Callable[[Mapping[str, Candidate]], T]) -> T | None:
        """Return what a function makes of a project's files, by filename; None if there is no such project.

        Only those that were used last are kept.
        """

        def keep_and_use(found: Iterable[Candidate]) -> T:
            candidates = {each.file.filename: each for each in found}
            self.kept.put((self._key, project), candidates)
            with_wheels = {each.version for each in candidates.values() if each.is_wheel}
            if any(each.version not in with_wheels for each in candidates.values()):
                self.without_wheels.add(project)
            return use(candidates)

        found = self.kept.use((self._key, project), use)
        return self._find(project, keep_and_use) if found is None else found

    @functools.cached_property
    def _outside(self) -> Mapping[str, OutsideProject]:
        return applying(self.request.outside, self.target)

    def _find(self, project: str, use: Callable[[Iterable[Candidate]], T]) -> T | None:
        outside = self._outside.get(project)
        if outside is None and self.policy.is_ignored(project):
            outside = OutsideProject(project)
        if outside:
            if not outside.file:
                self.local.add(project)
            return use(self._of_outside(outside))
        with self._recording(project, f"determine whether {project} is a local project"):
            paths = self.policy.local_files(project)
        if paths:
            self.local.add(project)
            candidates = (_read_candidate(File(path.name, path.name, {}), project, path) for path in paths)
            return use(
                self._visible(project, [each for each in candidates if each and self._is_for_target(each)])
            )
        if not self.policy.is_mirrored(project):
            self.hints[f"`exclude_projects` excludes {project}."] = project
            return None

        def take(reply: ProjectReply) -> T:
            # If the page has changed since, this resolution is not valid for the new one.
            self.consulted.setdefault(project, reply.validator)
            found = self._allowed(project, reply.page)
            if reply.page.files and not found:
                self.hints[f"No file of {project} for {self.target} passes the rules."] = project
            return use(self._visible(project, found))

        with self._recording(project, f"read the page of {project}"):
            found = self.fetcher.page(project, take)
        self.consulted.setdefault(project, None)
        return found

    def _of_outside(self, outside: OutsideProject) -> list[Candidate]:
        """Return the file of a project that does not come from the index, or a wheel that stands for it."""
        if outside.file and (self.policy.build or outside.file.filename.endswith(".whl")):
            found = _read_candidate(outside.file, outside.name)
            return [found] if found and self._is_for_target(found) else []
        # An sdist is mirrored too, even if its dependencies are not known.
        found = _read_candidate(File(outside.filename, outside.filename, {}), outside.name)
        return [found._replace(content=outside.metadata())] if found else []

    def _allowed(self, project: str, page: Page) -> list[Candidate]:
        """Return what the rules allow for the target, and for this machine if it builds sdists."""
        found = [each for each in self._read(project, page, self.number) if self._is_for_target(each)]
        if self.policy.build:
            shown = {each.file.filename for each in found}
            others = (each for each in self._read(project, page, None) if each.file.filename not in shown)
            found += [
                each._replace(only_for_builds=True) for each in others if self._is_for_this_machine(each)
            ]
        return found

    def _read(self, project: str, page: Page, number: int | None) -> Iterator[Candidate]:
        for file in self.policy.allowed(project, page, number):
            if candidate := _read_candidate(file, project):
                yield candidate

    def _visible(self, project: str, found: list[Candidate]) -> list[Candidate]:
        """Return those that are not hidden and have a pinned hash, if hashes are pinned."""
        left = [each for each in found if (project, each.version) not in self.hidden]
        pinned = self.request.hashes.get(project)
        if not pinned:
            return left
        algorithms = {each.partition(":")[0] for each in pinned}
        matching = []
        for each in left:
            known = _digests(each)
            if not known.isdisjoint(pinned):
                matching.append(each)
            elif algorithms.isdisjoint(name.partition(":")[0] for name in known):
                # The index does not tell them, so whoever fetches the file checks them.
                matching.append(each._replace(file=each.file._replace(pinned=tuple(sorted(pinned)))))
        if left and not matching:
            self.hints[f"No file of {project} matches its pinned hashes."] = project
        return matching

    def _is_for_target(self, candidate: Candidate) -> bool:
        return not candidate.is_wheel or not candidate.tags.isdisjoint(self.target.tags)

    def _is_for_this_machine(self, candidate: Candidate) -> bool:
        """Check whether this machine can use a file and uv would not choose it for the target."""
        if not candidate.is_wheel:
            return True
        only_uv = self.uv_tags - self.target.tags
        return not candidate.tags.isdisjoint(_this_machine().tags) and candidate.tags.isdisjoint(only_uv)


@functools.cache
def _this_machine() -> Target:
    return target_of_this_machine()


def _digests(candidate: Candidate) -> set[str]:
    if candidate.path is None:
        return {f"{name}:{value}" for name, value in candidate.file.digests.items()}
    return {f"sha256:{hash_file(candidate.path).sha256}"}


def _entry(candidate: Candidate) -> Entry:
    file = candidate.file
    sha256 = file.digests.get("sha256", "")
    if len(sha256) != _SHA256_LENGTH:
        # uv fetches each file that has no sha256, and takes files of the same one for the same. Nothing else
        # reads it: the fetcher has verified the file.
        sha256 = hashlib.sha256(file.filename.encode()).hexdigest()
    return Entry(
        file.filename,
        candidate.distribution.version,
        None,
        sha256,
        requires_python=file.requires_python,
        yanked=file.yanked,
        metadata="" if candidate.is_wheel else None,
    )


def _read_candidate(file: File, project: str, path: Path | None = None) -> Candidate | None:
    """Return a wheel or an sdist with a valid version (PEP 440), or None for any other file."""
    try:
        distribution = read_filename(file.filename, project)
    except FilenameError:
        return None
    version = distribution.release()
    if version is None or distribution.package_type not in {"bdist_wheel", "sdist"}:
        return None
    return Candidate(file, distribution, version, path)
