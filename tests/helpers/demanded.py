"""Files that came on demand, as a server records and places them."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from minimirror.storage import Demand, DemandedFile, FileRow, MirrorFolder, MissedProject, read_demanded
from minimirror.sync import StagedFile, place_on_demand

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import File, Index
    from tests.helpers.running import Mirror

__all__ = ["DAY", "came", "demanded", "missed", "used"]

DAY = 86400.0


def came(index: Index, mirror: Mirror, *wheels: File, age: float = 0.0) -> None:
    """Place wheels of an index as a server does; clients got them last so many seconds ago."""
    folder = MirrorFolder(mirror.path)
    folder.prepare()
    folder.arriving.mkdir(exist_ok=True)
    staged = []
    for wheel in wheels:
        partial = folder.arriving / wheel.filename
        partial.write_bytes(wheel.content)
        _, version, _, _ = parse_wheel_filename(wheel.filename)
        digest = hashlib.sha256(wheel.content).hexdigest()
        row = FileRow(wheel.filename, wheel.project, str(version), len(wheel.content), digest)
        row = row._replace(url=index.file_url(wheel), index_url=index.url)
        staged.append(StagedFile(row, str(partial)))
    with closing(Demand(folder.demand)) as demand:
        assert all(each.error is None for each in place_on_demand(folder, demand, staged))
    if age:
        used(mirror, *wheels, age=age)


def used(mirror: Mirror, *wheels: File, age: float = 0.0) -> None:
    """Record that clients got wheels last so many seconds ago."""
    with closing(Demand(mirror.state / "demand.sqlite")) as demand:
        demand.use({wheel.filename: 1 for wheel in wheels}, time.time() - age)


def missed(mirror: Mirror, *projects: str) -> None:
    """Record that a client asked for projects that are not here."""
    now = time.time()
    MirrorFolder(mirror.path).prepare()
    with closing(Demand(mirror.state / "demand.sqlite")) as demand:
        demand.miss(MissedProject(project, 1, now, now, "it is not mirrored") for project in projects)


def demanded(path: Path) -> dict[str, DemandedFile]:
    """Return what came on demand into a mirror, by filename."""
    return {each.filename: each for each in read_demanded(MirrorFolder(path).demand)}
