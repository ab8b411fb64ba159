"""The report: what the mirror holds, in sums. No request, no lock, no writes."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TypeAlias, TypeVar

from minimirror.config import Config
from minimirror.distributions import FilenameError, platform_family, projects_named, read_filename
from minimirror.publish.report import (
    Behind,
    Growth,
    OnDemand,
    Outdated,
    Project,
    Release,
    Report,
    Share,
    TargetShare,
    Vulnerable,
    Year,
)
from minimirror.selection import counted_release, release_of
from minimirror.storage import (
    Catalog,
    DemandedFile,
    Repository,
    TrackedFile,
    UpstreamRow,
    open_to_read,
    read_demanded,
)
from minimirror.sync.demanded import still_missed
from minimirror.sync.status import MirrorStatus, read_status

__all__ = ["mirror_report"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNKNOWN = "unknown"

S = TypeVar("S", bound=Share)
_Kind: TypeAlias = tuple[str, str, str]
"""Package type, Python tag and platforms."""

_Known: TypeAlias = Iterable[tuple[Project, UpstreamRow]]
"""Mirrored projects, each with what the index offered of it."""


def mirror_report(config: Config) -> Report:
    """Return what the mirror holds, from the catalog and the names in the folder alone.

    :raises MinimirrorError: the catalog or the folder cannot be read
    """
    with open_to_read(config.repository, config.state) as (folder, catalog):
        status = MirrorStatus(config.repository, running=folder.holder())
        read_status(status, folder, catalog, config)
        projects = _projects(catalog)
        upstream = catalog.upstream.all()
        known = [(each, upstream[each.name]) for each in projects if each.name in upstream]
        types, pythons, platforms = _kinds(catalog.files.tracked())
        return Report(
            repository=str(config.repository),
            made=time.time(),
            as_of=status.last_complete and status.last_complete.as_of,
            selected=status.projects,
            files=status.files,
            bytes=status.bytes,
            releases=sum(len(each.releases) for each in projects),
            local=_local(folder, status.others),
            projects=tuple(projects),
            types=types,
            pythons=pythons,
            platforms=platforms,
            targets=tuple(
                TargetShare(each.name, each.files, each.bytes, len(each.projects), each.missing)
                for each in status.targets
            ),
            years=tuple(_years(projects)),
            growth=tuple(_growth(catalog, status)),
            outdated=tuple(_outdated(catalog, {each.name: each for each in projects})),
            behind=tuple(sorted(_behind(known), key=_waits_since)),
            unread=len(projects) - len(known),
            vulnerable=tuple(sorted(_vulnerable(known), key=lambda each: (each.project, each.release))),
            unadvised=len(projects) - sum(row.vulnerable is not None for _, row in known),
            missing=(*status.missing, *status.absent),
            demanded=tuple(_demanded(catalog, read_demanded(folder.demand))),
            missed=tuple(still_missed(folder, catalog, status.others)),
        )


def _biggest_first(shares: Iterable[S]) -> list[S]:
    return sorted(shares, key=lambda each: (-each.bytes, each.name))


def _projects(catalog: Catalog) -> list[Project]:
    releases: dict[str, list[Release]] = defaultdict(list)
    for project, version, files, size, uploaded, yanked in catalog.files.releases():
        releases[project].append(Release(version, files, size, uploaded, yanked))
    inactive = dict(catalog.projects.inactive())
    for each in releases.values():
        each.sort(key=lambda release: release_of(release.name), reverse=True)
    return _biggest_first(
        Project(
            name,
            sum(each.files for each in found),
            sum(each.bytes for each in found),
            max((each.uploaded for each in found if each.uploaded is not None), default=None),
            inactive.get(name),
            tuple(found),
        )
        for name, found in releases.items()
    )


def _kinds(files: Iterable[TrackedFile]) -> tuple[tuple[Share, ...], ...]:
    """Return the shares of the package types, of the Python tags and of the platforms."""
    sums: dict[_Kind, list[int]] = defaultdict(lambda: [0, 0])
    known: dict[str, _Kind] = {}
    for filename, project, size, *_ in files:
        # Of a wheel, only the tags count, and most wheels have those of others.
        tags = "-".join(filename.split("-")[-3:]) if filename.endswith(".whl") else ""
        kind = known.get(tags) or _kind(filename, project)
        if tags:
            known[tags] = kind
        sums[kind][0] += 1
        sums[kind][1] += size
    return tuple(
        _shares((kind[part], count, size) for kind, (count, size) in sums.items()) for part in range(3)
    )


def _kind(filename: str, project: str) -> _Kind:
    try:
        found = read_filename(filename, project)
    except FilenameError:
        return _UNKNOWN, _UNKNOWN, _UNKNOWN
    platforms = sorted({platform_family(each) for each in found.platforms}) or ["source"]
    return found.package_type, found.python_tag, ".".join(platforms)


def _shares(parts: Iterable[tuple[str, int, int]]) -> tuple[Share, ...]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for name, count, size in parts:
        files[name] += count
        sizes[name] += size
    return tuple(_biggest_first(Share(name, files[name], sizes[name]) for name in files))


def _local(folder: Repository, others: Iterable[str]) -> Share:
    names = [name for name in others if projects_named(name)]
    return Share("local", len(names), sum(folder.size(name) or 0 for name in names))


def _years(projects: Iterable[Project]) -> Iterator[Year]:
    releases: dict[str, list[Release]] = defaultdict(list)
    newest: Counter[str] = Counter()
    for project in projects:
        newest[_year(project.uploaded)] += 1
        for release in project.releases:
            releases[_year(release.uploaded)].append(release)
    for name in sorted(releases, key=lambda year: (year != _UNKNOWN, year), reverse=True):
        found = releases[name]
        files, size = sum(each.files for each in found), sum(each.bytes for each in found)
        yield Year(name, files, size, len(found), newest[name])


def _year(seconds: float | None) -> str:
    try:
        return _UNKNOWN if seconds is None else str((_EPOCH + timedelta(seconds=seconds)).year)
    except OverflowError:
        return _UNKNOWN


def _growth(catalog: Catalog, status: MirrorStatus) -> Iterator[Growth]:
    """Yield the runs. One that changed nothing holds what the last one held."""
    held: dict[str, int] = {}
    for row in reversed(list(catalog.runs.newest_first())):
        files = row.counts.get("files", {})
        held = row.counts.get("held") or held
        yield Growth(
            started=row.started,
            ended=row.ended,
            outcome=status.outcome_of(row),
            fetched=files.get("fetched", 0),
            removed=files.get("removed", 0),
            missing=row.counts.get("failures", 0),
            bytes_fetched=row.counts.get("bytes_fetched", 0),
            files=held.get("files"),
            bytes=held.get("bytes"),
        )


def _demanded(catalog: Catalog, files: Iterable[DemandedFile]) -> list[OnDemand]:
    uses: dict[str, list[DemandedFile]] = defaultdict(list)
    for file in files:
        uses[file.project].append(file)
    found = []
    for project, used in uses.items():
        sizes = {name: row.size for name, row in catalog.files.of(project).items()}
        held = [each for each in used if each.filename in sizes]
        if held:
            size, count = sum(sizes[each.filename] for each in held), sum(each.uses for each in held)
            found.append(OnDemand(project, len(held), size, count, max(each.last for each in held)))
    return _biggest_first(found)


def _outdated(catalog: Catalog, held: Mapping[str, Project]) -> Iterator[Outdated]:
    for name, is_new in catalog.projects.outdated():
        project = held.get(name)
        newest = project.releases[0] if project else None
        cause = "never mirrored to the end" if is_new else "changed on the index, or not mirrored to the end"
        yield Outdated(name, newest.name if newest else None, newest.uploaded if newest else None, cause)


def _behind(known: _Known) -> Iterator[Behind]:
    for project, row in known:
        newest = project.releases[0].name
        if row.version and counted_release(row.version) > counted_release(newest):
            rules = tuple(filter(None, row.refused_by.split(",")))
            yield Behind(project.name, newest, row.version, row.uploaded, rules)


def _waits_since(behind: Behind) -> tuple[bool, float, str]:
    return behind.uploaded is None, behind.uploaded or 0.0, behind.project


def _vulnerable(known: _Known) -> Iterator[Vulnerable]:
    for project, row in known:
        found = {counted_release(text): ids for text, ids in json.loads(row.vulnerable or "{}").items()}
        for release in project.releases:
            if ids := found.get(counted_release(release.name)):
                yield Vulnerable(project.name, release.name, ids)
