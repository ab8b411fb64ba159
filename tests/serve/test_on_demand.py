"""`minimirror serve --on-demand`: what is not here comes from the index when a client asks for it."""

from __future__ import annotations

import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from http.client import HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING

import pytest

from minimirror.storage import MirrorFolder, read_missed
from tests.helpers.demanded import demanded
from tests.helpers.index import Body, Index, Stall, Status, Truncate, WrongBytes
from tests.helpers.namespaces import small_disk
from tests.helpers.running import Mirror, until
from tests.helpers.serving import JSON, LOGIN, Server, archive, impatient, save_password, upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import File


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """A mirror of one project; nothing else is selected."""
    index.add_wheel("named", "1.0")
    mirror = Mirror(index, repository, projects=["named"], connect_timeout=3, retries=1)
    mirror.complete()
    index.clear()
    return mirror


@contextmanager
def serving(mirror: Mirror, *options: str | Path, **rules: object) -> Iterator[Server]:
    with Server(mirror.config(**rules), "--on-demand", *options) as server:
        yield server


def is_here(mirror: Mirror, file: File) -> None:
    """Wait until a file is in the folder."""
    until(
        lambda: file.filename in demanded(mirror.path) and (mirror.path / file.filename).exists(),
        "it is here",
    )
    assert (mirror.path / file.filename).read_bytes() == file.content


class TestAProject:
    def test_comes_when_a_client_asks_for_it(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", requires_python=">=3.8")
        index.add_sdist("extra", "0.9")
        with serving(mirror) as server:
            page = server.page("extra")
            assert [each["filename"] for each in page["files"]] == ["extra-0.9.tar.gz", wheel.filename]
            (_, entry) = page["files"]
            assert entry["url"] == f"../../packages/{wheel.filename}"
            assert (entry["requires-python"], entry["size"]) == (">=3.8", len(wheel.content))
            assert not index.files_fetched()
            reply = server.ask(f"/packages/{wheel.filename}")
            assert (reply.status, reply.body) == (200, wheel.content)
            is_here(mirror, wheel)
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
            assert server.names("extra") == {wheel.filename, "extra-0.9.tar.gz"}
            server.stop()
        assert index.pages_read() == {"extra": 1}
        assert index.files_fetched() == {wheel.filename: 1}
        assert demanded(mirror.path)[wheel.filename].uses == 2
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (0, 0)

    def test_is_not_there_without_the_option(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("extra", "1.0")
        with Server(mirror.config()) as server:
            assert server.ask("/simple/extra/").status == 404
            assert server.ask("/packages/extra-1.0-py3-none-any.whl").status == 404
            server.stop()
        assert not index.requests
        ((found),) = read_missed(MirrorFolder(mirror.path).demand)
        assert (found.project, found.requests) == ("extra", 1)

    def test_is_a_404_if_the_index_has_none(self, mirror: Mirror, index: Index) -> None:
        with serving(mirror) as server:
            for _ in range(3):
                reply = server.ask("/simple/nowhere/")
                assert (reply.status, "index" in reply.why) == (404, True)
            assert "index" in server.ask("/pypi/nowhere/json").why
            server.stop()
        assert index.pages_read() == {}
        assert len(index.requests) == 1
        ((found),) = read_missed(MirrorFolder(mirror.path).demand)
        assert (found.project, found.requests) == ("nowhere", 4)

    @pytest.mark.parametrize("key", ["exclude_projects", "ignore"])
    def test_is_never_asked_for_if_it_is_excluded(self, mirror: Mirror, index: Index, key: str) -> None:
        index.add_wheel("extra", "1.0")
        with serving(mirror, **{key: ["ext*"]}) as server:
            reply = server.ask("/simple/extra/")
            assert (reply.status, "excludes" in reply.why) == (404, True)
        assert not index.requests

    def test_passes_the_same_rules_as_a_run(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("extra", "1.0", yanked=True)
        index.add_wheel("extra", "2.0", requires_python=">=99")
        index.add_wheel("extra", "3.0", tag="py3-none-win_amd64")
        index.add_sdist("extra", "4.0")
        index.add_wheel("extra", "5.0rc1")
        index.add_wheel("extra", "6.0")
        index.vulnerable("extra", "6.0", "PYSEC-1")
        rules = {
            "releases": 1,
            "package_types": ["bdist_wheel"],
            "vulnerable": "exclude",
            "targets": [{"python": "3.11", "platform": "manylinux_2_28_x86_64"}],
        }
        with serving(mirror, **rules) as server:
            # An installer chooses the release, and what is yanked or a pre-release.
            assert server.names("extra") == {"extra-1.0-py3-none-any.whl", "extra-5.0rc1-py3-none-any.whl"}
            assert server.ask("/packages/extra-6.0-py3-none-any.whl").status == 404

    def test_comes_from_its_own_index(self, mirror: Mirror, index: Index, index_factory: type[Index]) -> None:
        other = index_factory()
        index.add_wheel("ours", "9.0")
        wheel = other.add_wheel("ours", "1.0")
        indexes = [{"name": "other", "url": other.url, "projects": ["ours"]}]
        with serving(mirror, indexes=indexes) as server:
            assert server.names("ours") == {wheel.filename}
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
        assert not index.requests

    def test_that_is_quarantined_lists_no_file(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0")
        with serving(mirror, serve={"on_demand_fresh": 0}) as server:
            assert server.ask(f"/packages/{wheel.filename}").status == 200
            is_here(mirror, wheel)
            index.status("extra", "quarantined")
            page = server.page("extra")
        assert (page["project-status"]["status"], page["files"]) == ("quarantined", [])

    def test_of_local_files_is_not_asked_for(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        index.add_wheel("extra", "9.0")
        wheel = index.add_wheel("own", "1.0")
        mirror.put("extra-1.0-py3-none-any.whl", wheel.content)
        save_password(tmp_path / "users")
        with serving(mirror, "--htpasswd", tmp_path / "users") as server:
            assert server.ask("/simple/extra/", headers={"Accept": JSON}).status in {200, 404}
            assert "own-1.0-py3-none-any.whl" in server.names("own")
            assert upload(server, "own-2.0.tar.gz").status == 200
            assert server.names("own") == {"own-2.0.tar.gz"} or not server.names("own")
            assert server.ask(f"/packages/{wheel.filename}", headers=LOGIN).status == 404
        assert index.pages_read() == {"own": 1}

    def test_page_is_kept_when_the_server_starts_again(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("extra", "1.0")
        for _ in range(2):
            with serving(mirror) as server:
                assert server.names("extra")
        assert index.pages_read() == {"extra": 1}

    def test_file_is_offered_when_it_is_old_enough(self, mirror: Mirror, index: Index) -> None:
        uploaded = datetime.now(timezone.utc) - timedelta(days=1, seconds=-2)
        wheel = index.add_wheel("extra", "1.0", upload_time=uploaded.isoformat().replace("+00:00", "Z"))
        for _ in range(2):
            # The second server has the page of the first.
            with serving(mirror, min_age="1 day") as server:
                server.names("extra")
        with serving(mirror, min_age="1 day") as server:
            until(lambda: server.names("extra") == {wheel.filename}, "it is offered")

    def test_page_is_asked_for_again_later(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("extra", "1.0")
        with serving(mirror, serve={"on_demand_fresh": 0}) as server:
            assert len(server.names("extra")) == 1
            assert len(server.names("extra")) == 1
            index.add_wheel("extra", "2.0")
            assert len(server.names("extra")) == 2

    def test_is_served_although_its_page_cannot_be_kept(self, mirror: Mirror, index: Index) -> None:
        projects = [f"extra{number}" for number in range(40)]
        for project in projects:
            index.add_wheel(project, "1.0")
        # No file may become big, as on a full disk.
        small = ("sh", "-c", 'ulimit -f 400 && exec "$@"', "sh")
        with Server(mirror.config(serve={"on_demand": True}), within=small) as server:
            assert all(map(server.names, projects))
            assert "demand.sqlite" in "".join(server.log())

    def test_is_in_the_static_index_after_the_next_run(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0")
        mirror.complete(simple=True)
        with serving(mirror, simple=True) as server:
            assert server.ask(f"/packages/{wheel.filename}").status == 200
            is_here(mirror, wheel)
        page = mirror.path / "simple" / "extra" / "index.html"
        assert not page.exists()
        mirror.complete(simple=True)
        assert wheel.filename in page.read_text()


class TestAFile:
    def test_is_fetched_once_for_ten_clients(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=1 << 20)
        with serving(mirror) as server, ThreadPoolExecutor(10) as executor:
            replies = [executor.submit(server.ask, f"/packages/{wheel.filename}") for _ in range(10)]
            assert gate.reached.wait(30)
            gate.release()
            assert {each.result().body for each in replies} == {wheel.content}
            is_here(mirror, wheel)
            server.stop()
        assert index.files_fetched() == {wheel.filename: 1}
        assert demanded(mirror.path)[wheel.filename].uses == 10

    def test_stays_although_the_server_stops_at_once(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0")
        with serving(mirror) as server:
            assert server.ask(f"/packages/{wheel.filename}").status == 200
            assert server.stop() == 0
        assert wheel.filename in mirror.names()
        assert demanded(mirror.path)[wheel.filename].uses == 1
        assert not mirror.run().files_fetched

    def test_on_its_way_breaks_off_when_the_server_stops(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        with (
            Server(mirror.config(), "--on-demand", paths=[impatient(tmp_path / "impatient")]) as server,
            http_get(server, f"/packages/{wheel.filename}") as response,
        ):
            assert server.stop() == 0
            with pytest.raises(IncompleteRead):
                response.read()
            gate.release()
            assert "Traceback" not in "".join(server.said)
        assert wheel.filename not in mirror.names()
        assert not list((mirror.state / "arriving").iterdir())

    def test_that_has_not_begun_when_the_server_stops(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        """Its client is told to try again."""
        wheel = index.add_wheel("extra", "1.0")
        gate = index.hold(wheel.filename, after=0)
        config, paths = mirror.config(connect_timeout=30), [impatient(tmp_path / "impatient")]
        with Server(config, "--on-demand", paths=paths) as server, ThreadPoolExecutor(1) as executor:
            reply = executor.submit(server.ask, f"/packages/{wheel.filename}")
            assert gate.reached.wait(30)
            assert server.stop() == 0
            assert (reply.result().status, reply.result().headers["Retry-After"]) == (503, "10")
            assert "server stops" in reply.result().why
            gate.release()
            assert "Traceback" not in "".join(server.said)

    def test_arrives_while_it_is_fetched(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        with serving(mirror) as server, http_get(server, f"/packages/{wheel.filename}") as response:
            start = response.read(1 << 20)
            assert gate.reached.wait(10)
            assert wheel.filename not in mirror.names()
            gate.release()
            assert start + response.read() == wheel.content

    def test_comes_although_its_client_leaves(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        with serving(mirror) as server:
            with http_get(server, f"/packages/{wheel.filename}") as response:
                response.read(1000)
            gate.release()
            is_here(mirror, wheel)

    @pytest.mark.parametrize("padding", [0, 3 << 20])
    def test_with_other_bytes_is_never_sent_whole(self, mirror: Mirror, index: Index, padding: int) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=padding)
        index.fault(wheel.filename, WrongBytes(), always=True)
        with serving(mirror) as server:
            for _ in range(3):
                assert is_cut(server, f"/packages/{wheel.filename}")
        assert mirror.names() == {"named-1.0-py3-none-any.whl"}
        assert not mirror.partials()
        assert not list((mirror.state / "arriving").iterdir())

    def test_that_begins_again_with_other_bytes_is_cut(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        index.fault(wheel.filename, WrongBytes())
        with serving(mirror) as server:
            assert is_cut(server, f"/packages/{wheel.filename}")
            is_here(mirror, wheel)
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content

    def test_continues_where_a_transfer_broke(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        index.fault(wheel.filename, Truncate(after=2 << 20))
        with serving(mirror) as server:
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content

    def test_of_unknown_size_and_digest_comes_too(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        plain = index.add_sdist("plain", "1.0", hashes=False)
        with serving(mirror) as server:
            for file in (wheel, plain):
                assert server.ask(f"/packages/{file.filename}").body == file.content

    def test_has_metadata_before_it_is_here(self, mirror: Mirror, index: Index) -> None:
        metadata = b"Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n"
        wheel = index.add_wheel("extra", "1.0", core_metadata=metadata)
        gate = index.hold(f"{wheel.filename}.metadata")
        with serving(mirror) as server, ThreadPoolExecutor(5) as executor:
            ((entry),) = server.page("extra")["files"]
            assert "sha256" in entry["core-metadata"]
            path = f"/packages/{wheel.filename}.metadata"
            replies = [executor.submit(server.ask, path) for _ in range(5)]
            assert gate.reached.wait(30)
            gate.release()
            assert {each.result().body for each in replies} == {metadata}
        assert len([each for each in index.requests if each.path.endswith(".metadata")]) == 1
        assert wheel.filename not in mirror.names()

    @pytest.mark.parametrize(
        "fault", [Body(b"Metadata-Version: 2.9\n", "text/plain"), Status(404)], ids=["wrong", "none"]
    )
    def test_is_offered_without_metadata_that_the_index_only_announces(
        self, mirror: Mirror, index: Index, fault: Body | Status
    ) -> None:
        wheel = index.add_wheel("extra", "1.0", core_metadata=b"Metadata-Version: 2.1\n")
        index.fault(f"{wheel.filename}.metadata", fault, always=True)
        with serving(mirror) as server:
            assert "core-metadata" in server.page("extra")["files"][0]
            assert server.ask(f"/packages/{wheel.filename}.metadata").status == 404
            assert "core-metadata" not in server.page("extra")["files"][0]

    def test_is_not_fetched_to_tell_its_size(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0")
        with serving(mirror) as server:
            reply = server.ask(f"/packages/{wheel.filename}", "HEAD")
            assert (reply.status, reply.headers["content-length"]) == (200, str(len(wheel.content)))
            plain = index.add_sdist("plain", "1.0")
            index.fault("/simple/plain/", Body(f"<a href='{index.file_url(plain)}'>".encode(), "text/html"))
            reply = server.ask(f"/packages/{plain.filename}", "HEAD")
            assert (reply.status, reply.headers["content-length"]) == (200, None)
        assert not index.files_fetched()

    def test_is_not_half_here_after_a_kill(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        with serving(mirror) as server, http_get(server, f"/packages/{wheel.filename}") as response:
            response.read(1000)
            server.process.kill()
            server.process.wait()
        assert list((mirror.state / "arriving").iterdir())
        assert wheel.filename not in mirror.names()
        gate.release()
        with serving(mirror) as server:
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
            is_here(mirror, wheel)

    def test_arrives_although_another_server_starts(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        with serving(mirror) as server, http_get(server, f"/packages/{wheel.filename}") as response:
            with serving(mirror):
                gate.release()
                assert response.read() == wheel.content
            is_here(mirror, wheel)

    def test_that_cannot_be_kept_still_reaches_its_clients(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        (mirror.path / wheel.filename).mkdir()
        with serving(mirror, "--verbose") as server:
            for number in (1, 2):
                assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
                until(
                    lambda: counted(server)["on_demand_failures"] == number,  # noqa: B023 - called at once
                    "the failure is counted",
                )
            assert counted(server)["on_demand_files"] == 0
            log = "\n".join(server.log())
        assert "cannot be placed" in log
        assert "fetched" not in log
        assert not demanded(mirror.path)

    def test_is_not_written_behind_a_link(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        wheel = index.add_wheel("extra", "1.0")
        (tmp_path / "elsewhere").mkdir()
        with serving(mirror) as server:
            (mirror.state / "arriving").rmdir()
            (mirror.state / "arriving").symlink_to(tmp_path / "elsewhere")
            assert server.ask(f"/packages/{wheel.filename}").status == 503
            assert "arriving is a link" in "".join(server.log())
        assert not index.files_fetched()

    def test_that_does_not_fit_the_disk_is_passed_on(self, index: Index, repository: Path) -> None:
        """Its clients get it all the same; one leaves early, and one is slower than the index."""
        wheel = index.add_wheel("extra", "1.0", padding=9 << 20)
        wrong = index.add_wheel("extra", "2.0", padding=9 << 20)
        index.fault(wrong.filename, WrongBytes(), always=True)
        repository.mkdir()
        mirror = Mirror(index, repository, projects=[])
        with Server(mirror.config(), "--on-demand", within=small_disk(repository, "4m")) as server:
            with http_get(server, f"/packages/{wheel.filename}") as left:
                left.read(1000)
            with http_get(server, f"/packages/{wheel.filename}") as slow:
                start = slow.read(1000)
                assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
                assert server.names("extra") == {wheel.filename, wrong.filename}
                assert start + slow.read() == wheel.content
            assert is_cut(server, f"/packages/{wrong.filename}")
            until(lambda: counted(server)["on_demand_failures"] == 4, "each is counted")
            assert counted(server)["on_demand_files"] == 0
            log = "\n".join(server.log())
        assert log.count(f"{wheel.filename} was passed on and not kept: the disk is full") == 3
        assert "Traceback" not in log

    def test_is_passed_on_after_the_disk_became_full(
        self, index: Index, repository: Path, tmp_path: Path
    ) -> None:
        """It fitted when its transfer began; then somebody uploaded another file."""
        wheel = index.add_wheel("extra", "1.0", padding=4 << 20)
        gate = index.hold(wheel.filename, after=1 << 20)
        repository.mkdir()
        save_password(tmp_path / "users")
        mirror, disk = Mirror(index, repository, projects=[]), small_disk(repository, "6m")
        options = ("--on-demand", "--htpasswd", tmp_path / "users")
        with Server(mirror.config(), *options, within=disk) as server:
            with http_get(server, f"/packages/{wheel.filename}") as response:
                assert gate.reached.wait(30)
                assert upload(server, "own-1.0.tar.gz", archive("own-1.0.tar.gz", 3 << 20)).status == 200
                gate.release()
                with pytest.raises(IncompleteRead):
                    response.read()
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content

    def test_of_a_project_that_became_local_meanwhile_is_not_kept(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        wheel = index.add_wheel("extra", "1.0", padding=3 << 20)
        gate = index.hold(wheel.filename, after=2 << 20)
        save_password(tmp_path / "users")
        with serving(mirror, "--htpasswd", tmp_path / "users") as server:
            with http_get(server, f"/packages/{wheel.filename}") as response:
                assert upload(server, "extra-2.0.tar.gz").status == 200
                gate.release()
                assert response.read() == wheel.content
            until(lambda: counted(server)["on_demand_failures"] == 1, "it is counted")
            assert counted(server)["on_demand_files"] == 0
            server.stop()
        assert wheel.filename not in mirror.names()
        assert not demanded(mirror.path)


def test_metrics_count_what_comes_and_what_does_not(mirror: Mirror, index: Index) -> None:
    wheels = [index.add_wheel("extra", version) for version in ("1.0", "2.0")]
    broken = index.add_wheel("extra", "3.0")
    index.fault(broken.filename, WrongBytes(), always=True)
    with serving(mirror) as server:
        for wheel in wheels:
            assert server.ask(f"/packages/{wheel.filename}").status == 200
            is_here(mirror, wheel)
        assert is_cut(server, f"/packages/{broken.filename}")
        assert server.ask("/simple/never/").status == 404
        size = sum(len(each.content) for each in wheels)
        wanted = {"on_demand_files": 2, "on_demand_bytes": size, "on_demand_failures": 1, "missed": 1}
        until(lambda: counted(server) == wanted, "all is counted")


class TestTheIndex:
    def test_that_is_down_leaves_what_is_here(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("extra", "1.0")
        index.add_wheel("extra", "2.0")
        with serving(mirror, serve={"on_demand_fresh": 0}) as server:
            assert server.ask(f"/packages/{wheel.filename}").status == 200
            is_here(mirror, wheel)
            index.close()
            reply = server.ask("/simple/extra/", headers={"Accept": JSON})
            assert [each["filename"] for each in reply.json()["files"]] == [wheel.filename]
            assert "110" in reply.headers["warning"]
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content
            assert server.ask("/packages/extra-2.0-py3-none-any.whl").status == 504
            reply = server.ask("/simple/never/")
            assert (reply.status, "reached" in reply.why) == (404, True)

    def test_that_hangs_costs_a_minute_one_wait(self, mirror: Mirror, index: Index) -> None:
        for name in ("one", "two", "three"):
            index.add_wheel(name, "1.0")
        index.fault("/simple/*", Stall(after=None, seconds=None), always=True)
        with serving(mirror, connect_timeout=1) as server:
            for name in ("one", "two", "three", "one"):
                assert server.ask(f"/simple/{name}/").status == 404
        assert len(index.requests) == 1

    def test_whose_files_hang_costs_a_minute_one_wait(self, mirror: Mirror, index: Index) -> None:
        for version in ("1.0", "2.0"):
            wheel = index.add_wheel("extra", version)
            index.fault(wheel.filename, Stall(after=0, seconds=None), always=True)
        with serving(mirror, connect_timeout=1) as server:
            assert len(server.names("extra")) == 2
            for version in ("1.0", "2.0", "1.0"):
                assert server.ask(f"/packages/extra-{version}-py3-none-any.whl").status == 504
            assert not server.names("extra")
        assert len(index.requests) == 2

    def test_that_was_slow_is_asked_again_once_it_answers(self, mirror: Mirror, index: Index) -> None:
        slow = index.add_wheel("extra", "1.0")
        index.add_wheel("other", "1.0")
        gate = index.hold(slow.filename, after=0)
        with serving(mirror, connect_timeout=1) as server:
            assert server.ask(f"/packages/{slow.filename}").status == 504
            assert not server.names("other")
            gate.release()
            is_here(mirror, slow)
            assert server.names("other")

    def test_may_be_a_page_of_links(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("ours", "1.0")
        links = f'<a href="{index.file_url(wheel)}#sha256={sha256(wheel.content).hexdigest()}">ours</a>'
        index.fault("/simple/links/", Body(links.encode(), "text/html"), always=True)
        rules = {"name": "links", "url": f"{index.url}links/", "projects": ["ours"], "kind": "find-links"}
        with serving(mirror, indexes=[rules]) as server:
            assert server.names("ours") == {wheel.filename}
            assert server.ask(f"/packages/{wheel.filename}").body == wheel.content

    @pytest.mark.parametrize(
        "fault",
        [
            Body(b"<html><title>Sign in</title><form></form></html>", "text/html"),
            Body(b"x" * (70 << 20), "application/vnd.pypi.simple.v1+json"),
            Status(403),
            Status(500),
        ],
        ids=["login page", "huge page", "403", "500"],
    )
    def test_that_sends_nonsense_costs_one_project(
        self, mirror: Mirror, index: Index, fault: Body | Status
    ) -> None:
        index.add_wheel("extra", "1.0")
        index.add_wheel("other", "1.0")
        index.fault("/simple/extra/", fault, always=True)
        with serving(mirror, connect_timeout=20) as server:
            assert server.ask("/simple/extra/").status == 404
            assert server.names("named")
            assert server.names("other")

    def test_cannot_offer_files_of_other_projects(self, mirror: Mirror, index: Index) -> None:
        foreign = index.add_wheel("named", "9.0")
        page = (
            f'<a href="{index.file_url(foreign)}">{foreign.filename}</a>'
            f'<a href="{index.file_url(foreign)}">../extra-1.0.tar.gz</a>'
        )
        index.fault("/simple/extra/", Body(page.encode(), "text/html"), always=True)
        with serving(mirror) as server:
            assert server.ask("/simple/extra/").status == 404
            assert server.ask(f"/packages/{foreign.filename}").status == 404


def http_get(server: Server, path: str) -> HTTPResponse:
    """Open a response, of which the body is not read yet."""
    found = urllib.request.urlopen(f"{server.url}{path[1:]}", timeout=30)
    assert isinstance(found, HTTPResponse)
    return found


def counted(server: Server) -> dict[str, float]:
    """Return the metrics of what clients ask for that is not here."""
    found = re.findall(
        r"(?m)^minimirror_(on_demand_\w+|missed)_total (\S+)", server.ask("/-/metrics").body.decode()
    )
    return {name: float(value) for name, value in found}


def is_cut(server: Server, path: str) -> bool:
    """Return whether a response is an error, or ends early."""
    try:
        return server.ask(path).status == 502
    except IncompleteRead:
        return True
