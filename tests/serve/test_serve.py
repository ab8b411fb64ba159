"""What `minimirror serve` serves: pages, files, and nothing else."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import urllib.request
import zipfile
from typing import TYPE_CHECKING

import pytest
from pypi_simple import ProjectPage

from tests.helpers import distributions
from tests.helpers.index import Index
from tests.helpers.running import DEADLINE, Mirror, until
from tests.helpers.serving import JSON, Server, upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HTML = "application/vnd.pypi.simple.v1+html"
WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A folder with mirrored and local files, whose upstream index is gone."""
    with Index() as index:
        index.add_wheel("demo", "1.0", requires=["other"], requires_python=">=3.8", core_metadata=True)
        index.add_sdist("demo", "0.9", yanked="it broke <everything>")
        index.add_wheel("Other.Project", "2.0", upload_time=None)
        mirror = Mirror(index, tmp_path_factory.mktemp("served") / "repository", releases="all", yanked=True)
        mirror.complete()
    local = distributions.wheel("mine", "1.0", requires_python=">=3.9")
    mirror.put("mine-1.0-py3-none-any.whl", local)
    (mirror.path / "notes.txt").write_text("not to be served")
    (mirror.path / ".hidden-1.0.zip").write_text("not to be served")
    (mirror.path.parent / "outside-1.0.zip").write_text("not to be served")
    return mirror


@pytest.fixture(scope="module")
def server(mirrored: Mirror) -> Iterator[Server]:
    with Server(mirrored.config()) as server:
        yield server


@pytest.mark.parametrize("path", ["/pypi/Demo/json", "/demo/json", "/pypi/demo/1.0/json", "/demo/1.0/json"])
def test_legacy_json_has_digests(server: Server, mirrored: Mirror, path: str) -> None:
    with urllib.request.urlopen(f"{server.url}{path[1:]}") as response:
        found = json.load(response)
    content = (mirrored.path / WHEEL).read_bytes()
    assert found["info"] == {"name": "demo", "version": "1.0", "requires_python": ">=3.8"}
    assert found["urls"] == found["releases"]["1.0"]
    (file,) = found["urls"]
    assert file["filename"] == WHEEL
    assert file["digests"] == {"sha256": hashlib.sha256(content).hexdigest()}
    assert (file["packagetype"], file["size"]) == ("bdist_wheel", len(content))
    (yanked,) = found["releases"]["0.9"]
    assert (yanked["yanked"], yanked["yanked_reason"]) == (True, "it broke <everything>")
    with urllib.request.urlopen(file["url"]) as response:
        assert response.read() == content


class TestPage:
    def test_json_has_everything_known(self, server: Server, mirrored: Mirror) -> None:
        page = server.page("demo")
        sdist, wheel = page["files"]
        content = (mirrored.path / WHEEL).read_bytes()
        assert page["meta"] == {"api-version": "1.4"}
        assert page["versions"] == ["0.9", "1.0"]
        assert wheel == {
            "filename": WHEEL,
            "url": f"../../packages/{WHEEL}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "upload-time": "2024-01-02T03:04:05.000000Z",
            "requires-python": ">=3.8",
            "core-metadata": {"sha256": hashlib.sha256(_metadata_of_demo()).hexdigest()},
        }
        assert sdist["yanked"] == "it broke <everything>"

    @pytest.mark.parametrize("accept", [HTML, JSON])
    def test_pypi_simple_reads_it(self, server: Server, accept: str) -> None:
        reply = server.ask("/simple/demo/", headers={"Accept": accept})
        if accept == JSON:
            page = ProjectPage.from_json_data(reply.json(), f"{server.simple}demo/")
        else:
            page = ProjectPage.from_html("demo", reply.body.decode(), f"{server.simple}demo/")
        sdist, wheel = page.packages
        assert (wheel.url, wheel.requires_python, wheel.is_yanked) == (
            f"{server.url}packages/{WHEEL}",
            ">=3.8",
            False,
        )
        assert (sdist.is_yanked, sdist.yanked_reason) == (True, "it broke <everything>")
        assert wheel.has_metadata

    def test_lists_local_files(self, server: Server, mirrored: Mirror) -> None:
        (file,) = server.page("mine")["files"]
        content = (mirrored.path / "mine-1.0-py3-none-any.whl").read_bytes()
        assert file["hashes"] == {"sha256": hashlib.sha256(content).hexdigest()}
        assert (file["size"], file["requires-python"]) == (len(content), ">=3.9")
        reply = server.ask("/packages/mine-1.0-py3-none-any.whl.metadata")
        assert file["core-metadata"] == {"sha256": hashlib.sha256(reply.body).hexdigest()}

    def test_local_sdist_needs_the_python_that_it_or_its_wheel_says(
        self, server: Server, mirrored: Mirror
    ) -> None:
        paths = [mirrored.put(name, content) for name, content in distributions.RELEASES.items()]
        until(lambda: len(server.names("local")) == len(paths), "all are served")
        found = {file["filename"]: file.get("requires-python") for file in server.page("local")["files"]}
        assert found == distributions.RELEASES_NEED
        for path in paths:
            path.unlink()
        until(lambda: server.ask("/simple/local/").status == 404, "they are gone")

    def test_does_not_list_half_of_a_local_file(self, server: Server, mirrored: Mirror) -> None:
        """Neither while it is being copied, nor if the copying has ended early."""
        copied = mirrored.put("copied-1.0-py3-none-any.whl", distributions.wheel("copied", "1.0"))
        half = mirrored.put("half-1.0.tar.gz", distributions.sdist("half", "1.0", padding=1000)[:900])
        seen = mirrored.put("seen-1.0-py3-none-any.whl", distributions.wheel("seen", "1.0"))

        def ask(path: str) -> bytes:
            os.utime(copied)
            return server.ask(path).body

        until(lambda: b">seen<" in ask("/simple/"), "the folder was read")
        for project in ("copied", "half"):
            assert ask(f"/simple/{project}/").decode() == f"project {project} is not mirrored here\n"
            assert f">{project}<".encode() not in ask("/simple/")
            assert f">{project}-1.0".encode() not in ask("/packages/")
        half.write_bytes(distributions.sdist("half", "1.0", padding=1000))
        for path in (copied, half):
            os.utime(path, (1, 1))
            project = path.name.partition("-")[0]
            assert server.names(project) == {path.name}
            assert f">{project}<".encode() in server.ask("/simple/").body
        for path in (copied, half, seen):
            path.unlink()
        until(lambda: server.ask("/simple/seen/").status == 404, "they are gone")

    def test_follows_changes_of_local_files(self, server: Server, mirrored: Mirror) -> None:
        assert server.ask("/simple/fresh/").status == 404
        path = mirrored.put("fresh-1.0.tar.gz", distributions.sdist("fresh", "1.0"))
        until(lambda: server.names("fresh") == {path.name}, "it is served")
        before = server.page("fresh")["files"][0]["hashes"]
        mirrored.put(path.name, distributions.sdist("fresh", "1.0", padding=10), age=50)
        until(lambda: server.page("fresh")["files"][0]["hashes"] != before, "its digest is another")
        path.unlink()
        until(lambda: server.ask("/simple/fresh/").status == 404, "it is gone")
        until(lambda: b"fresh" not in server.ask("/simple/").body, "the root does not name it")

    def test_omits_missing_and_incomplete_files(self, index: Index, repository: Path) -> None:
        for version in ("1.0", "2.0", "3.0"):
            index.add_wheel("demo", version)
        mirror = Mirror(index, repository, releases="all")
        mirror.complete()
        names = sorted(mirror.names())
        (mirror.path / names[0]).unlink()
        (mirror.path / names[1]).write_bytes(b"half")
        with Server(mirror.config()) as server:
            assert server.names("demo") == {names[2]}

    def test_shows_that_a_project_is_quarantined(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        index.status("demo", "quarantined")
        mirror = Mirror(index, repository, projects=["demo"])
        mirror.run()
        with Server(mirror.config()) as server:
            page = server.page("demo")
        assert (page["project-status"], page["files"]) == ({"status": "quarantined"}, [])

    def test_root_lists_each_project_once(self, server: Server) -> None:
        names = [each["name"] for each in server.ask("/simple/", headers={"Accept": JSON}).json()["projects"]]
        assert names == ["demo", "mine", "other-project"]
        html = server.ask("/simple/").body.decode()
        assert [name for name in names if f'<a href="{name}/">{name}</a>' in html] == names

    @pytest.mark.parametrize(
        ("path", "location"),
        [
            ("/simple", "simple/"),
            ("/simple/demo", "demo/"),
            ("/simple/Other.Project/", "../other-project/"),
            ("/simple/Other_Project", "other-project/"),
            ("/packages", "packages/"),
            ("/Demo/", "../simple/demo/"),
            ("/demo", "simple/demo/"),
        ],
    )
    def test_redirects_to_the_normalized_url(self, server: Server, path: str, location: str) -> None:
        reply = server.ask(path)
        assert (reply.status, reply.headers["Location"]) == (301, location)

    def test_an_icon_for_browsers_is_no_project(self, server: Server) -> None:
        assert server.ask("/favicon.ico").status == 204

    @pytest.mark.parametrize(
        ("accept", "content_type"),
        [
            ("", "text/html; charset=utf-8"),
            ("*/*", "text/html; charset=utf-8"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
            (JSON, JSON),
            ("application/vnd.pypi.simple.latest+json", JSON),
            (f"{JSON}, {HTML};q=0.1, text/html;q=0.01", JSON),
            (f"{JSON};q=0.2, {HTML}", f"{HTML}; charset=utf-8"),
            (f"{JSON};q=0, */*;q=0.5", "text/html; charset=utf-8"),
        ],
    )
    def test_has_the_preferred_media_type(self, server: Server, accept: str, content_type: str) -> None:
        reply = server.ask("/simple/demo/", headers={"Accept": accept} if accept else {})
        assert (reply.status, reply.headers["Content-Type"]) == (200, content_type)
        assert reply.headers["Vary"] == "Accept"

    def test_has_no_other_media_type(self, server: Server) -> None:
        assert server.ask("/simple/demo/", headers={"Accept": "application/xml"}).status == 406

    def test_is_not_sent_again_if_unchanged(self, server: Server) -> None:
        etag = server.ask("/simple/demo/").headers["ETag"]
        again = server.ask("/simple/demo/", headers={"If-None-Match": etag})
        assert (again.status, again.body) == (304, b"")
        other = server.ask("/simple/demo/", headers={"If-None-Match": etag, "Accept": JSON})
        assert other.status == 200

    def test_keeps_the_connection_open(self, server: Server) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
        etag, seen = "", []
        for _ in range(3):
            connection.request("GET", "/simple/demo/", headers={"If-None-Match": etag})
            response = connection.getresponse()
            response.read()
            etag = response.headers["ETag"]
            seen.append((response.status, connection.sock and connection.sock.getsockname()))
        connection.close()
        assert seen == [(200, seen[0][1]), (304, seen[0][1]), (304, seen[0][1])]
        assert seen[0][1]


class TestFile:
    def test_is_sent_whole(self, server: Server, mirrored: Mirror) -> None:
        reply = server.ask(f"/packages/{WHEEL}")
        assert reply.body == (mirrored.path / WHEEL).read_bytes()
        assert reply.headers["Content-Type"] == "application/octet-stream"
        assert reply.headers["Last-Modified"] == "Tue, 02 Jan 2024 03:04:05 GMT"

    def test_answers_head(self, server: Server, mirrored: Mirror) -> None:
        reply = server.ask(f"/packages/{WHEEL}", "HEAD")
        size = (mirrored.path / WHEEL).stat().st_size
        assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", str(size))

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=100-", 100, None), ("bytes=-5", -5, None)],
    )
    def test_sends_a_range(
        self, server: Server, mirrored: Mirror, asked: str, first: int, last: int | None
    ) -> None:
        content = (mirrored.path / WHEEL).read_bytes()
        reply = server.ask(f"/packages/{WHEEL}", headers={"Range": asked})
        assert (reply.status, reply.body) == (206, content[first : None if last is None else last + 1])
        begin = first % len(content)
        end = len(content) - 1 if last is None else last
        assert reply.headers["Content-Range"] == f"bytes {begin}-{end}/{len(content)}"

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ("bytes=1000000-", 416),
            ("bytes=-0", 416),
            ("bytes=5-4", 200),
            ("bytes=0-1,5-6", 200),
            ("a=1-2", 200),
        ],
    )
    def test_answers_an_impossible_range(self, server: Server, asked: str, status: int) -> None:
        assert server.ask(f"/packages/{WHEEL}", headers={"Range": asked}).status == status

    def test_sends_no_range_of_a_changed_file(self, server: Server) -> None:
        etag = server.ask(f"/packages/{WHEEL}").headers["ETag"]
        asked = {"Range": "bytes=0-9"}
        assert server.ask(f"/packages/{WHEEL}", headers={**asked, "If-Range": etag}).status == 206
        assert server.ask(f"/packages/{WHEEL}", headers={**asked, "If-Range": '"other"'}).status == 200

    def test_is_not_sent_again_if_unchanged(self, server: Server) -> None:
        headers = server.ask(f"/packages/{WHEEL}").headers
        for condition, value in (
            ("If-None-Match", headers["ETag"]),
            ("If-None-Match", f'"other", W/{headers["ETag"]}'),
            ("If-Modified-Since", headers["Last-Modified"]),
        ):
            assert server.ask(f"/packages/{WHEEL}", headers={condition: value}).status == 304
        assert server.ask(f"/packages/{WHEEL}", headers={"If-None-Match": '"other"'}).status == 200
        assert server.ask(f"/packages/{WHEEL}", headers={"If-Modified-Since": "yesterday"}).status == 200

    def test_has_core_metadata(self, server: Server) -> None:
        assert server.ask(f"/packages/{WHEEL}.metadata").body == _metadata_of_demo()
        assert server.ask("/packages/demo-0.9.tar.gz.metadata").status == 404

    def test_corrects_a_wrong_digest_of_core_metadata(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        wheel = index.add_wheel("demo", "2.0", core_metadata={"sha256": "0" * 64})
        mirror = Mirror(index, repository)
        mirror.complete()
        with Server(mirror.config()) as server:
            sent = server.ask(f"/packages/{wheel.filename}.metadata").body
            (file,) = server.page("demo")["files"]
        assert file["core-metadata"] == {"sha256": hashlib.sha256(sent).hexdigest()}

    def test_offers_no_core_metadata_on_which_pip_fails(self, index: Index, repository: Path) -> None:
        """pip reads text that is not UTF-8 from a wheel, but not beside one."""
        index.add("demo", WHEEL, in_latin_1(distributions.wheel("demo", "1.0")))
        mirror = Mirror(index, repository, simple=True)
        mirror.complete()
        mirror.put("mine-1.0-py3-none-any.whl", in_latin_1(distributions.wheel("mine", "1.0")))
        with Server(mirror.config()) as server:
            for project in ("demo", "mine"):
                (file,) = server.page(project)["files"]
                assert "core-metadata" not in file
                assert server.ask(f"/packages/{file['filename']}.metadata").status == 404
        assert not (repository / f"{WHEEL}.metadata").exists()

    def test_serves_a_local_wheel_without_core_metadata(self, index: Index, repository: Path) -> None:
        index.add_wheel("other", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        content = distributions.sdist("demo", "1.0", extension=".zip")
        mirror.put(WHEEL, content)
        with Server(mirror.config()) as server:
            (file,) = server.page("demo")["files"]
            assert "core-metadata" not in file
            assert server.ask(f"/packages/{WHEEL}.metadata").status == 404
            assert server.ask(f"/packages/{WHEEL}").body == content


class TestOtherSites:
    """Python in a browser installs from a page of another site (CORS)."""

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        "path",
        [
            "/simple/",
            "/simple/demo/",
            f"/packages/{WHEEL}",
            f"/packages/{WHEEL}.metadata",
            "/pypi/demo/json",
            "/simple/demo",
            "/simple/nothing/",
        ],
    )
    def test_may_read_everything(self, server: Server, method: str, path: str) -> None:
        for headers in ({}, {"Accept": JSON, "Range": "bytes=0-9", "Origin": "https://example.org"}):
            reply = server.ask(path, method, headers=headers)
            assert reply.headers.get_all("Access-Control-Allow-Origin") == ["*"]

    def test_may_read_that_nothing_has_changed(self, server: Server) -> None:
        for path in ("/simple/demo/", f"/packages/{WHEEL}"):
            etag = server.ask(path).headers["ETag"]
            reply = server.ask(path, headers={"If-None-Match": etag})
            assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (304, "*")

    @pytest.mark.parametrize("path", ["/simple/demo/", f"/packages/{WHEEL}", "/", "/nothing/at/all"])
    def test_may_ask_what_they_may_do(self, server: Server, path: str) -> None:
        asks = {"Origin": "https://example.org", "Access-Control-Request-Headers": "range, if-none-match"}
        reply = server.ask(path, "OPTIONS", headers={**asks, "Access-Control-Request-Method": "GET"})
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert reply.headers["Access-Control-Allow-Headers"] == "*"

    def test_may_not_upload(self, server: Server) -> None:
        reply = upload(server, "mine-2.0.zip")
        assert "Access-Control-Allow-Origin" not in reply.headers


class TestProtection:
    @pytest.mark.parametrize(
        "path",
        [
            "/.minimirror/catalog.sqlite",
            "/packages/.minimirror/catalog.sqlite",
            "/packages/.minimirror%2Fcatalog.sqlite",
            "/packages/../outside-1.0.zip",
            "/packages/..%2Foutside-1.0.zip",
            "/packages/%2e%2e/outside-1.0.zip",
            "/packages/..%5Coutside-1.0.zip",
            "/packages//etc/passwd",
            "/packages/%2Fetc%2Fpasswd",
            "/packages/.hidden-1.0.zip",
            "/packages/notes.txt",
            "/packages/demo-1.0",
            f"/packages/{WHEEL}%00.zip",
            f"/packages/{WHEEL}/",
            "/packages/" + "a" * 5000 + "-1.0.zip",
            "/simple/../packages/notes.txt",
            "/simple/demo/notes.txt",
            "/simple/%2e%2e/",
            "/simple/d%C3%A9mo/",
            "/simple/-demo/",
            "/simple/" + "a" * 5000 + "/",
            "/pypi/demo/" + "9" * 5000 + "/json",
        ],
    )
    def test_serves_no_other_file(self, server: Server, path: str) -> None:
        reply = server.ask(path)
        assert reply.status in {301, 302, 303, 400, 404}, reply
        assert b"not to be served" not in reply.body
        assert b"SQLite format" not in reply.body

    @pytest.mark.parametrize(
        "path", ["/simple/a%0d%0aX-Evil:%201", "/a%0d%0aX-Evil:%201/", "/packages/%0d%0aX-Evil:1"]
    )
    def test_puts_nothing_into_the_headers(self, server: Server, path: str) -> None:
        reply = server.ask(path)
        assert reply.status in {400, 404}
        assert "X-Evil" not in reply.headers

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_supports_no_other_method(self, server: Server, mirrored: Mirror, method: str) -> None:
        assert server.ask(f"/packages/{WHEEL}", method, b"x").status == 405
        assert WHEEL in mirrored.names()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
    def test_ignores_fifos_and_folders(self, server: Server, mirrored: Mirror) -> None:
        fifo, folder = mirrored.path / "pipe-1.0.zip", mirrored.path / "folder-1.0.zip"
        os.mkfifo(fifo)
        folder.mkdir()
        try:
            for path in (fifo, folder):
                assert server.ask(f"/packages/{path.name}").status == 404
                assert server.names(path.name.partition("-")[0]) == set()
        finally:
            fifo.unlink()
            folder.rmdir()

    def test_does_not_fall_back_to_another_index(self, server: Server) -> None:
        reply = server.ask("/simple/requests/")
        assert (reply.status, reply.headers["Location"]) == (404, None)


class TestOtherPages:
    def test_welcome(self, server: Server) -> None:
        page = server.ask("/").body.decode()
        assert "4 files" in page
        assert f"pip install --index-url {server.simple} PROJECT" in page

    def test_list_of_files(self, server: Server, mirrored: Mirror) -> None:
        page = server.ask("/packages/").body.decode()
        digest = hashlib.sha256((mirrored.path / WHEEL).read_bytes()).hexdigest()
        assert f'<a href="{WHEEL}#sha256={digest}" data-requires-python="&gt;=3.8">{WHEEL}</a>' in page
        assert 'data-yanked="it broke &lt;everything&gt;">demo-0.9.tar.gz</a>' in page
        assert ">mine-1.0-py3-none-any.whl</a>" in page

    def test_devpi_client_finds_the_pages(self, server: Server) -> None:
        found = server.ask("/+api", headers={"Accept": "application/json"}).json()
        assert (found["type"], found["result"]["index"]) == ("apiconfig", server.url)
        assert found["result"]["simpleindex"] == f"{server.url}+simple/"
        assert server.ask("/", headers={"Accept": "application/json"}).json()["type"] == "indexconfig"

    @pytest.mark.parametrize("path", ["/+simple/demo/", "/+simple/"])
    def test_address_that_hatch_looks_at(self, server: Server, path: str) -> None:
        assert server.ask(path).body == server.ask(path.replace("+", "")).body

    @pytest.mark.parametrize("path", ["/robots.txt", "/apple-touch-icon.png", "/legacy/"])
    def test_what_browsers_and_robots_look_for_is_no_project(self, server: Server, path: str) -> None:
        assert server.ask(path).status == 404

    def test_health(self, server: Server) -> None:
        assert server.ask("/health").body == b"Ok"


def in_latin_1(wheel: bytes) -> bytes:
    """Return the wheel with a METADATA that is not UTF-8."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            more = b"Author: Andr\xe9\n" if name.endswith("/METADATA") else b""
            new.writestr(name, old.read(name) + more)
    return changed.getvalue()


def _metadata_of_demo() -> bytes:
    return distributions.core_metadata("demo", "1.0", requires=["other"], requires_python=">=3.8")
