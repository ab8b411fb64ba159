"""`minimirror push` to a real pypiserver: which files are pushed, which are not, and why."""

from __future__ import annotations

import io
import json
import signal
import zipfile
from typing import TYPE_CHECKING

import pytest

from minimirror.storage import Catalog
from tests.helpers import distributions
from tests.helpers.bundles import Near
from tests.helpers.installers import install_from
from tests.helpers.pushing import ANN, Shelf, config, counts, push, pushed
from tests.helpers.running import DEADLINE, Command, Mirror
from tests.helpers.servers import Answer, gateway, pypiserver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.servers import Gateway


@pytest.fixture
def near(repository: Path) -> Near:
    """A mirror of two projects."""
    near = Near(repository)
    near.put("app", "1.0")
    near.put("needed-part", "2.0")
    return near


class TestChoice:
    def test_pushes_everything_then_nothing_then_the_new_release(
        self, server: Shelf, way: Gateway, index: Index, repository: Path, tmp_path: Path
    ) -> None:
        index.add_wheel("app", "1.0", requires=["Needed.Part>=2"])
        index.add_wheel("needed-part", "2.0", requires=["built"])
        index.add_sdist("built", "0.3")
        mirror = Mirror(index, repository)
        mirror.complete()
        first = push(repository, way.url)
        assert way.url in first.stdout
        assert first.stderr == ""
        assert server.files() == mirror.files()
        assert pushed(repository, f"{way.url}/")["files"] == counts(present=3)
        assert way.uploads == 3
        old = server.files()
        index.add_wheel("app", "1.1", requires=["needed-part"])
        mirror.complete()
        assert pushed(repository, f"{way.url}/simple/")["files"] == counts(present=2, uploaded=1)
        assert way.uploads == 4
        assert server.files() == {**old, **mirror.files()}
        installed = {"app==1.1", "needed-part==2.0", "built==0.3"}
        for tool in ("pip", "uv"):
            assert install_from(f"{server.origin}/simple/", tmp_path / tool, "app", tool=tool) == installed

    def test_compares_many_projects_with_one_page(self, near: Near, way: Gateway) -> None:
        for number in range(25):
            near.put(f"project-{number}", "1.0")
        push(near.path, way.url)
        near.put("app", "1.1")
        way.requests.clear()
        assert pushed(near.path, way.url)["files"] == counts(present=27, uploaded=1)
        pages = [path for method, path in way.requests if method == "GET" and path.startswith("/simple/a")]
        assert pages == ["/simple/app/"]
        assert not [path for _, path in way.requests if path.startswith("/simple/project-")]

    def test_pushes_selected_projects(self, near: Near, server: Shelf, way: Gateway) -> None:
        near.put("needed-extra", "1.0")
        push(near.path, way.url, "Needed.*")
        assert server.files().keys() == {
            "needed_part-2.0-py3-none-any.whl",
            "needed_extra-1.0-py3-none-any.whl",
        }
        push(near.path, way.url, "re:a.+")
        assert "app-1.0-py3-none-any.whl" in server.files()

    def test_refuses_unknown_projects(self, near: Near, way: Gateway) -> None:
        done = push(near.path, way.url, "app", "appp", "b*", exit_code=2)
        assert "appp, b*" in done.stderr
        done = push(near.path, way.url, "re:a(", exit_code=2)
        assert '"re:a("' in done.stderr
        assert way.uploads == 0

    def test_pushes_local_files_only_with_all(self, near: Near, server: Shelf, way: Gateway) -> None:
        local = distributions.wheel_filename("secret-plan", "1.0")
        (near.path / local).write_bytes(distributions.wheel("secret-plan", "1.0"))
        (near.path / "README.txt").write_text("no distribution")
        (note,) = pushed(near.path, way.url)["notes"]
        assert local in note
        assert "--all" in note
        assert local not in server.files()
        done = push(near.path, way.url, "secret-plan", exit_code=2)
        assert "--all" in done.stderr
        assert pushed(near.path, way.url, "--all")["notes"] == []
        assert server.files().keys() == near.files().keys() - {"README.txt"}

    def test_dry_run_lists_missing_files(self, near: Near, server: Shelf, way: Gateway) -> None:
        push(near.path, way.url, "app")
        done = push(near.path, way.url, "--dry-run", env={})
        assert "needed_part-2.0-py3-none-any.whl" in done.stdout
        assert "app-1.0-py3-none-any.whl" not in done.stdout
        size = len(distributions.wheel("needed-part", "2.0"))
        assert pushed(near.path, way.url, "--dry-run")["missing"] == [
            {"project": "needed-part", "filename": "needed_part-2.0-py3-none-any.whl", "size": size}
        ]
        assert server.files().keys() == {"app-1.0-py3-none-any.whl"}

    def test_notes_yanked_files(self, near: Near, way: Gateway) -> None:
        near.put("withdrawn", "1.0", yanked="broken")
        (note,) = pushed(near.path, way.url)["notes"]
        assert "withdrawn-1.0-py3-none-any.whl" in note

    def test_pushes_nothing_from_an_empty_mirror(self, repository: Path, way: Gateway) -> None:
        near = Near(repository)
        near.put_many("app", 0)
        assert pushed(repository, way.url)["files"] == counts()

    def test_refuses_a_folder_without_a_catalog(self, repository: Path, way: Gateway) -> None:
        assert "minimirror run" in push(repository, way.url, exit_code=2).stderr


class TestFailure:
    def test_never_replaces_a_different_file(self, near: Near, server: Shelf, way: Gateway) -> None:
        other = distributions.wheel("app", "1.0", padding=9)
        (server.folder / "app-1.0-py3-none-any.whl").write_bytes(other)
        done = push(near.path, way.url, exit_code=1)
        assert "app-1.0-py3-none-any.whl" in done.stdout
        assert server.files()["app-1.0-py3-none-any.whl"] == other
        assert "needed_part-2.0-py3-none-any.whl" in server.files()
        assert pushed(near.path, way.url, exit_code=1)["conflicts"] == ["app-1.0-py3-none-any.whl"]
        assert way.uploads == 1

    def test_does_not_push_changed_and_missing_files(self, near: Near, server: Shelf, way: Gateway) -> None:
        (near.path / "app-1.0-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.0", padding=9))
        near.put("gone", "1.0")
        (near.path / "gone-1.0-py3-none-any.whl").unlink()
        done = push(near.path, way.url, exit_code=1)
        assert "minimirror verify --hash --repair" in done.stdout
        names = ["app-1.0-py3-none-any.whl", "gone-1.0-py3-none-any.whl"]
        assert pushed(near.path, way.url, exit_code=1)["altered"] == names
        assert server.files().keys() == {"needed_part-2.0-py3-none-any.whl"}

    def test_does_not_push_files_that_twine_refuses(
        self, server: Shelf, way: Gateway, index: Index, repository: Path
    ) -> None:
        index.add_wheel("good", "1.0")
        index.add("old", "old-1.0-py2.7.egg", b"an egg")
        index.add_sdist("packed", "1.0", extension=".tar.bz2")
        index.add("broken", "broken-1.0-py3-none-any.whl", b"no zip archive")
        index.add(
            "strange", "strange-1.0-py3-none-any.whl", wheel_with("strange", b"Metadata-Version: 9.9\n")
        )
        bomb = b"Metadata-Version: 2.1\nName: bomb\nVersion: 1.0\n\n" + bytes(5 << 20)
        index.add("bomb", "bomb-1.0-py3-none-any.whl", wheel_with("bomb", bomb))
        Mirror(index, repository).complete()
        found = pushed(repository, way.url, exit_code=1)
        causes = {failure["filename"]: failure["cause"] for failure in found["failures"]}
        assert causes.keys() == {path.name for path in repository.glob("*-*")} - {"good-1.0-py3-none-any.whl"}
        assert causes["old-1.0-py2.7.egg"].startswith("twine ")
        assert "larger than 4194304 bytes" in causes["bomb-1.0-py3-none-any.whl"]
        assert server.files().keys() == {"good-1.0-py3-none-any.whl"}


def wheel_with(project: str, metadata: bytes) -> bytes:
    """Return a wheel with this metadata."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{project}-1.0.dist-info/METADATA", metadata)
    return stream.getvalue()


class TestInterruption:
    def test_continues_where_it_stopped(
        self, near: Near, server: Shelf, way: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in ANN.items():
            monkeypatch.setenv(name, value)
        near.put("third", "3.0")
        way.gate.clear()
        way.free = 1
        with Command("push", "--json", "--config", config(near.path), way.url) as command:
            assert way.held.acquire(timeout=DEADLINE)
            command.interrupt(signal.SIGINT)
            assert command.end() == 130
        found = json.loads(command.stdout)
        assert (found["interrupted"], found["files"]["uploaded"]) == (True, 1)
        assert command.stderr == ""
        way.gate.set()
        push(near.path, way.url)
        # The first file was there; the interrupted ones may have been, too.
        assert way.uploads <= 5
        assert server.files() == near.files()

    def test_pushes_while_a_run_changes_the_mirror(self, near: Near, server: Shelf, way: Gateway) -> None:
        with Catalog(near.repository.catalog) as catalog, near.repository.lock():
            catalog.remember("anything", "not committed")
            push(near.path, way.url)
        assert server.files() == near.files()


class TestOldServer:
    """A server that lists md5, or no digest at all."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "packages"
        folder.mkdir()
        return folder

    @pytest.mark.parametrize("algorithm", ["md5", "off"])
    def test_compares_what_it_lists(self, near: Near, folder: Path, tmp_path: Path, algorithm: str) -> None:
        options = ("run", "-P", ".", "-a", ".", "--disable-fallback", "--hash-algo", algorithm)
        with pypiserver(tmp_path / "home", *options, folder) as origin:
            push(near.path, origin, env={})
            (folder / "app-1.0-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.0", padding=9))
            found = pushed(near.path, origin, env={}, exit_code=int(algorithm == "md5"))
        assert found["conflicts"] == ["app-1.0-py3-none-any.whl"] * (algorithm == "md5")
        if algorithm == "md5":
            assert found["notes"] == []
        else:
            (note,) = found["notes"]
            assert "no digest" in note
            assert "app-1.0-py3-none-any.whl, needed_part-2.0-py3-none-any.whl" in note


class TestDestination:
    def test_accepts_the_url_of_the_simple_api(self, near: Near, way: Gateway) -> None:
        done = push(near.path, f"{way.url}/packages/", exit_code=2)
        assert f"no simple API found at {way.url}/packages/+simple/ (" in done.stderr
        assert "--simple-url" in done.stderr
        found = pushed(near.path, way.url, "--simple-url", f"{way.url}/simple")
        assert found["simple_url"] == f"{way.url}/simple/"
        done = push(near.path, way.url, "--simple-url", f"{way.url}/simpel/", exit_code=2)
        assert f"{way.url}/simpel/" in done.stderr

    def test_ignores_files_of_another_host(self, near: Near, index: Index, tmp_path: Path) -> None:
        """pypiserver redirects to its fallback index for projects that it does not have."""
        for path in near.path.glob("*.whl"):
            index.add(path.name.partition("-")[0], path.name, path.read_bytes())
        elsewhere = index.url.replace("127.0.0.1", "localhost")
        folder = tmp_path / "packages"
        folder.mkdir()
        options = ("run", "-P", ".", "-a", ".", "--fallback-url", elsewhere)
        with pypiserver(tmp_path / "home", *options, folder) as origin, gateway(origin) as way:
            push(near.path, way.url, env={})
        assert {path.name for path in folder.iterdir()} == near.files().keys()
        assert not index.requests

    def test_reports_an_unreachable_index(self, near: Near) -> None:
        done = push(near.path, "http://127.0.0.1:9/", exit_code=1, retries=0)
        assert "http://127.0.0.1:9/+simple/" in done.stderr
        assert "Connection refused" in done.stderr


class TestFailingServer:
    def test_retries(self, near: Near, server: Shelf, way: Gateway) -> None:
        way.next.extend([Answer(503, headers={"Retry-After": "0"})] * 2)
        push(near.path, way.url)
        assert way.uploads == 4
        assert server.files() == near.files()

    def test_notices_that_a_failed_upload_succeeded(self, near: Near, server: Shelf, way: Gateway) -> None:
        """The server stores the file but answers 502, and the retry fails because the file exists."""
        way.next.append(Answer(502, headers={"Retry-After": "0"}, passes=True))
        assert pushed(near.path, way.url)["files"] == counts(present=1, uploaded=1)
        assert server.files() == near.files()

    def test_fails_for_one_file(self, near: Near, server: Shelf, way: Gateway) -> None:
        page = (
            b"<html><head><title>x</title></head><body><h1>Oops</h1> the disk&#39;s \x1b[31m full"
            + b" x" * 500
        )
        way.next.extend([None, Answer(507, page)])
        found = pushed(near.path, way.url, exit_code=1, retries=0)
        (failure,) = found["failures"]
        assert failure["cause"].startswith("HTTP 507: Oops the disk's ?[31m full x x")
        assert len(failure["cause"]) < 220
        assert found["files"]["uploaded"] == len(server.files()) == 1

    def test_has_no_permission_for_one_project(self, near: Near, way: Gateway) -> None:
        near.put("third", "3.0")
        way.next.extend([None, Answer(403, b"not yours")])
        found = pushed(near.path, way.url, exit_code=1)
        assert [failure["cause"] for failure in found["failures"]] == ["HTTP 403: not yours"]
        assert found["files"]["uploaded"] == 2

    def test_does_not_follow_redirects(self, near: Near, way: Gateway) -> None:
        way.next.extend([Answer(302, headers={"Location": f"{way.url}/elsewhere"})] * 2)
        (failure, _) = pushed(near.path, way.url, exit_code=1)["failures"]
        assert failure["cause"].startswith("HTTP 302: ")
        assert way.uploads == 2
