"""pip and uv install from the static index on real web servers, with the snippets in contrib and without."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from uv import find_uv_bin

from tests.helpers import distributions
from tests.helpers.index import Index
from tests.helpers.installers import install_from
from tests.helpers.running import Mirror
from tests.helpers.servers import OPEN, answer, pypiserver
from tests.helpers.servers.static import SERVERS, Served, serving_static

if TYPE_CHECKING:
    from collections.abc import Iterator

PIP = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
UV = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JSON, HTML = "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+html"


@pytest.fixture(scope="module")
def mirrored() -> Iterator[Path]:
    """A mirror with a static index, in a folder that every user may read, as Apache needs it."""
    with tempfile.TemporaryDirectory() as folder, Index() as index:
        Path(folder).chmod(0o755)
        index.add_wheel("Demo.Pkg", "1.0", requires=["needed>=2", "built"], requires_python=">=3.8,<4")
        index.add_wheel("needed", "2.1", requires=["base!=1.0"])
        index.add_wheel("base", "1.1")
        index.add_sdist("built", "0.3")
        mirror = Mirror(index, Path(folder) / "repository", simple=True)
        mirror.path.mkdir()
        (mirror.path / "local-1.0-py3-none-any.whl").write_bytes(
            distributions.wheel("local", "1.0", requires=["base"])
        )
        mirror.complete()
        yield mirror.path


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, mirrored: Path) -> Iterator[Served]:
    """The mirror on a web server."""
    with serving_static(request.param, mirrored.parent / request.param, mirrored) as served:
        yield served


@pytest.fixture(scope="module", params=[kind for kind in SERVERS if kind != "plain"])
def configured(request: pytest.FixtureRequest, mirrored: Path) -> Iterator[Served]:
    """The mirror on a web server that chooses between JSON and HTML."""
    with serving_static(request.param, mirrored.parent / f"{request.param}-alone", mirrored) as served:
        yield served


def run(*command: str | Path) -> str:
    """Run a program; return its standard output."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


INSTALLED = {"demo-pkg==1.0", "needed==2.1", "base==1.1", "built==0.3", "local==1.0"}


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_installs(server: Served, tmp_path: Path, tool: Literal["pip", "uv"]) -> None:
    assert install_from(server.url, tmp_path / "to", "demo_pkg", "local", tool=tool) == INSTALLED


def test_resolving_reads_no_wheel(server: Served, tmp_path: Path) -> None:
    """uv and pip read only metadata files."""
    before = len(server.requested())
    where = ("--index-url", server.url)
    (tmp_path / "in").write_text("demo-pkg\nneeded\n")
    compiling = (find_uv_bin(), "--no-config", "--no-cache", "pip", "compile", "--python", sys.executable)
    found = run(*compiling, *where, "--no-header", "--no-annotate", "--no-emit-index-url", tmp_path / "in")
    assert found.split() == ["base==1.1", "built==0.3", "demo-pkg==1.0", "needed==2.1"]
    pip = (sys.executable, "-m", "pip", "--isolated", "--no-cache-dir")
    found = run(*pip, "install", *where, "--dry-run", "--target", tmp_path / "to", "needed")
    assert "Would install base-1.1 needed-2.1" in found
    asked = server.requested()[before:]
    assert [path for path in asked if path.endswith(".whl")] == []
    assert asked.count("/needed-2.1-py3-none-any.whl.metadata") == 2


@pytest.mark.parametrize("path", ["/simple/", "/simple/demo-pkg/"])
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PIP, JSON),
        (UV, JSON),
        (JSON, JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        (f"text/html;q=0.1, {JSON};q=0.9", JSON),
        (HTML, HTML),
        (f"{HTML}, {JSON};q=0.5", HTML),
        (BROWSER, "text/html"),
        ("*/*", "text/html"),
        (f"text/html, {JSON};q=0.5", "text/html"),
        (f"{JSON};q=0, text/html;q=0.5", "text/html"),
        (f"{JSON};q=0.0, text/html;q=0.5", "text/html"),
    ],
)
def test_content_type_that_the_client_prefers(
    configured: Served, mirrored: Path, path: str, accept: str, content_type: str
) -> None:
    answer = configured.get(path, Accept=accept)
    name = "index.json" if content_type == JSON else "index.html"
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0] == content_type
    assert "Accept" in answer.headers["Vary"].replace(" ", "").split(",")
    assert answer.content == (mirrored / path.strip("/") / name).read_bytes()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/simple/demo-pkg/", 200),
        ("HEAD", "/simple/", 200),
        ("GET", "/needed-2.1-py3-none-any.whl", 200),
        ("GET", "/needed-2.1-py3-none-any.whl.metadata", 200),
        ("GET", "/simple/nothing/", 404),
        ("OPTIONS", "/simple/demo-pkg/", 204),
        ("OPTIONS", "/needed-2.1-py3-none-any.whl", 204),
    ],
)
def test_web_pages_of_other_sites_may_read_it(
    configured: Served, method: str, path: str, status: int
) -> None:
    answer = configured.get(path, method, Origin="https://example.org", Accept=PIP)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"


def test_conditional_request_gets_304(configured: Served) -> None:
    first = configured.get("/simple/demo-pkg/", Accept=PIP, **{"Accept-Encoding": "identity"})
    again = configured.get(
        "/simple/demo-pkg/",
        Accept=PIP,
        **{"Accept-Encoding": "identity", "If-None-Match": first.headers["ETag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/.minimirror/catalog.sqlite", "/.minimirror/", "/simple/.minimirror", "/simple/nothing/", "/nothing"],
)
def test_what_is_not_served(configured: Served, path: str) -> None:
    assert configured.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "location"),
    [("/", "/simple/"), ("/simple", "/simple/"), ("/simple/demo-pkg", "/simple/demo-pkg/")],
)
def test_redirects(configured: Served, path: str, location: str) -> None:
    answer = configured.get(path, Accept=BROWSER)
    assert answer.status_code in {301, 302, 308}
    assert answer.headers["Location"].removeprefix(configured.origin).lstrip("/") == location.lstrip("/")


def test_apache_redirects_from_any_spelling_of_a_name(mirrored: Path, tmp_path: Path) -> None:
    with serving_static("apache", tmp_path / "apache", mirrored) as served:
        for name in ("Demo.Pkg", "Demo.Pkg/", "demo_pkg/", "DEMO--pkg/", "demo-_.pkg"):
            answer = served.get(f"/simple/{name}")
            assert (answer.status_code, answer.headers["Location"]) == (301, f"{served.url}demo-pkg/")


def test_files_are_sent_unchanged(configured: Served, mirrored: Path) -> None:
    for path in mirrored.iterdir():
        if path.is_file():
            answer = configured.get(f"/{path.name}", **{"Accept-Encoding": "gzip"})
            assert (answer.status_code, answer.content) == (200, path.read_bytes())
            assert "Content-Encoding" not in answer.headers


def test_pypiserver_lists_only_distributions(mirrored: Path, tmp_path: Path) -> None:
    """It walks through all folders, also through the static index."""
    with pypiserver(tmp_path / "pypiserver", *OPEN, mirrored) as origin:
        listed = re.findall(r">([^<]+)</a>", answer(f"{origin}/packages/")[1])
        assert set(listed) == {path.name for path in mirrored.iterdir() if path.suffix in {".whl", ".gz"}}
        projects = re.findall(r'<a href="([^"/]+)/">', answer(f"{origin}/simple/")[1])
        assert sorted(projects) == ["base", "built", "demo-pkg", "local", "needed"]
