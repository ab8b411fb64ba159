"""Realistic requirements, mirrored for four machines and installed only from the mirror."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from packaging.utils import parse_wheel_filename

from tests.helpers.environments import CASES, MACHINES, Case, Machine, fill
from tests.helpers.index import Index
from tests.helpers.installers import download, install, resolved
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def filled() -> Iterator[Index]:
    """One index for all cases: nothing here changes it."""
    with Index() as index:
        fill(index)
        yield index


def prepared(case: Case, index: Index, folder: Path) -> None:
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if case.lock:
        case.lock(index, folder)


def accepted(index: Index, machine: Machine, pins: set[str]) -> set[str]:
    """Return the wheels on the index that a machine accepts, of the releases that it needs."""
    target = machine.target
    found = set()
    for project in index.projects.values():
        for file in project.files:
            is_needed = f"{project.key}=={file.said_version}" in pins and file.filename.endswith(".whl")
            if is_needed and target.accepts_python(file.requires_python):
                tags = map(str, parse_wheel_filename(file.filename)[3])
                found |= {file.filename} if not target.tags.isdisjoint(tags) else set()
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_mirrored_for_four_machines_and_installed_from_the_folder(
    case: Case, filled: Index, repository: Path, tmp_path: Path
) -> None:
    """uv resolves the same from the mirror as from the index, pip installs it, and there is no other file."""
    prepared(case, filled, tmp_path)
    mirror = Mirror(
        filled,
        repository,
        requirements=[str(tmp_path / each) for each in case.requirements],
        targets=[machine.target.as_dict() for machine in MACHINES.values()],
        package_types=["bdist_wheel"],
    )
    mirror.complete()

    def install_on(name: str) -> set[str]:
        """Install everything on a machine, and return the files that this may use."""
        machine, needed = MACHINES[name], set[str]()
        for number, what in enumerate(case.installs):
            pins = resolved(machine, *what, cwd=tmp_path, mirror=mirror.path)
            assert pins == resolved(machine, *what, cwd=tmp_path, index=filled.url)
            to = tmp_path / f"{name} {number}"
            if name == "here":
                given = tmp_path / what[-1]
                assert install(mirror.path, to, *(("-r", given) if given.is_file() else pins)) == pins
            else:
                assert len(download(mirror.path, to, machine.target, pins)) == len(pins)
            needed |= accepted(filled, machine, pins)
        return needed

    with ThreadPoolExecutor(len(MACHINES)) as threads:
        assert mirror.names() == set.union(*threads.map(install_on, MACHINES))
