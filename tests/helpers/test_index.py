"""The test index must be right, because all other tests depend on it."""

from __future__ import annotations

import gzip
import http.client
import io
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, get_args

import pytest
import requests
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, NoSuchProjectError, ProjectStatus, PyPISimple

from tests.helpers import distributions
from tests.helpers.index import (
    Body,
    Chunked,
    Drip,
    Headers,
    IgnoreRange,
    Index,
    Redirect,
    Reset,
    Stall,
    Status,
    Together,
    Truncate,
    WrongBytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pypi_simple import DistributionPackage, ProjectPage

    Factory = Callable[..., Index]

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
ACCEPTS = {"json": ACCEPT_JSON_ONLY, "html": ACCEPT_HTML_ONLY}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def page_of(index: Index, project: str, form: str = "json") -> ProjectPage:
    with PyPISimple(index.url, accept=ACCEPTS[form]) as client:
        return client.get_project_page(project, timeout=5)


def only_package(index: Index, project: str, form: str = "json") -> DistributionPackage:
    (package,) = page_of(index, project, form).packages
    return package


# Distributions


def test_distributions_are_reproducible_and_have_the_requested_size() -> None:
    for make in (distributions.wheel, distributions.sdist):
        small, large = make("demo", "1.0"), make("demo", "1.0", padding=100_000)
        assert make("demo", "1.0", padding=100_000) == large
        assert 100_000 <= len(large) - len(small) < 101_000
        assert make("demo", "1.1", padding=100_000) != large


@pytest.mark.parametrize("extension", get_args(distributions.SdistExtension))
def test_sdist_filenames_and_content_are_readable(
    index: Index, extension: distributions.SdistExtension
) -> None:
    file = index.add_sdist("Demo.Project", "1.0-1", extension=extension)
    assert file.filename == f"demo_project-1.0.post1{extension}"
    if extension != ".tgz":  # which PEP 625 does not allow
        package = only_package(index, "demo-project")
        assert (package.project, package.version, package.package_type) == (
            "demo_project",
            "1.0.post1",
            "sdist",
        )


def test_wheel_has_the_given_metadata() -> None:
    content = distributions.wheel(
        "Demo", "1.0", tag="py2.py3-none-any", requires=["other>=1"], requires_python=">=3.8", build="2"
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        metadata = archive.read("demo-1.0.dist-info/METADATA").decode()
        wheel = archive.read("demo-1.0.dist-info/WHEEL").decode()
    assert "Requires-Dist: other>=1\n" in metadata
    assert "Requires-Python: >=3.8\n" in metadata
    assert "Tag: py2-none-any\nTag: py3-none-any\nBuild: 2\n" in wheel
    assert (
        distributions.wheel_filename("My.Demo", "1.0+Local-1", tag="cp312-cp312-win_amd64", build="2")
        == "my_demo-1.0+local.1-2-cp312-cp312-win_amd64.whl"
    )


@pytest.mark.parametrize("form", ["json", "html"])
def test_pip_installs_a_wheel_and_the_sdist_it_depends_on(
    index_factory: Factory, tmp_path: Path, form: str
) -> None:
    index = index_factory(formats={form}, relative_urls=True)
    index.add_wheel("demo", "1.0", requires=["other>=2"], core_metadata=True)
    index.add_sdist("other", "2.0")
    index.add_wheel("other", "1.0")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--index-url", index.url, "--target", tmp_path, "demo"],
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "demo" / "__init__.py").read_text() == '__version__ = "1.0"\n'
    assert (tmp_path / "other" / "__init__.py").read_text() == '__version__ = "2.0"\n'


# Pages


@pytest.mark.parametrize("form", ["json", "html"])
def test_page_has_all_given_metadata(index_factory: Factory, form: str) -> None:
    index = index_factory(formats={form})
    file = index.add_wheel(
        "Demo",
        "1.0+local",
        requires_python=">=3.8,<4",
        yanked='a "bad" <one>',
        core_metadata=True,
        upload_time=datetime(2023, 4, 5, 6, 7, 8, 9, tzinfo=timezone.utc),
    )
    index.add("Demo", "demo-0.9.zip", b"other", yanked=True, hashes={}, size=7)
    index.status("demo", "quarantined", "malware & more")

    page = page_of(index, "demo", form)
    first, second = page.packages
    assert (page.repository_version, page.last_serial) == ("1.4", "3")
    assert (page.status, page.status_reason) == (ProjectStatus.QUARANTINED, "malware & more")
    assert (first.filename, first.url) == (file.filename, index.file_url(file))
    assert first.digests == {"sha256": file.sha256}
    assert first.requires_python == ">=3.8,<4"
    assert first.yanked_reason == 'a "bad" <one>'
    assert first.has_metadata
    assert (second.is_yanked, second.digests, second.requires_python) == (True, {}, None)
    assert requests.get(first.url, timeout=5).content == file.content
    assert b"Name: Demo\n" in requests.get(first.metadata_url, timeout=5).content
    if form == "json":
        assert page.versions == ["0.9", "1.0+local"]
        assert first.upload_time == datetime(2023, 4, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
        assert (first.size, second.size) == (len(file.content), 7)


@pytest.mark.parametrize("form", ["json", "html"])
def test_root_lists_every_project(index_factory: Factory, form: str) -> None:
    index = index_factory(formats={form}, relative_urls=True)
    index.add_project("Zope.Interface")
    index.add_project("attrs")
    with PyPISimple(index.url, accept=ACCEPTS[form]) as client:
        page = client.get_index_page(timeout=5)
        assert page.projects == ["attrs", "Zope.Interface"]
        assert page.last_serial == "2"
        assert client.get_project_page("Zope.Interface", timeout=5).packages == []
        with pytest.raises(NoSuchProjectError):
            client.get_project_page("absent", timeout=5)


@pytest.mark.parametrize(
    "manner",
    [
        {"relative_urls": True},
        {"base_href": "../../files/"},
        {"base_href": "/"},
        {"relative_urls": True, "formats": {"json"}},
    ],
)
def test_relative_urls_lead_to_the_files(index_factory: Factory, manner: dict[str, Any]) -> None:
    index = index_factory(**{"formats": {"html"}, **manner})
    file = index.add_wheel("demo", "1.0+local")
    page = requests.get(index.url + "demo/", timeout=5)
    assert f"{index.origin}/files" not in page.text
    assert only_package(index, "demo", "json" if "formats" in manner else "html").url == index.file_url(file)


def test_one_filename_can_be_listed_twice(index: Index, session: requests.Session) -> None:
    index.add("demo", "demo-1.0.zip", b"old")
    index.add("demo", "demo-1.0.zip", b"new")
    index.add("demo", "demo-1.0.zip", b"evil", beside=True)
    packages = page_of(index, "demo").packages
    assert [session.get(package.url, timeout=5).content for package in packages] == [b"new", b"evil"]
    assert index.files_fetched() == {"demo-1.0.zip": 2}


@pytest.mark.parametrize("filename", ["../evil.whl", "a b?#%.zip", "back\\slash.zip", "né\n.zip", "x" * 300])
def test_hostile_filenames_are_listed_and_served(index: Index, filename: str) -> None:
    index.add("demo", filename, b"content")
    for form in ("json", "html"):
        package = only_package(index, "demo", form)
        assert package.filename == filename
        assert requests.get(package.url, timeout=5).content == b"content"
    assert index.files_fetched() == {filename: 2}


@pytest.mark.parametrize(
    ("formats", "accept", "content_type"),
    [
        ({"json", "html"}, "", "text/html"),
        ({"json", "html"}, "*/*", "text/html"),
        ({"json", "html"}, "text/html", "text/html"),
        ({"json", "html"}, f"{HTML}, {JSON}", JSON),
        ({"json", "html"}, f"{JSON};q=0.2, {HTML}", HTML),
        ({"json", "html"}, f"{JSON}, text/html;q=0.1, */*;q=0.01", JSON),
        ({"json", "html"}, "application/vnd.pypi.simple.latest+json", JSON),
        ({"json", "html"}, "image/png", None),
        ({"html"}, JSON, "text/html"),
        ({"json"}, "*/*", JSON),
        ({"json"}, "text/html", None),
    ],
)
def test_format_is_negotiated(
    index_factory: Factory, formats: set[str], accept: str, content_type: str | None
) -> None:
    response = requests.get(index_factory(formats=formats).url, headers={"Accept": accept}, timeout=5)
    if content_type is None:
        assert response.status_code == 406
    else:
        assert (response.status_code, response.headers["Content-Type"]) == (200, content_type)


def test_serials_count_every_change(index: Index) -> None:
    def serials() -> tuple[int, dict[str, int]]:
        response = requests.get(index.url, headers={"Accept": JSON}, timeout=5)
        root = response.json()
        assert response.headers["X-PyPI-Last-Serial"] == str(root["meta"]["_last-serial"])
        return root["meta"]["_last-serial"], {p["name"]: p["_last-serial"] for p in root["projects"]}

    index.add_wheel("demo", "1.0")
    index.add_wheel("other", "1.0")
    assert serials() == (2, {"demo": 1, "other": 2})
    index.remove_file("demo", "demo-1.0-py3-none-any.whl")
    assert serials() == (3, {"demo": 3, "other": 2})
    index.remove("other")
    assert serials() == (4, {"demo": 3})
    index.serials = False
    response = requests.get(index.url, headers={"Accept": JSON}, timeout=5)
    assert "serial" not in (response.text + str(response.headers)).lower()


# HTTP


def test_etag_answers_304_until_something_changes(index: Index, session: requests.Session) -> None:
    file = index.add_wheel("demo", "1.0")
    urls = [index.url, index.url + "demo/", index.file_url(file)]
    etags = [session.get(url, timeout=5).headers["ETag"] for url in urls]
    index.clear()

    def again() -> list[int]:
        known = [{"If-None-Match": f'"x", W/{etag}'} for etag in etags]
        return [session.get(u, headers=h, timeout=5).status_code for u, h in zip(urls, known, strict=True)]

    assert again() == [304, 304, 304]
    assert (index.pages_read(), index.files_fetched(), sum(e.sent for e in index.requests)) == ({}, {}, 0)
    index.add("demo", file.filename, b"other")
    index.add_project("new")
    assert again() == [200, 200, 200]
    index.etags = False
    assert "ETag" not in session.get(index.url, timeout=5).headers


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        ("bytes=2-5", 206, "bytes 2-5/10", b"2345"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=0-99", 206, "bytes 0-9/10", b"0123456789"),
        ("bytes=10-", 416, "bytes */10", b""),
        ("bytes=0-1,3-4", 200, None, b"0123456789"),
        ("lines=1-2", 200, None, b"0123456789"),
    ],
)
def test_ranges(index: Index, asked: str, status: int, content_range: str | None, body: bytes) -> None:
    url = index.file_url(index.add("demo", "demo-1.0.zip", b"0123456789"))
    response = requests.get(url, headers={"Range": asked}, timeout=5)
    assert (response.status_code, response.content) == (status, body)
    assert response.headers.get("Content-Range") == content_range


def test_range_is_conditional_and_optional(index: Index) -> None:
    file = index.add("demo", "demo-1.0.zip", b"0123456789")
    url = index.file_url(file)
    for validator, status in ((f'"{file.sha256}"', 206), ('"other"', 200)):
        headers = {"Range": "bytes=5-", "If-Range": validator}
        assert requests.get(url, headers=headers, timeout=5).status_code == status
    index.ranges = False
    response = requests.get(url, headers={"Range": "bytes=5-"}, timeout=5)
    assert (response.status_code, "Accept-Ranges" in response.headers) == (200, False)


def test_gzip_compresses_pages_only_for_clients_that_accept_it(index_factory: Factory) -> None:
    index = index_factory(gzip=True)
    index.add_project("demo")
    with requests.get(index.url, stream=True, timeout=5) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"demo" in gzip.decompress(response.raw.read(decode_content=False))
    plain = requests.get(index.url, headers={"Accept-Encoding": "identity"}, timeout=5)
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != response.headers["ETag"]


def test_auth_covers_pages_and_files(index_factory: Factory) -> None:
    index = index_factory(auth=("user", "s3cret"))
    file = index.add_wheel("demo", "1.0")
    for url in (index.url, index.file_url(file)):
        assert requests.get(url, timeout=5).headers["WWW-Authenticate"].startswith("Basic")
        assert requests.get(url, auth=("user", "wrong"), timeout=5).status_code == 401
        assert requests.get(url, auth=("user", "s3cret"), timeout=5).status_code == 200


def test_redirects_to_the_normalized_page_and_404(index: Index) -> None:
    index.add_project("my-demo")
    response = requests.get(index.url + "My.Demo", timeout=5)
    assert (response.url, response.status_code) == (index.url + "my-demo/", 200)
    for path in ("/", "/simple/absent/", "/files/absent/x.zip", "/files/", "/files"):
        assert requests.get(index.origin + path, timeout=5).status_code == 404
    assert requests.post(index.url, data=b"x", timeout=5).status_code == 405
    assert requests.head(index.url, timeout=5).headers["Content-Length"] != "0"


def test_json_api_lists_vulnerabilities(index: Index, session: requests.Session) -> None:
    index.add_wheel("My.Demo", "1.0")
    serial = index.serial
    index.vulnerable("my-demo", "1.0", "PYSEC-2024-1")
    index.vulnerable("my-demo", "1.0", "PYSEC-2024-2")
    index.vulnerable("my-demo", "1.0", "PYSEC-2024-1", withdrawn="2024-02-03T04:05:06Z")

    def advisories(path: str) -> Any:
        answer = session.get(f"{index.origin}/pypi/{path}json", timeout=5)
        return answer.json()["vulnerabilities"] if answer.ok else answer.status_code

    for path in ("my-demo/1.0/", "My_Demo/"):
        assert [(each["id"], each["withdrawn"]) for each in advisories(path)] == [
            ("PYSEC-2024-2", None),
            ("PYSEC-2024-1", "2024-02-03T04:05:06Z"),
        ]
    assert index.serial == serial
    assert [advisories("my-demo/2.0/"), advisories("other/1.0/"), advisories("other/")] == [404] * 3
    index.json_api = False
    assert advisories("my-demo/1.0/") == 404


def test_requests_are_logged_and_connections_counted(index: Index, session: requests.Session) -> None:
    file = index.add_wheel("demo", "1.0")
    session.get(index.url + "demo/?x=1", headers={"X-Mine": "yes"}, timeout=5)
    session.get(index.file_url(file), timeout=5)
    session.get(index.file_url(file), timeout=5)
    page, first, _ = index.requests
    assert (page.method, page.path, page.headers["x-mine"], page.status) == (
        "GET",
        "/simple/demo/",
        "yes",
        200,
    )
    assert (first.status, first.sent) == (200, len(file.content))
    assert index.pages_read() == {"demo": 1}
    assert index.files_fetched() == {file.filename: 2}
    assert (index.connections, index.peak_connections) == (1, 1)
    index.clear()
    assert (index.requests, index.connections, index.peak_connections) == ([], 0, 1)


def test_latency_delays_each_answer(index_factory: Factory) -> None:
    index = index_factory(latency=0.05)
    begin = time.monotonic()
    requests.get(index.url, timeout=5)
    assert time.monotonic() - begin >= 0.05


def test_hundreds_of_files_over_four_connections(index: Index) -> None:
    files = [index.add_wheel("demo", f"1.{number}", padding=1000) for number in range(300)]

    def fetch(some: list[str]) -> int:
        connection = http.client.HTTPConnection(index.origin.removeprefix("http://"), timeout=5)
        total = 0
        for path in some:
            connection.request("GET", path)
            total += len(connection.getresponse().read())
        connection.close()
        return total

    paths = [file.quoted_path for file in files]
    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(fetch, [paths[start::4] for start in range(4)]))
    assert total == sum(len(file.content) for file in files)
    assert (index.connections, len(index.requests)) == (4, 300)


# Faults

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def url(index: Index) -> str:
    """Serve one file with the content CONTENT; return its URL."""
    return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))


def received(url: str, *, timeout: float = 5) -> tuple[bytes, Exception | None]:
    """Return the received part of a body, and the error that ends it."""
    body = b""
    with requests.get(url, stream=True, timeout=timeout) as response:
        try:
            for piece in response.raw.stream(1, decode_content=False):
                body += piece
        except Exception as error:  # noqa: BLE001 - to be looked at by the test
            return body, error
    return body, None


def test_faults_are_met_once_each(index: Index, url: str) -> None:
    rule = index.fault("demo-1.0.zip", Status(503, {"Retry-After": "7"}), Status(429))
    first, second, third = (requests.get(url, timeout=5) for _ in range(3))
    assert (first.status_code, first.headers["Retry-After"]) == (503, "7")
    assert (second.status_code, third.status_code, third.content) == (429, 200, CONTENT)
    assert rule.met == 2
    assert [exchange.status for exchange in index.requests] == [503, 429, 200]


def test_faults_can_last_until_they_are_healed(index: Index, url: str) -> None:
    index.fault("*.zip", Status(500), Status(502), always=True)
    assert [requests.get(url, timeout=5).status_code for _ in range(4)] == [500, 502, 500, 502]
    index.heal()
    assert requests.get(url, timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("pattern", "statuses"),
    [
        ("Demo", [200, 503, 200]),
        ("demo-1.0.zip", [200, 200, 503]),
        ("/simple/", [503, 200, 200]),
        ("/simple/*", [503, 503, 200]),
    ],
)
def test_pattern_of_a_fault(index: Index, url: str, pattern: str, statuses: list[int]) -> None:
    index.fault(pattern, Status(503), always=True)
    urls = [index.url, index.url + "demo/", url]
    assert [requests.get(each, timeout=5).status_code for each in urls] == statuses


def test_truncate_closes_within_the_body(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Truncate(1000))
    body, error = received(url)
    assert body == CONTENT[:1000]
    assert "IncompleteRead" in repr(error)
    assert index.requests[0].sent == 1000
    assert received(url) == (CONTENT, None)


def test_reset_resets(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Reset(1000))
    body, error = received(url)
    assert CONTENT.startswith(body)
    assert len(body) <= 1000
    assert "ConnectionResetError" in repr(error)


@pytest.mark.parametrize("fault", [Truncate(None), Reset(None)])
def test_connection_can_end_before_the_head(index: Index, url: str, fault: Truncate | Reset) -> None:
    index.fault("demo-1.0.zip", fault)
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    assert (index.requests[0].status, index.requests[0].sent) == (0, 0)


def test_stall_ends_in_the_clients_timeout(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Stall(1000), Stall(None), Stall(0))
    body, error = received(url, timeout=0.2)
    assert body == CONTENT[:1000]
    assert "Read timed out" in str(error)
    with pytest.raises(requests.ReadTimeout):
        requests.get(url, timeout=0.2)
    body, error = received(url, timeout=0.2)
    assert (body, "Read timed out" in str(error)) == (b"", True)


def test_stall_can_end(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Stall(1000, seconds=0.01))
    assert received(url) == (CONTENT, None)


def test_drip_is_slow(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Drip(200_000))
    begin = time.monotonic()
    assert received(url) == (CONTENT, None)
    assert time.monotonic() - begin >= 0.05


def test_wrong_bytes_have_the_right_length(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", WrongBytes())
    body, error = received(url)
    assert (len(body), error) == (len(CONTENT), None)
    assert all(wrong != right for wrong, right in zip(body, CONTENT, strict=True))


def test_redirects_and_their_loops(index: Index, index_factory: Factory, url: str) -> None:
    elsewhere = index_factory()
    target = elsewhere.file_url(elsewhere.add("demo", "demo-1.0.zip", b"elsewhere"))
    index.fault("demo-1.0.zip", Redirect(target), Redirect(url, status=307))
    assert requests.get(url, timeout=5).content == b"elsewhere"
    assert requests.get(url, timeout=5).content == CONTENT
    index.fault("demo-1.0.zip", Redirect("/files/demo/demo-1.0.zip"), always=True)
    with pytest.raises(requests.TooManyRedirects):
        requests.get(url, timeout=5)


def test_ignore_range_sends_the_whole_file(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", IgnoreRange())
    response = requests.get(url, headers={"Range": "bytes=5-"}, timeout=5)
    assert (response.status_code, response.content) == (200, CONTENT)
    assert index.requests[0].headers["range"] == "bytes=5-"


def test_body_replaces_the_answer(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Body(b"<h1>Sign in</h1>", content_type="text/html"))
    response = requests.get(url, timeout=5)
    assert (response.status_code, response.content) == (200, b"<h1>Sign in</h1>")
    assert response.headers["Content-Type"] == "text/html"


def test_headers_replace_those_of_the_index(index: Index, url: str) -> None:
    index.fault(
        "demo-1.0.zip", Headers({"content-range": "bytes 9-9/9", "ETag": None, "Content-Length": "5"})
    )
    with requests.get(url, headers={"Range": "bytes=5-"}, stream=True, timeout=5) as response:
        assert (response.headers["Content-Range"], response.headers["Content-Length"]) == ("bytes 9-9/9", "5")
        assert "ETag" not in response.headers


def test_chunked_announces_no_length(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Chunked())
    response = requests.get(url, timeout=5)
    assert (response.headers["Transfer-Encoding"], "Content-Length" in response.headers) == ("chunked", False)
    assert response.content == CONTENT


def test_behaviours_can_be_combined(index: Index, url: str) -> None:
    index.fault("demo-1.0.zip", Together(WrongBytes(), Chunked(size=300), Truncate(1000)))
    response = requests.get(url, stream=True, timeout=5)
    with response, pytest.raises(requests.exceptions.ChunkedEncodingError):
        assert response.content
    assert index.requests[0].sent == 1000


@pytest.mark.parametrize("after", [10, 10**9])
def test_gate_holds_an_answer_until_it_is_released(index: Index, url: str, after: int) -> None:
    with ThreadPoolExecutor() as pool, index.hold("demo-1.0.zip", after=after) as gate:
        answer = pool.submit(received, url)
        assert gate.reached.wait(5)
        assert index.requests[0].sent == min(after, len(CONTENT) - 1)
        assert not answer.done()
        gate.release()
        assert answer.result(5) == (CONTENT, None)
    assert received(url) == (CONTENT, None)


def test_close_ends_every_thread_and_held_answer() -> None:
    before = set(threading.enumerate())
    with Index() as index, ThreadPoolExecutor() as pool:
        paths = [index.add("demo", f"demo-{number}.zip", CONTENT) for number in range(3)]
        index.fault("demo-0.zip", Stall(0))
        index.fault("demo-1.zip", Drip(1))
        gates = [index.hold(file.filename) for file in paths]
        answers = [pool.submit(received, index.file_url(file)) for file in paths]
        idle = requests.Session()
        idle.get(index.url, timeout=5)
        assert gates[2].reached.wait(5)
        index.close()
        assert all(answer.exception(5) or answer.result()[1] for answer in answers)
        idle.close()
    index.close()
    assert set(threading.enumerate()) == before
