"""`minimirror push` into a real pypiserver: what is pushed, what is not, and what is said of it."""

from __future__ import annotations

import io
import re
import signal
import zipfile
from typing import TYPE_CHECKING

import pytest

from minimirror.common import format_size
from minimirror.storage.catalog import Catalog
from tests.helpers import distributions
from tests.helpers.bundles import Near
from tests.helpers.installers import install_from
from tests.helpers.pushing import ANN, Shelf, config, push, pushed, shelf
from tests.helpers.running import DEADLINE, Command, Mirror
from tests.helpers.servers import Answer, gateway, pypiserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.servers import Gateway

CONFLICT = "another file of that name is there, with another digest; it is never replaced"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with shelf(tmp_path_factory.mktemp("pypiserver")) as server:
        yield server


@pytest.fixture
def way(server: Shelf) -> Iterator[Gateway]:
    with server.emptied() as way:
        yield way


@pytest.fixture
def near(repository: Path) -> Near:
    """A mirror of two projects."""
    near = Near(repository)
    near.put("app", "1.0")
    near.put("needed-part", "2.0")
    return near


class TestWhatIsPushed:
    def test_everything_then_nothing_then_the_new_release(
        self, server: Shelf, way: Gateway, index: Index, repository: Path, tmp_path: Path
    ) -> None:
        index.add_wheel("app", "1.0", requires=["Needed.Part>=2"])
        index.add_wheel("needed-part", "2.0", requires=["built"])
        index.add_sdist("built", "0.3")
        mirror = Mirror(index, repository)
        mirror.complete()
        first = push(repository, way.url)
        assert re.fullmatch(
            rf"Everything is uploaded to {way.url}\n"
            r"  files   3 chosen; 3 uploaded \([0-9.]+ kB\), 0 already there\n"
            r"  time    \d+\.\d s\n",
            first.stdout,
        )
        assert first.stderr == ""
        assert server.files() == mirror.files()
        assert "3 chosen; 0 uploaded (0 B), 3 already there" in push(repository, f"{way.url}/").stdout
        assert way.uploads == 3
        old = server.files()
        index.add_wheel("app", "1.1", requires=["needed-part"])
        mirror.complete()
        assert pushed(repository, f"{way.url}/simple/")["files"] == {
            "chosen": 3, "present": 2, "uploaded": 1, "failed": 0,
        }  # fmt: skip
        assert way.uploads == 4
        assert server.files() == {**old, **mirror.files()}
        installed = {"app==1.1", "needed-part==2.0", "built==0.3"}
        for tool in ("pip", "uv"):
            assert install_from(f"{server.origin}/simple/", tmp_path / tool, "app", tool=tool) == installed

    def test_many_projects_are_compared_by_one_page(self, near: Near, way: Gateway) -> None:
        for number in range(25):
            near.put(f"project-{number}", "1.0")
        push(near.path, way.url)
        near.put("app", "1.1")
        way.requests.clear()
        assert pushed(near.path, way.url)["files"] == {
            "chosen": 28, "present": 27, "uploaded": 1, "failed": 0,
        }  # fmt: skip
        pages = [path for method, path in way.requests if method == "GET" and path.startswith("/simple/a")]
        assert pages == ["/simple/app/"]
        assert not [path for _, path in way.requests if path.startswith("/simple/project-")]

    def test_some_projects(self, near: Near, server: Shelf, way: Gateway) -> None:
        near.put("needed-extra", "1.0")
        push(near.path, way.url, "Needed.*")
        assert server.files().keys() == {
            "needed_part-2.0-py3-none-any.whl",
            "needed_extra-1.0-py3-none-any.whl",
        }
        push(near.path, way.url, "re:a.+")
        assert "app-1.0-py3-none-any.whl" in server.files()

    def test_projects_that_there_are_not(self, near: Near, way: Gateway) -> None:
        done = push(near.path, way.url, "app", "appp", "b*", exit_code=2)
        assert done.stderr == "error: nothing is mirrored of: appp, b*\n"
        done = push(near.path, way.url, "re:a(", exit_code=2)
        assert done.stderr.startswith('error: invalid regular expression "re:a("')
        assert way.uploads == 0

    def test_own_packages_only_if_asked(self, near: Near, server: Shelf, way: Gateway) -> None:
        own = distributions.wheel_filename("secret-plan", "1.0")
        (near.path / own).write_bytes(distributions.wheel("secret-plan", "1.0"))
        (near.path / "README.txt").write_text("no distribution")
        done = push(near.path, way.url)
        assert f"note: {own} is not minimirror's, and not pushed; --all pushes them as well" in done.stdout
        assert own not in server.files()
        done = push(near.path, way.url, "secret-plan", exit_code=2)
        assert "nothing is mirrored of: secret-plan; --all pushes what" in done.stderr
        assert pushed(near.path, way.url, "--all")["notes"] == []
        assert server.files().keys() == near.files().keys() - {"README.txt"}

    def test_dry_run_lists_what_is_missing(self, near: Near, server: Shelf, way: Gateway) -> None:
        push(near.path, way.url, "app")
        done = push(near.path, way.url, "--dry-run", env={})
        count = len(distributions.wheel("needed-part", "2.0"))
        assert done.stdout.splitlines()[:3] == [
            f"missing there: needed_part-2.0-py3-none-any.whl ({format_size(count)})",
            f"Not everything is at {way.url} yet; nothing was uploaded.",
            f"  files   2 chosen; 1 missing ({format_size(count)}), 1 already there",
        ]
        assert pushed(near.path, way.url, "--dry-run")["missing"] == [
            {"project": "needed-part", "filename": "needed_part-2.0-py3-none-any.whl", "size": count}
        ]
        assert server.files().keys() == {"app-1.0-py3-none-any.whl"}

    def test_yanked_files_are_named(self, near: Near, way: Gateway) -> None:
        near.put("withdrawn", "1.0", yanked="broken")
        (note,) = pushed(near.path, way.url)["notes"]
        assert note.startswith("withdrawn-1.0-py3-none-any.whl is yanked by their authors")

    def test_empty_mirror(self, repository: Path, way: Gateway) -> None:
        near = Near(repository)
        near.put_many("app", 0)
        assert "there is nothing to push" in push(repository, way.url).stdout


class TestWhatIsNot:
    def test_conflict_is_never_replaced(self, near: Near, server: Shelf, way: Gateway) -> None:
        other = distributions.wheel("app", "1.0", padding=9)
        (server.folder / "app-1.0-py3-none-any.whl").write_bytes(other)
        done = push(near.path, way.url, exit_code=1)
        assert f"not there: app-1.0-py3-none-any.whl: {CONFLICT}" in done.stdout
        assert "Incomplete: 1 not at" in done.stdout
        assert server.files()["app-1.0-py3-none-any.whl"] == other
        assert "needed_part-2.0-py3-none-any.whl" in server.files()
        assert pushed(near.path, way.url, exit_code=1)["conflicts"] == ["app-1.0-py3-none-any.whl"]
        assert way.uploads == 1

    def test_altered_and_missing_files(self, near: Near, server: Shelf, way: Gateway) -> None:
        (near.path / "app-1.0-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.0", padding=9))
        near.put("gone", "1.0")
        (near.path / "gone-1.0-py3-none-any.whl").unlink()
        done = push(near.path, way.url, exit_code=1)
        assert (
            "not there: app-1.0-py3-none-any.whl: it has been altered here since it was placed" in done.stdout
        )
        assert "not there: gone-1.0-py3-none-any.whl: it is missing here" in done.stdout
        assert "`minimirror verify --hash --repair` fetches" in done.stdout
        assert server.files().keys() == {"needed_part-2.0-py3-none-any.whl"}

    def test_files_that_twine_does_not_upload(
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
        assert causes["old-1.0-py2.7.egg"].startswith("twine does not upload it: ")
        assert "larger than 4194304 bytes" in causes["bomb-1.0-py3-none-any.whl"]
        assert server.files().keys() == {"good-1.0-py3-none-any.whl"}

    def test_no_catalog(self, repository: Path, way: Gateway) -> None:
        assert "`minimirror run` makes one" in push(repository, way.url, exit_code=2).stderr


def wheel_with(project: str, metadata: bytes) -> bytes:
    """A wheel that says this of itself."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{project}-1.0.dist-info/METADATA", metadata)
    return stream.getvalue()


class TestInterrupted:
    def test_goes_on_where_it_stopped(
        self, near: Near, server: Shelf, way: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in ANN.items():
            monkeypatch.setenv(name, value)
        near.put("third", "3.0")
        way.gate.clear()
        way.free = 1
        with Command("push", "--config", config(near.path), way.url) as command:
            assert way.held.acquire(timeout=DEADLINE)
            command.interrupt(signal.SIGINT)
            assert command.end() == 130
        assert command.stdout.startswith("Interrupted; ")
        assert "3 chosen; 1 uploaded" in command.stdout
        assert command.stderr == ""
        way.gate.set()
        push(near.path, way.url)
        # The first was there, whatever became of those that were on their way.
        assert way.uploads <= 5
        assert server.files() == near.files()

    def test_while_a_run_changes_the_mirror(self, near: Near, server: Shelf, way: Gateway) -> None:
        with Catalog(near.repository.catalog) as catalog, near.repository.lock():
            catalog.remember("anything", "not committed")
            push(near.path, way.url)
        assert server.files() == near.files()


class TestOldServer:
    """One that tells md5, or no digest at all."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "packages"
        folder.mkdir()
        return folder

    @pytest.mark.parametrize("algorithm", ["md5", "off"])
    def test_compares_what_there_is(self, near: Near, folder: Path, tmp_path: Path, algorithm: str) -> None:
        options = ("run", "-P", ".", "-a", ".", "--disable-fallback", "--hash-algo", algorithm)
        with pypiserver(tmp_path / "home", *options, folder) as origin:
            push(near.path, origin, env={})
            (folder / "app-1.0-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.0", padding=9))
            found = pushed(near.path, origin, env={}, exit_code=int(algorithm == "md5"))
        assert found["conflicts"] == ["app-1.0-py3-none-any.whl"] * (algorithm == "md5")
        note = (
            "app-1.0-py3-none-any.whl, needed_part-2.0-py3-none-any.whl are there under that name, and the"
            " index tells no digest to compare"
        )
        assert found["notes"] == [note] * (algorithm == "off")


class TestWhere:
    def test_simple_api_elsewhere(self, near: Near, way: Gateway) -> None:
        done = push(near.path, f"{way.url}/packages/", exit_code=2)
        assert f"there is no simple API at {way.url}/packages/+simple/ (" in done.stderr
        assert done.stderr.endswith("; give it: --simple-url URL, as for pip\n")
        found = pushed(near.path, way.url, "--simple-url", f"{way.url}/simple")
        assert found["simple_url"] == f"{way.url}/simple/"
        done = push(near.path, way.url, "--simple-url", f"{way.url}/simpel/", exit_code=2)
        assert "it is the URL from which pip would install" in done.stderr

    def test_what_another_host_has_is_not_there(self, near: Near, index: Index, tmp_path: Path) -> None:
        """pypiserver redirects to its fallback for what it has not."""
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

    def test_nobody_listens(self, near: Near) -> None:
        done = push(near.path, "http://127.0.0.1:9/", exit_code=1, retries=0)
        assert done.stderr == (
            "error: http://127.0.0.1:9/+simple/ cannot be asked for what is there: the connection failed:"
            " Connection refused\n"
        )


class TestServerThatFails:
    def test_tries_again(self, near: Near, server: Shelf, way: Gateway) -> None:
        way.next.extend([Answer(503, headers={"Retry-After": "0"})] * 2)
        push(near.path, way.url)
        assert way.uploads == 4
        assert server.files() == near.files()

    def test_answer_that_was_lost(self, near: Near, server: Shelf, way: Gateway) -> None:
        """The server has it, says that it failed, and next that there is such a file."""
        way.next.append(Answer(502, headers={"Retry-After": "0"}, passes=True))
        assert pushed(near.path, way.url)["files"] == {
            "chosen": 2, "present": 1, "uploaded": 1, "failed": 0,
        }  # fmt: skip
        assert server.files() == near.files()

    def test_fails_for_good_for_one_file(self, near: Near, server: Shelf, way: Gateway) -> None:
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

    def test_no_permission_for_one_project(self, near: Near, way: Gateway) -> None:
        near.put("third", "3.0")
        way.next.extend([None, Answer(403, b"not yours")])
        found = pushed(near.path, way.url, exit_code=1)
        assert [failure["cause"] for failure in found["failures"]] == ["HTTP 403: not yours"]
        assert found["files"]["uploaded"] == 2

    def test_redirect_is_not_followed(self, near: Near, way: Gateway) -> None:
        way.next.extend([Answer(302, headers={"Location": f"{way.url}/elsewhere"})] * 2)
        (failure, _) = pushed(near.path, way.url, exit_code=1)["failures"]
        assert (
            failure["cause"] == "HTTP 302: the server sends uploads elsewhere: give the URL that takes them"
        )
