"""Runs whose workers are on a Dask cluster: a scheduler and Dask workers as processes on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.running import Mirror
from tests.helpers.servers.dask import Cluster, dask_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture(scope="module")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.add(3)
        yield cluster


@pytest.fixture
def cluster(running_cluster: Cluster) -> Cluster:
    """Return a cluster of three workers."""
    running_cluster.replace_dead()
    return running_cluster


@pytest.fixture
def mirror(index: Index, repository: Path, cluster: Cluster) -> Mirror:
    return Mirror(index, repository, workers=cluster.address, processes=3, connections=2)


def fill(index: Index, projects: int = 12) -> None:
    for number in range(projects):
        for release in range(3):
            index.add_wheel(f"project-{number}", f"1.{release}", padding=1000 * (number + 1))


class TestSameFiles:
    def test_as_local_processes_place(self, index: Index, mirror: Mirror, tmp_path: Path) -> None:
        fill(index)
        on_cluster = mirror.complete(releases="all")
        found = {}
        for processes in (1, 4):
            local = Mirror(index, tmp_path / str(processes), processes=processes)
            local.complete(releases="all")
            found[processes] = local.files()
        assert found[1] == found[4] == mirror.files()
        assert len(found[1]) == 36
        assert on_cluster.workers_started == 3
