"""The seeded catalog: projects, releases and files, the same for the same seed."""

import dataclasses
import datetime
import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import archives
from bench.archives import Content

__all__ = ["BIG", "MAIN", "SMALL", "Catalog", "File", "Project", "Release", "Shape", "build", "tiny"]

GENERATOR = 1
"""Raise it when the same seed no longer gives the same files; kept catalogs are then rebuilt."""

CHANGEABLE = 1000
"""How many of a tiny catalog's projects have a second release to be published later."""

_FIRST_SERIAL = 20_000_000
_EPOCH = datetime.datetime(2019, 1, 1, tzinfo=datetime.timezone.utc)

_WORDS = (
    "acid",
    "apple",
    "atlas",
    "barley",
    "birch",
    "brass",
    "cedar",
    "cliff",
    "cobalt",
    "cotton",
    "delta",
    "ember",
    "flint",
    "frost",
    "glacier",
    "harbor",
    "indigo",
    "jade",
    "lagoon",
    "lemon",
    "linen",
    "marble",
    "moss",
    "ocean",
    "opal",
    "pearl",
    "plum",
    "quill",
    "ridge",
    "rust",
    "salmon",
    "silver",
    "spruce",
    "sugar",
    "thistle",
    "tulip",
    "walnut",
    "wolf",
)

_PYTHONS = ("cp38", "cp39", "cp310", "cp311", "cp312", "cp313")
_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "win_amd64",
    "macosx_11_0_arm64",
    "macosx_10_9_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_1_x86_64",
    "win32",
)
_KINDS = {"both": 61, "sdist": 16, "wheel": 10, "platform": 13}
"""Of a hundred projects, how many offer a pure wheel and an sdist, only one of them, or platform wheels."""


@dataclass(frozen=True)
class File:
    """One distribution file, as the index's pages tell of it."""

    filename: str
    """Its name."""
    kind: str
    """``sdist`` or ``bdist_wheel``."""
    python: str
    """The python tag, ``source`` for an sdist."""
    size: int
    """Bytes."""
    sha256: str
    """Digest of the file."""
    path: str
    """Where it lies below ``packages/``, laid out as on PyPI."""
    uploaded: str
    """Time of upload, ISO 8601."""
    requires_python: str | None
    """``Requires-Python``."""
    metadata_sha256: str | None
    """Digest of the core metadata file beside it (PEP 658); wheels only."""


@dataclass(frozen=True)
class Release:
    """One version and its files."""

    version: str
    """The version."""
    files: tuple[File, ...]
    """Its files."""
    yanked: bool = False
    """Withdrawn (PEP 592)."""


@dataclass(frozen=True)
class Project:
    """One project of the index."""

    name: str
    """The normalized name."""
    serial: int
    """The serial of its last change."""
    releases: tuple[Release, ...]
    """Oldest first."""
    newest: str
    """The version to be mirrored: the last that is neither a pre-release nor yanked."""

    def newest_files(self) -> tuple[File, ...]:
        """Return the files that a mirror of the newest release holds."""
        return next(release.files for release in self.releases if release.version == self.newest)


@dataclass(frozen=True)
class Catalog:
    """Every project, and the folder of their files."""

    folder: Path
    """Holds ``packages/``."""
    projects: tuple[Project, ...]
    """In the order of their numbers."""

    def newest_files(self) -> list[File]:
        """Return the files of every project's newest release."""
        return [file for project in self.projects for file in project.newest_files()]

    def describe(self) -> str:
        """Return one sentence of figures."""
        files = [file for project in self.projects for release in project.releases for file in release.files]
        newest = self.newest_files()
        return (
            f"{len(self.projects):,} projects, {len(files):,} files, "
            f"{sum(file.size for file in files) / 1e6:,.0f} MB; newest releases: {len(newest):,} files, "
            f"{sum(file.size for file in newest) / 1e6:,.0f} MB"
        )


@dataclass(frozen=True)
class Shape:
    """What kind of catalog, and how large."""

    name: str
    """``main``, ``tiny`` or ``one``."""
    projects: int
    """How many projects."""
    size: int = 0
    """For ``one``: the bytes of the only file."""

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return "-".join(str(part) for part in (self.name, self.projects, self.size) if part)


MAIN = Shape("main", 3000)
BIG = Shape("one", 1, 1_000_000_000)
SMALL = Shape("one", 1, 100_000)


def tiny(projects: int) -> Shape:
    """Return the shape of a catalog whose projects each offer one tiny wheel."""
    return Shape("tiny", projects)


class _Author:
    """Writes the files of one project; everything it decides comes from the seed and the number."""

    def __init__(self, packages: Path, seed: int, number: int) -> None:
        self.packages = packages
        self.random = random.Random(f"{seed}/{number}")
        first, second = self.random.choice(_WORDS), self.random.choice(_WORDS)
        self.name = f"{first}-{second}-{number}" if number % 3 else f"{first}{number}"
        self.serial = _FIRST_SERIAL + 7 * number + self.random.randrange(7)
        self.uploaded = _EPOCH + datetime.timedelta(minutes=self.random.randrange(60 * 24 * 900))
        self.requires_python = self.random.choice((None, ">=3.7", ">=3.8", ">=3.9", ">=3.8,<4", ">=3.10"))

    def _place(self, filename: str, data: bytes, python: str, described: bytes | None) -> File:
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        path = f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"
        target = self.packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if described is not None:
            target.with_name(f"{filename}.metadata").write_bytes(described)
        return File(
            filename,
            "sdist" if python == "source" else "bdist_wheel",
            python,
            len(data),
            hashlib.sha256(data).hexdigest(),
            path,
            self.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            self.requires_python,
            hashlib.sha256(described).hexdigest() if described is not None else None,
        )

    def _content(self, version: str, padding: int) -> Content:
        return Content(self.name, version, self.requires_python, padding)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _size(self, median: int, spread: float) -> int:
        return min(4_000_000, int(median * self.random.lognormvariate(0, spread)))

    def wheel(self, version: str, tag: str, padding: int) -> File:
        """Write a wheel."""
        content = self._content(version, padding)
        filename = f"{content.package}-{version}-{tag}.whl"
        return self._place(
            filename, archives.wheel(content, tag), tag.partition("-")[0], archives.metadata(content)
        )

    def sdist(self, version: str, padding: int) -> File:
        """Write an sdist; some are named and packed as in former years."""
        content = self._content(version, padding)
        stem = self.name if self._chance(0.1) else content.package
        extension = ".zip" if self._chance(0.04) else ".tar.gz"
        folder = f"{stem}-{version}"
        return self._place(f"{folder}{extension}", archives.sdist(content, folder, extension), "source", None)

    def release(self, version: str, kind: str, tags: list[str]) -> tuple[File, ...]:
        """Write the files of one release."""
        self.uploaded += datetime.timedelta(minutes=self.random.randrange(60 * 24 * 60))
        files = []
        if kind in {"both", "wheel"}:
            tag = "py2.py3-none-any" if self._chance(0.15) else "py3-none-any"
            files.append(self.wheel(version, tag, self._size(6_000, 1.2)))
        size = self._size(28_000, 0.9)
        files += [self.wheel(version, tag, int(size * self.random.uniform(0.8, 1.25))) for tag in tags]
        if kind != "wheel":
            files.append(self.sdist(version, self._size(7_500, 1.2)))
        return tuple(files)

    def _tags(self, kind: str) -> list[str]:
        if kind != "platform":
            return []
        pythons = _PYTHONS[-self.random.randint(1, 5) :]
        platforms = _PLATFORMS[: self.random.randint(1, 6)]
        if self._chance(0.2):
            return [f"cp38-abi3-{platform}" for platform in platforms]
        return [f"{python}-{python}-{platform}" for python in pythons for platform in platforms]

    def project(self) -> Project:
        """Write a project with some history, as projects are."""
        kind = self.random.choices(list(_KINDS), list(_KINDS.values()))[0]
        tags = self._tags(kind)
        count = min(40, 1 + int(self.random.expovariate(0.34)))
        versions = [f"{1 + step // 8}.{step % 8}.{self.random.randrange(4)}" for step in range(count)]
        releases = [Release(version, self.release(version, kind, tags)) for version in versions]
        if versions[1:-1] and self._chance(0.05):
            number = self.random.randrange(1, count - 1)
            releases[number] = dataclasses.replace(releases[number], yanked=True)
        if self._chance(0.04):
            releases.append(Release("9.0rc1", self.release("9.0rc1", kind, tags)))
        return Project(self.name, self.serial, tuple(releases), versions[-1])

    def tiny(self, number: int) -> Project:
        """Write a project of one tiny wheel, and for the first ones the release that follows it."""
        versions = ["1.0", "2.0"] if number < CHANGEABLE else ["1.0"]
        releases = [Release(version, (self.wheel(version, "py3-none-any", 500),)) for version in versions]
        return Project(self.name, self.serial, tuple(releases), "1.0")

    def one(self, size: int) -> Project:
        """Write the only project: one wheel of *size* bytes of payload."""
        content = self._content("1.0", size)
        filename = f"{content.package}-1.0-py3-none-any.whl"
        target = self.packages / "00" / "00" / "one" / filename
        target.parent.mkdir(parents=True, exist_ok=True)
        archives.large_wheel(target, content, "py3-none-any")
        digest = hashlib.sha256()
        with target.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        path = target.relative_to(self.packages).as_posix()
        uploaded = self.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        file = File(
            filename,
            "bdist_wheel",
            "py3",
            target.stat().st_size,
            digest.hexdigest(),
            path,
            uploaded,
            self.requires_python,
            None,
        )
        return Project(self.name, self.serial, (Release("1.0", (file,)),), "1.0")


def _write(packages: Path, shape: Shape, seed: int, numbers: Iterable[int]) -> list[Project]:
    """Write the projects with these numbers; run in a separate process."""
    projects = []
    for number in numbers:
        author = _Author(packages, seed, number)
        if shape.name == "tiny":
            projects.append(author.tiny(number))
        elif shape.name == "one":
            projects.append(author.one(shape.size))
        else:
            projects.append(author.project())
    return projects


def _load(path: Path) -> tuple[Project, ...]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Project(
            name,
            serial,
            tuple(
                Release(version, tuple(File(*file) for file in files), yanked)
                for version, files, yanked in releases
            ),
            newest,
        )
        for name, serial, releases, newest in rows
    )


def _save(path: Path, projects: Iterable[Project]) -> None:
    """Write the list of what was built, last of all and in one step: half a catalog has none."""
    rows = [
        [
            project.name,
            project.serial,
            [
                [
                    release.version,
                    [list(dataclasses.asdict(file).values()) for file in release.files],
                    release.yanked,
                ]
                for release in project.releases
            ],
            project.newest,
        ]
        for project in projects
    ]
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(rows), encoding="utf-8")
    unfinished.replace(path)


def build(work: Path, shape: Shape, seed: int) -> Catalog:
    """Return the catalog of *shape* and *seed*, built below *work* unless it is there already."""
    folder = work / f"catalog-{GENERATOR}-{seed}-{shape.folder}"
    listing = folder / "catalog.json"
    if listing.exists():
        return Catalog(folder, _load(listing))
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True)
    step = 100
    batches = [range(start, min(start + step, shape.projects)) for start in range(0, shape.projects, step)]
    with ProcessPoolExecutor(min(len(batches), os.cpu_count() or 1)) as pool:
        tasks = [pool.submit(_write, packages, shape, seed, batch) for batch in batches]
        projects = tuple(project for task in tasks for project in task.result())
    _save(listing, projects)
    return Catalog(folder, projects)
