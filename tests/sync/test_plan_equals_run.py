"""A plan equals the run that follows it, file by file, in twenty seeded histories."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config, run
from minimirror.sync import explain, plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import Index

NAMES = ("amber", "birch", "cedar", "delta", "ember")
STEPS = 5

RULES: tuple[dict[str, Any], ...] = (
    {},
    {"releases": 2},
    {"releases": "all", "package_types": ["bdist_wheel"]},
    {"projects": ["a*", "birch", "ember>=2"]},
    {"exclude_projects": ["c*"]},
    {"prereleases": True, "yanked": True},
    {"max_delete": 0.3},
)


class History:
    """An index, a folder and a config that change at random, in the same way for the same seed."""

    def __init__(self, seed: int, index: Index, folder: Path) -> None:
        self.random = random.Random(seed)
        self.index = index
        self.folder = folder
        self.rules: dict[str, Any] = {}
        self.number = 0

    def step(self) -> None:
        changes: list[Callable[[], None]] = [
            self.release,
            self.release,
            self.release,
            self.withdraw,
            self.replace,
            self.upload_locally,
            self.lose_a_file,
            self.change_the_rules,
        ]
        for change in self.random.choices(changes, k=self.random.randint(1, 4)):
            change()

    def release(self) -> None:
        self.number += 1
        name = self.random.choice(NAMES)
        version = f"{self.number}.0{self.random.choice(['', '', 'rc1'])}"
        if self.random.random() < 0.3:
            self.index.add_sdist(name, version)
        else:
            self.index.add_wheel(name, version, padding=self.random.randint(0, 3000))

    def withdraw(self) -> None:
        projects = [each for each in self.index.projects.values() if each.files]
        if projects:
            project = self.random.choice(projects)
            if len(project.files) == 1 or self.random.random() < 0.3:
                self.index.remove(project.name)
            else:
                self.index.remove_file(project.name, self.random.choice(project.files).filename)

    def replace(self) -> None:
        files = [(each.name, file) for each in self.index.projects.values() for file in each.files]
        if files:
            name, file = self.random.choice(files)
            self.index.add(name, file.filename, file.content + b"!" * self.random.randint(0, 1))

    def upload_locally(self) -> None:
        self.number += 1
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{self.random.choice(NAMES)}-{self.number}.zip").write_bytes(b"local")

    def lose_a_file(self) -> None:
        found = sorted(self.folder.glob("*-*"))
        if found:
            self.random.choice(found).unlink()

    def change_the_rules(self) -> None:
        self.rules = self.random.choice(RULES)

    @property
    def config(self) -> Config:
        values = {"processes": 1, "index_url": self.index.url, "max_delete": 1, **self.rules}
        return Config(repository=self.folder, **values)

    def files(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of each file, which change when it is written again."""
        if not self.folder.exists():
            return {}
        found = ((path.name, path.stat()) for path in self.folder.glob("*-*"))
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found}


@pytest.mark.parametrize("seed", range(20))
def test_the_run_does_what_the_plan_says(
    index_factory: Callable[..., Index], repository: Path, seed: int
) -> None:
    history = History(seed, index_factory(serials=seed % 2 == 0), repository)
    for _ in range(STEPS):
        history.step()
        before = history.files()
        planned = plan(history.config)
        assert history.files() == before
        summary = run(history.config)
        after = history.files()
        fetched = {name for name, stamp in after.items() if before.get(name) != stamp}
        assert {each.filename for each in planned.fetch} == fetched
        # A superseded file may have been lost before.
        assert {each.filename for each in planned.remove} & before.keys() == before.keys() - after.keys()
        assert len(planned.remove) == summary.files_removed
        assert planned.withheld == summary.withheld
        assert planned.summary.failures == summary.failures
        assert sorted(planned.summary.notes) == sorted(summary.notes)
        assert planned.summary.refused == summary.refused
        if not summary.failures:
            assert planned.summary.projects_wanted == summary.projects_wanted


@pytest.mark.parametrize("seed", range(20))
def test_explain_selects_what_the_run_mirrors(index: Index, repository: Path, seed: int) -> None:
    history = History(seed, index, repository)
    for _ in range(STEPS):
        history.step()
    run(history.config)
    for name, project in index.projects.items():
        selected = {each.file.filename for each in explain(history.config, name).decisions if each.wanted}
        here = {file.filename for file in project.files if (repository / file.filename).exists()}
        assert selected == here
