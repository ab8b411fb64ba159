"""The index as one resolution may see it: the files that the policy allows for requirements on one target.

It records which pages were read, and what was not shown and why, to explain a resolution that fails.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import pickle
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

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
from minimirror.simple_api import Entry, File, Page, project_json

__all__ = ["Candidate", "FilteredIndex"]

_SHA256_LENGTH = 64


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
    folder: Path
    """An empty folder, for what does not fit into memory; the caller deletes it."""

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

    _kept: dict[str, Path | None] = field(default_factory=dict)
    """The files of projects, by project; None if there is no such project."""

    def page(self, project: str) -> bytes | None:
        """Return the project's JSON page (PEP 691), or None if there is no such project.

        :raises MinimirrorError: the page cannot be fetched or read
        """
        found = self._files(project)
        entries = [_entry(each) for each in found.values()] if found is not None else []
        return None if found is None else project_json(project, entries, files=f"../../files/{project}/")

    def metadata(self, project: str, filename: str) -> bytes | None:
        """Return a wheel's core metadata; empty if it cannot be read, so that uv skips the wheel.

        :raises FetchError: the metadata cannot be fetched
        """
        candidate = (self._files(project) or {}).get(filename)
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
        candidate = (self._files(project) or {}).get(filename)
        if candidate is None or candidate.path is not None:
            return candidate and candidate.path
        with self._recording(filename, f"fetch {filename}"):
            return self.fetcher.file(project, candidate.file)

    @contextmanager
    def _recording(self, name: str, action: str) -> Iterator[None]:
        try:
            yield
        except (MinimirrorError, OSError) as error:
            self.failures[name] = f"could not {action}: {error}"
            raise

    def files_of(self, project: str, version: Version) -> list[Candidate]:
        """Return the files of a release for the target.

        :raises MinimirrorError: the page cannot be fetched or read
        """
        found = (self._files(project) or {}).values()
        return [each for each in found if each.version == version and not each.only_for_builds]

    def sdist_of(self, project: str, version: Version) -> Candidate | None:
        """Return the sdist of a release that has no wheel for the target."""
        files = self.files_of(project, version)
        return None if any(each.is_wheel for each in files) else next(iter(files), None)

    def _files(self, project: str) -> Mapping[str, Candidate] | None:
        """Return a project's files by name; None if there is no such project.

        They are kept on the disk: the files of all projects together would not fit into memory.
        """
        if project not in self._kept:
            found, path = self._find(project), None
            if found is not None:
                with_wheels = {each.version for each in found if each.is_wheel}
                if any(each.version not in with_wheels for each in found):
                    self.without_wheels.add(project)
                path = self.folder / secrets.token_hex()
                with self._recording(project, f"keep the files of {project}"):
                    path.write_bytes(pickle.dumps({each.file.filename: each for each in found}))
            self._kept[project] = path
        path = self._kept[project]
        return pickle.loads(path.read_bytes()) if path else None  # noqa: S301 - our own

    @functools.cached_property
    def _outside(self) -> Mapping[str, OutsideProject]:
        return applying(self.request.outside, self.target)

    def _find(self, project: str) -> list[Candidate] | None:
        outside = self._outside.get(project)
        if outside is None and self.policy.is_ignored(project):
            outside = OutsideProject(project)
        if outside:
            if not outside.file:
                self.local.add(project)
            return self._of_outside(outside)
        with self._recording(project, f"determine whether {project} is a local project"):
            paths = self.policy.local_files(project)
        if paths:
            self.local.add(project)
            candidates = (_read_candidate(File(path.name, path.name, {}), project, path) for path in paths)
            return self._visible(project, [each for each in candidates if each and self._is_for_target(each)])
        if not self.policy.is_mirrored(project):
            self.hints[f"`exclude_projects` excludes {project}."] = project
            return None
        with self._recording(project, f"read the page of {project}"), self.fetcher.page(project) as reply:
            self.consulted[project] = reply.validator if reply else None
            if reply is None:
                return None
            found = self._allowed(project, reply.page)
            if reply.page.files and not found:
                self.hints[f"No file of {project} for {self.target} passes the rules."] = project
            return self._visible(project, found)

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
