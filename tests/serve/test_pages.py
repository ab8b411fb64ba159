"""The pages of `minimirror serve` for people and for Prometheus, and what it says of unknown projects."""

from __future__ import annotations

import shlex
import subprocess
import sys
from html import unescape
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from minimirror.common import format_size
from tests.helpers import distributions
from tests.helpers.index import Index, Status
from tests.helpers.running import Mirror
from tests.helpers.serving import JSON, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIXED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "mirror.example.org",
    "X-Forwarded-Prefix": "/pypi",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a mirror whose last run could not fetch a file."""
    with Index() as index:
        index.add_wheel("demo", "1.0")
        index.add_wheel("requests", "1.0")
        mirror = Mirror(index, tmp_path_factory.mktemp("served") / "repository")
        mirror.complete()
        index.fault("*.zip", Status(404), always=True)
        index.add_sdist("broken", "1.0", extension=".zip")
        mirror.run()
    with Server(mirror.config(serve={"contact": "ann@example.org"})) as server:
        yield server


class TestHome:
    def test_tells_the_state_of_the_mirror(self, server: Server) -> None:
        page = server.ask("/", headers={"Accept": JSON}).body.decode()
        for word in ("2 projects", "2 files", "Last complete run", "incomplete", "broken-1.0.zip: HTTP 404"):
            assert word in page
        assert 'href="mailto:ann@example.org"' in page

    @pytest.mark.parametrize(
        ("headers", "url"),
        [
            ({"X-Forwarded-Host": "mirror.example.org:81"}, "http://mirror.example.org:81/"),
            (PREFIXED, "https://mirror.example.org/pypi/"),
        ],
    )
    def test_has_the_address_that_the_visitor_used(
        self, server: Server, headers: dict[str, str], url: str
    ) -> None:
        page = server.ask("/", headers=headers).body.decode()
        trusted = "" if url.startswith("https") else " --trusted-host mirror.example.org"
        for command in (
            f"pip install --index-url {url}simple/{trusted} PROJECT",
            f"uv pip install --default-index {url}simple/ PROJECT",
            f"poetry source add --priority primary mirror {url}simple/",
            f"pdm config pypi.url {url}simple/",
        ):
            assert f"<code>{command}</code>" in page

    def test_command_of_the_page_works(self, server: Server, tmp_path: Path) -> None:
        page = unescape(server.ask("/").body.decode())
        command = next(line for line in page.split("<code>") if line.startswith("pip install"))
        words = shlex.split(command.partition("</code>")[0].replace("PROJECT", "demo"))
        pip = [sys.executable, "-m", *words, "--target", str(tmp_path / "new"), "--no-cache-dir"]
        subprocess.run(pip, check=True, capture_output=True)
        assert (tmp_path / "new" / "demo" / "__init__.py").exists()

    def test_escapes_what_a_visitor_sends(self, server: Server) -> None:
        assert b"<b>" not in server.ask("/", headers={"X-Forwarded-Host": "x<b>"}).body


class TestUnknownProject:
    @pytest.mark.parametrize("path", ["/simple/reqests/", "/pypi/reqests/json", "/simple/my-requests/"])
    def test_answer_has_near_names_and_the_contact(self, server: Server, path: str) -> None:
        reply = server.ask(path, headers={"Accept": JSON if "simple" in path else "*/*"})
        assert reply.status == 404
        for word in ("not mirrored here", "requests", "ann@example.org"):
            assert word in reply.why

    def test_nothing_is_suggested_if_no_name_is_near(self, server: Server) -> None:
        assert "did you mean" not in server.ask("/simple/zzz/").why

    def test_browser_gets_a_page(self, server: Server) -> None:
        reply = server.ask("/simple/reqests/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert "not mirrored here" in reply.why


def test_metrics(server: Server) -> None:
    server.ask("/packages/demo-1.0-py3-none-any.whl.metadata")
    server.ask("/packages/demo-7.0-py3-none-any.whl")
    page = server.ask("/-/metrics").body.decode()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert found["minimirror_projects",] == found["minimirror_files",] == 2
    assert found["minimirror_missing",] == 1
    assert found["minimirror_bytes",] > 500
    assert 0 <= found["minimirror_last_complete_run_age_seconds",] < 3600
    assert found["minimirror_requests_total", "metadata", "200"] >= 1
    assert found["minimirror_requests_total", "file", "404"] >= 1
    assert server.ask("/-/health").body == b"Ok"


def test_folder_without_a_run(tmp_path: Path, index: Index) -> None:
    mirror = Mirror(index, tmp_path / "repository")
    mirror.path.mkdir()
    size = len(distributions.place_local(mirror.path, "mine", "1.0"))
    with Server(mirror.config()) as server:
        page = server.ask("/").body.decode()
        assert "1 file<" in page
        assert format_size(size) in page
        assert "minimirror_last_complete_run_age_seconds +Inf" in server.ask("/-/metrics").body.decode()
        assert "ask" not in server.ask("/simple/other/").why
