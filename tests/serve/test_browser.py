"""The pages for people, in a browser: at a server, and below a path of a proxy."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.helpers import distributions
from tests.helpers.browsing import HOSTILE, visited
from tests.helpers.installers import install_as_told
from tests.helpers.running import until
from tests.helpers.servers import nginx
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

_README = """Summary: Forecasts of sunshine
Project-URL: Homepage, https://example.org/sunny
Description-Content-Type: text/markdown

# The sun

It **shines**. ![a badge](https://example.org/badge.svg)
"""

_HTML = f"""{HOSTILE}
<img src="https://example.org/1" onerror="alert(2)"><picture><source srcset="https://example.org/2"></picture>
<svg onload="alert(3)"><use href="https://example.org/3"></use></svg><iframe src="https://example.org/4"></iframe>
<style>@import "https://example.org/5"; body {{ background: url(https://example.org/6) }}</style>
<link rel="stylesheet" href="https://example.org/7"><base href="https://example.org/8">
<meta http-equiv="refresh" content="0; url=https://example.org/9"><video src="https://example.org/10"></video>
<form action="https://example.org/"><button autofocus onfocus="alert(4)">x</button></form>
<p style="background: url(https://example.org/11)">last</p> <a href="javascript:alert(5)">a link</a>
"""

_RST = """
.. raw:: html

   <script>alert(6)</script>

.. image:: https://example.org/12
.. include:: /etc/passwd

last
"""

_LINE = " ".join(HOSTILE.split())
_HEADERS = f"""Summary: {_LINE}
Author: {_LINE}
Author-Email: {_LINE}
Keywords: {_LINE}
License: {_LINE}
Home-Page: javascript:alert(7)
Project-URL: {_LINE}, javascript:alert(8)
Classifier: {_LINE} :: {_LINE}
Requires-Dist: {_LINE}
Requires-Dist: needed @ https://example.org/{quote(HOSTILE)}
Requires-Dist: needed; extra == "</script><script>alert(9)</script>"
Requires-Dist: needed; python_version > "<b onclick=alert(10)>"
Requires-Python: >=3.8
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("browser")
    folder = home / "repository"
    folder.mkdir()
    releases = {
        "sunny": (_README, ("needed>=2",)),
        "needed": ("", ()),
        "hostile-markdown": (f"{_HEADERS}Description-Content-Type: text/markdown\n\n{_HTML}", ()),
        "hostile-rst": (f"{_HEADERS}Description-Content-Type: text/x-rst\n\n{_RST}", ()),
        "hostile-other": (
            f"{_HEADERS}Project-URL: no comma\nDescription-Content-Type: text/html\n\n{_HTML}",
            (),
        ),
    }
    files = {
        "<img src=x onerror=alert(11)>-1.0.tar.gz": b"",
        "sunny-1.0.tar.gz": distributions.sdist("sunny", "1.0"),
    }
    for name, (about, requires) in releases.items():
        wheel = distributions.wheel(name, "2.0", requires=requires, about=about)
        files[distributions.wheel_filename(name, "2.0")] = wheel
    for name, content in files.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1.7e9, 1.7e9))
    config = home / "config.json"
    config.write_text(json.dumps({"repository": str(folder), "serve": {"contact": HOSTILE}}))
    with Server(config) as server:
        yield server


@pytest.fixture(scope="module", params=["", "/python"])
def site(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the server, or of the path of a proxy in front of it."""
    if not request.param:
        yield server.url
        return
    home = tmp_path_factory.mktemp("nginx")
    proxied = f"""location {request.param}/ {{
        proxy_pass {server.url};
        proxy_set_header X-Forwarded-Prefix {request.param};
        proxy_set_header X-Forwarded-Host $http_host;
    }}"""
    with nginx(home, home, server=proxied) as origin:
        yield f"{origin}{request.param}/"


def test_a_copied_command_works(chromium: Browser, site: str, tmp_path: Path) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visited(chromium, site, permissions=permissions) as visit:
        visit.page.get_by_label("Commands for the project").fill("sunny")
        visit.page.get_by_role("button", name="Copy").first.click()
        visit.page.get_by_role("button", name="Copied").wait_for()
        assert install_as_told(visit.copied(), tmp_path / "index") == {"sunny==2.0", "needed==2.0"}
        visit.page.goto(f"{site}browse/project/needed")
        visit.page.get_by_role("button", name="Copy").click()
        visit.page.get_by_role("button", name="Copied").wait_for()
        assert install_as_told(visit.copied(), tmp_path / "browse") == {"needed==2.0"}


def test_search_finds_a_project(chromium: Browser, site: str) -> None:
    with visited(chromium, site) as visit:
        visit.page.get_by_role("searchbox").fill("sunshine")
        visit.page.keyboard.press("Enter")
        visit.page.get_by_text("Forecasts of sunshine").click()
        visit.page.get_by_role("heading", name="The sun").wait_for()
        readme = visit.page.locator("#description-page").inner_text()
        assert readme.split() == ["The", "sun", "It", "shines.", "a", "badge"]
        visit.page.get_by_role("button", name="Files").click()
        files = visit.page.locator("#files-page a").evaluate_all("links => links.map((link) => link.href)")
        assert {*files} == {f"{site}packages/sunny-2.0-py3-none-any.whl"}
        visit.page.get_by_role("button", name="Releases").click()
        visit.page.locator("#releases-page").get_by_text("1.0").wait_for()
        visit.page.get_by_role("button", name="Dependencies").click()
        visit.page.locator("#dependencies-page").get_by_text("needed (>=2)").click()
        visit.page.get_by_role("heading", name="needed 2.0").wait_for()
        assert visit.page.url == f"{site}browse/project/needed"


def test_page_and_search_follow_a_file_that_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"repository": str(tmp_path / "repository")}))

    def put(summary: str, written: int) -> None:
        about = f"Summary: {summary}\nDescription-Content-Type: text/plain\n\nAll of {summary}.\n"
        path = tmp_path / "repository" / distributions.wheel_filename("sunny", "1.0")
        path.write_bytes(distributions.wheel("sunny", "1.0", about=about))
        os.utime(path, (written, written))

    put("sunshine", 1)
    with Server(config) as server:
        assert b"All of sunshine" in server.ask("/browse/project/sunny").body
        until(lambda: b"sunshine" in server.ask("/browse/search?query=sunny").body, "it is found")
        put("clouds", 2)
        until(lambda: b"clouds" in server.ask("/browse/search?query=sunny").body, "what it says now is found")
        page = server.ask("/browse/project/sunny").body
        assert (b"All of clouds" in page, b"sunshine" in page) == (True, False)


@pytest.mark.parametrize("project", ["hostile-markdown", "hostile-rst", "hostile-other"])
def test_metadata_is_harmless(chromium: Browser, site: str, project: str) -> None:
    with visited(chromium, site) as visit:
        visit.page.goto(f"{site}browse/project/{project}")
        visit.page.get_by_role("heading", name=f"{project} 2.0").wait_for()
        for part in ("Files", "Releases", "Dependencies", "Description"):
            visit.page.get_by_role("button", name=part).click()
        assert "alert(1)" in visit.page.locator("[data-source=summary]").inner_text()


def test_names_are_harmless(chromium: Browser, site: str) -> None:
    hostile = quote("<script>alert(1)</script>", safe="/")
    with visited(chromium, site) as visit:
        for where, status in {
            "packages/": 200,
            "browse/search?query=hostile": 200,
            f"browse/search?query={hostile}": 400,
            f"simple/{hostile}/": 404,
            f"browse/project/{hostile}": 404,
            f"browse/{hostile}": 404,
        }.items():
            reply = visit.page.goto(f"{site}{where}")
            assert reply is not None
            assert reply.status == status
        # Chromium's own messages.
        assert {each[:25] for each in visit.console} == {"Failed to load resource: "}
        visit.console.clear()
