"""Workers on a Dask cluster: a scheduler and Dask workers as processes on loopback."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import plan, run
from minimirror.storage import MirrorFolder
from minimirror.sync import verify
from minimirror.sync.workers.dask import DaskStarter
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.starting import PoolError
from tests.helpers.buckets import Bucket, bucket, store
from tests.helpers.running import DEADLINE, Mirror, alive, descendants, in_background, until
from tests.helpers.servers.dask import Cluster, dask_cluster
from tests.helpers.servers.forward_proxy import forward_proxy
from tests.sync.test_workers import Handling, dies_at, drain, pids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.index import Index
    from tests.sync.test_workers import Handle, Report


__all__ = ["bucket", "store"]


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


def pool(cluster: Cluster, start: Callable[[], Handle], folder: Path, **options: Any) -> Pool[Any]:
    values = {"processes": 3, "capacity": 4, "lookahead": lambda _: LOOKAHEAD, "limit": 3600.0, **options}
    handling = functools.partial(Handling, start, values["capacity"])
    return Pool(DaskStarter(cluster.address, handling, MirrorFolder(folder), writes=False), **values)


class TestSameFiles:
    def test_whoever_mirrors_to_wherever(self, bucket: Bucket, cluster: Cluster, tmp_path: Path) -> None:
        """One process, four, and three Dask workers: into a folder and into a bucket."""
        fill(bucket.index)
        bucket.index.add("large", "large-1.0.tar.gz", os.urandom(6 << 20))
        ways: tuple[dict[str, Any], ...] = (
            {"processes": 1},
            {"processes": 4},
            {"processes": 3, "workers": cluster.address},
        )
        found, started = [], []
        for number, way in enumerate(ways):
            folder = Mirror(bucket.index, tmp_path / str(number), releases="all", **way)
            other = Bucket(bucket.index, tmp_path / f"bucket-{number}")
            started += [
                folder.complete().workers_started,
                other.complete(releases="all", **way).workers_started,
            ]
            found += [folder.files(), {name: other.read(name) for name in other.names()}]
            assert folder.partials() == {}
            assert other.names(".minimirror/partial") == set()
        assert len(found[0]) == 37
        assert [each == found[0] for each in found] == [True] * 6
        assert started[-2:] == [3, 3]

    def test_with_no_more_connections_in_total(self, index: Index, mirror: Mirror) -> None:
        fill(index)
        mirror.complete(processes=2, connections=2)
        assert index.peak_connections <= 5  # one is the parent's

    def test_come_to_the_workers_alone(
        self, index: Index, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The parent is behind a proxy, which would see what it fetches; the Dask workers are not."""
        fill(index)
        with forward_proxy() as proxy:
            monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
            assert mirror.complete(releases="all").files_fetched == 36
            assert proxy.requests() == [f"GET {index.url}"]
        assert sum(index.files_fetched().values()) == 36

    def test_planned_and_verified(self, index: Index, mirror: Mirror) -> None:
        fill(index, 2)
        config = mirror.settings()
        assert len(plan(config).fetch) == 2
        assert not mirror.path.exists()
        mirror.complete()
        assert verify(config, read=True).well
        with (mirror.path / "project_1-1.2-py3-none-any.whl").open("r+b") as stream:
            stream.write(b"x")
        assert verify(config, read=True).altered == ["project_1-1.2-py3-none-any.whl"]

    def test_nothing_to_do_contacts_no_cluster(self, index: Index, mirror: Mirror) -> None:
        fill(index, 2)
        mirror.complete()
        assert mirror.complete(workers="tcp://127.0.0.1:1").workers_started == 0


class TestWorkers:
    def test_run_in_each_dask_worker(self, cluster: Cluster, tmp_path: Path) -> None:
        with pool(cluster, pids, tmp_path, capacity=1) as busy:
            found = {each.result for each in drain(busy, range(200))}
        assert len(found) == 3
        until(lambda: not any(map(alive, found)), "they end with the pool")

    def test_one_is_slow(self, cluster: Cluster, tmp_path: Path) -> None:
        start = functools.partial(waits_at, 0, tmp_path / "go")
        order = []
        with pool(cluster, start, tmp_path, capacity=1, lookahead=lambda _: 0) as busy:
            jobs = iter(range(50))
            for outcomes in busy.run(lambda: next(jobs, None)):
                order += [each.result for each in outcomes]
                if len(order) == 49:
                    (tmp_path / "go").touch()
        assert sorted(order) == list(range(50))
        assert order[-1] == 0

    def test_job_that_kills_its_workers(self, cluster: Cluster, tmp_path: Path) -> None:
        with pool(cluster, functools.partial(dies_at, tmp_path, 7, 1000), tmp_path) as busy:
            failed = {each.job: each.error or "" for each in drain(busy, range(30)) if each.error}
        assert failed.keys() == {7}
        assert "died" in failed[7]

    def test_late_job(self, cluster: Cluster, tmp_path: Path) -> None:
        start = functools.partial(waits_at, 3, tmp_path / "never")
        with pool(cluster, start, tmp_path, limit=5.0) as busy:
            failed = {each.job: each.error or "" for each in drain(busy, range(30)) if each.error}
        assert failed.keys() == {3}
        assert "file_timeout" in failed[3]


def waits_at(job: int, path: Path) -> Handle:
    """Wait at a job until a file exists."""
    import asyncio  # noqa: PLC0415

    async def handle(current: int, _report: Report) -> int:
        while current == job and not path.exists():
            await asyncio.sleep(0.01)
        return current

    return handle


class TestKills:
    def test_of_a_dask_worker(self, index: Index, mirror: Mirror, cluster: Cluster) -> None:
        fill(index)
        with in_background(mirror.complete) as result, index.hold("project_5-1.2-py3-none-any.whl") as gate:
            assert gate.reached.wait(DEADLINE)
            victim = next(each for each in cluster.workers if descendants(each.pid))
            workers = descendants(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)
            until(lambda: not any(alive(pid) for pid, _ in workers), "its worker process ends")
            gate.release()
            assert result.result(DEADLINE).complete
        assert len(mirror.files()) == 12

    def test_of_the_parent(self, index: Index, mirror: Mirror, cluster: Cluster) -> None:
        fill(index)
        with mirror.command() as command, index.hold("project_5-1.2-py3-none-any.whl") as gate:
            assert gate.reached.wait(DEADLINE)
            workers = {pid for each in cluster.workers for pid, _ in descendants(each.pid)}
            assert len(workers) == 3
            command.process.kill()
            until(lambda: not any(map(alive, workers)), "its worker processes end")
        mirror.complete()
        assert len(mirror.files()) == 12

    def test_of_the_scheduler(self, index: Index, repository: Path, tmp_path: Path) -> None:
        fill(index)
        home = tmp_path / "cluster"
        home.mkdir()
        with dask_cluster(home) as cluster:
            cluster.add(1, threads=2)
            mirror = Mirror(index, repository, workers=cluster.address, processes=2)
            with mirror.command() as command, index.hold("project_5-1.2-py3-none-any.whl") as gate:
                assert gate.reached.wait(DEADLINE)
                until(lambda: len(mirror.names()) == 11, "the others are placed")
                cluster.scheduler.kill()
                assert command.end() == 1
        assert [line for line in command.messages if not line.startswith("error: lost the Dask sched")] == []
        assert len(mirror.files()) == 11
        assert mirror.complete(workers=None).files_fetched == 1

    def test_interrupt(self, index: Index, mirror: Mirror, cluster: Cluster) -> None:
        fill(index)
        with mirror.command() as command, index.hold("project_5-1.2-py3-none-any.whl") as gate:
            assert gate.reached.wait(DEADLINE)
            workers = {pid for each in cluster.workers for pid, _ in descendants(each.pid)}
            command.interrupt()
            assert command.end() == 130
            until(lambda: not any(map(alive, workers)), "its worker processes end")


class TestRefused:
    @pytest.fixture
    def other_version(self, tmp_path: Path) -> dict[str, str]:
        """Return the environment of a machine with another version."""
        package = tmp_path / "other" / "minimirror"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "_version.py").write_text('__version__ = "99.0"\n')
        return {"PYTHONPATH": str(package.parent)}

    def test_a_worker_of_another_version(
        self,
        index: Index,
        mirror: Mirror,
        cluster: Cluster,
        other_version: dict[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        fill(index)
        (worker,) = cluster.add(env=other_version)
        try:
            assert mirror.complete(processes=4).workers_started == 3
        finally:
            cluster.end(worker)
        assert [each for each in caplog.messages if "is not used: it has minimirror 99.0" in each]

    def test_all_workers(self, tmp_path: Path, other_version: dict[str, str]) -> None:
        home = tmp_path / "cluster"
        home.mkdir()
        with dask_cluster(home) as cluster:
            cluster.add(env=other_version)
            with pool(cluster, pids, tmp_path) as busy, pytest.raises(PoolError, match=r"minimirror 99\.0"):
                drain(busy, range(3))

    def test_a_folder_that_is_not_shared(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder = MirrorFolder(Path("/proc/self/cwd/mirror"))
        folder.prepare()
        handling = functools.partial(Handling, pids, 1)
        starter = DaskStarter(cluster.address, handling, folder, writes=True)
        busy: Pool[int] = Pool(starter, processes=1, capacity=1, lookahead=lambda _: 0, limit=3600.0)
        with (
            busy,
            pytest.raises(PoolError, match="/proc/self/cwd/mirror is not the mirror's folder") as caught,
        ):
            drain(busy, range(3))
        assert "Dask worker tcp://127.0.0.1:" in str(caught.value)
        assert list(folder.partial.iterdir()) == []

    def test_no_scheduler(self, index: Index, mirror: Mirror) -> None:
        fill(index, 1)
        with pytest.raises(PoolError, match=r"cannot connect .* tcp://127.0.0.1:1: Connection refused"):
            run(mirror.settings(workers="tcp://127.0.0.1:1"))


def test_credentials_are_in_no_log(
    index_factory: Callable[..., Index], repository: Path, cluster: Cluster
) -> None:
    index = index_factory(auth=("user", "s3cret-word"))
    fill(index, 2)
    url = index.url.replace("//", "//user:s3cret-word@")
    Mirror(index, repository, workers=cluster.address, index_url=url).complete()
    logs = [cluster.log, *(each.log for each in cluster.workers)]
    assert not [log for log in logs if b"s3cret" in log.read_bytes()]
