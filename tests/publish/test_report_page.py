"""The page of the report, in a browser."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.common import Failure
from minimirror.publish.report import Project, Release, Share, report_page
from tests.helpers.browsing import HOSTILE, visited
from tests.helpers.reports import MADE, a_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from minimirror.publish.report import Report
    from tests.helpers.browsing import Visit


@contextmanager
def shown(browser: Browser, found: Report, folder: Path, **manner: Any) -> Iterator[Visit]:
    """Open the page of a report, which sends no request."""
    file = folder / "report.html"
    file.write_bytes(report_page(found).encode())
    with visited(browser, file.as_uri(), **manner) as visit:
        yield visit
        assert visit.requests == [file.as_uri()]


def boxes(visit: Visit) -> list[str]:
    """Return the texts of the treemap's boxes."""
    return visit.page.locator("#figure-projects g.slice text").all_text_contents()


def test_treemap_of_projects_and_releases(chromium: Browser, tmp_path: Path) -> None:
    with shown(chromium, a_report(), tmp_path) as visit:
        visit.page.locator("#figure-projects g.slice").first.wait_for()
        assert {"demo", "demo 2.02.5 MB", "other", "other 1.01.0 MB"} <= set(boxes(visit))
        keys = "projects types pythons platforms targets growth years behind vulnerable causes missed"
        assert visit.page.locator(".js-plotly-plot").count() == len(keys.split())


def test_a_project_is_chosen_by_keyboard(chromium: Browser, tmp_path: Path) -> None:
    with shown(chromium, a_report(), tmp_path) as visit:
        visit.page.get_by_label("Show").focus()
        visit.page.keyboard.type("oth")
        visit.page.locator("#figure-projects g.slice", has_text="demo").first.wait_for(state="detached")
        assert visit.page.get_by_label("Show").input_value() == "/other"


def test_names_are_only_text(chromium: Browser, tmp_path: Path) -> None:
    release = Release(HOSTILE, 1, 5, MADE, None)
    found = a_report(
        repository=f"/srv/{HOSTILE}",
        projects=(Project(HOSTILE, 1, 5, MADE, HOSTILE, (release,)),),
        pythons=(Share(HOSTILE, 1, 5),),
        missing=(Failure(HOSTILE, HOSTILE, HOSTILE),),
    )
    with shown(chromium, found, tmp_path) as visit:
        visit.page.locator("#figure-projects g.slice").first.wait_for()
        assert any(box.startswith("</script><script>alert(1)</script>") for box in boxes(visit))
        assert visit.page.locator("#missing td").first.inner_text().startswith("</script><script>alert(1)")
        assert visit.page.locator("main b, main a[href^=http], svg a").count() == 0


def test_tables_need_no_scripts(chromium: Browser, tmp_path: Path) -> None:
    with shown(chromium, a_report(), tmp_path, java_script_enabled=False) as visit:
        row = visit.page.get_by_role("row", name="demo").first
        assert "3.0 MB" in row.inner_text()
        assert not visit.page.locator("#figure-projects").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_in_the_colours_of_the_visitor(chromium: Browser, tmp_path: Path, scheme: str) -> None:
    manner = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with shown(chromium, a_report(), tmp_path, **manner) as visit:
        visit.page.locator("#figure-projects g.slice").first.wait_for()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
        back = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        text = visit.page.evaluate("getComputedStyle(document.querySelector('#figure-types text')).fill")
        brightness = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (back, text)]
        assert (brightness[0] > brightness[1]) == (scheme == "light")


def test_an_empty_mirror_has_a_page(chromium: Browser, tmp_path: Path) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "projects",
            "types",
            "pythons",
            "platforms",
            "targets",
            "years",
            "growth",
            "outdated",
            "behind",
            "vulnerable",
            "missing",
            "demanded",
            "missed",
        ),
        (),
    )
    with shown(chromium, a_report(**nothing, unread=0, unadvised=0, as_of=None), tmp_path) as visit:
        assert "no run has completed yet" in visit.page.inner_text("dl")
        assert visit.page.locator(".js-plotly-plot").count() == 0
