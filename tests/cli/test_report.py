"""`minimirror report` at terminals of several kinds, and the page that it writes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from minimirror.cli.output.report import as_lines
from minimirror.cli.output.screen import Screen, broken
from minimirror.common import Failure
from minimirror.publish.report import Project, Release
from tests.helpers.reports import a_report
from tests.helpers.running import Mirror, Terminal, minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LONG = Failure("a-project", f"{'a' * 150}-1.0-py3-none-any.whl", "\x1b[31mHTTP 404")


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_screen(width: int, unicode: bool) -> None:
    screen = Screen(width, unicode=unicode)
    lines = [part for line in as_lines(a_report(missing=(LONG,)), screen) for part in broken(line, width)]
    assert max(map(len, lines)) <= width
    assert unicode or all(line.isascii() for line in lines)
    assert "".join("".join(lines).split()).count("a" * 20)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_names_are_whole(width: int) -> None:
    """Columns without values, and those that are needed least, make room for them."""
    name = "opentelemetry-instrumentation-redis"
    project = Project(name, 1, 9, None, None, (Release("1.0", 1, 9, None, None),))
    lines = list(as_lines(a_report(projects=(project,)), Screen(width)))
    titles, *rows = lines[lines.index("The biggest first.") + 1 :]
    assert [each.split() for each in rows[: 1 + (width == 40)]] == {
        40: [[name], ["9", "B", "1"]],
        80: [[name, "9", "B", "1", "1", "█" * 16]],
        120: [[name, "9", "B", "1", "1", "1.0", "█" * 16]],
    }[width]
    assert ("newest here" in titles, "status" in titles) == (width == 120, False)


def test_a_pipe_gets_whole_names() -> None:
    assert f"  a-project  {LONG.filename}  ?[31mHTTP 404" in list(
        as_lines(a_report(missing=(LONG,)), Screen())
    )


def test_only_the_first_rows_are_shown() -> None:
    many = tuple(
        Project(f"demo-{n}", 1, 99 - n, None, None, (Release("1", 1, 9, None, None),)) for n in range(12)
    )
    lines = list(as_lines(a_report(projects=many), Screen()))
    assert "  and 2 more (`--json` lists all)" in lines
    assert not any("demo-10" in line for line in lines)


@pytest.mark.parametrize(
    ("environment", "bar", "colours"),
    [
        ({"LC_ALL": "C.UTF-8"}, "█", True),
        ({"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}, "█", False),
        ({"LC_ALL": "C.UTF-8", "TERM": "dumb"}, "#", False),
    ],
)
def test_terminals(mirror: Mirror, environment: dict[str, str], bar: str, colours: bool) -> None:
    with Terminal(["report", "--config", mirror.config()], env=environment) as terminal:
        assert terminal.end() == 0
    assert bar * 16 in terminal.seen
    assert ("\x1b[" in terminal.seen) == colours


def test_writes_a_page(mirror: Mirror, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("an older one")
    done = minimirror_command("report", "--html", page, "--config", mirror.config())
    assert (done.exit_code, done.stdout.startswith("Wrote ")) == (0, True)
    assert '<th scope="row">demo</th>' in page.read_text("utf-8")
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_a_page_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    page = tmp_path / "none" / "report.html"
    done = minimirror_command("report", "--html", page, "--config", mirror.config())
    assert done.exit_code == 1
    assert "none/report.html" in done.stderr


def test_without_plotly(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    page = tmp_path / "report.html"
    done = minimirror_command("report", "--html", page, "--config", mirror.config())
    assert (done.exit_code, page.exists()) == (2, False)
    assert "[report]" in done.stderr
    assert minimirror_command("report", "--config", mirror.config()).exit_code == 0


def test_a_damaged_catalog(mirror: Mirror) -> None:
    (mirror.state / "catalog.sqlite").write_bytes(b"no database")
    done = minimirror_command("report", "--config", mirror.config())
    assert (done.exit_code, done.stdout) == (1, "")
    assert "catalog" in done.stderr


def test_json_or_a_page(mirror: Mirror) -> None:
    done = minimirror_command("report", "--json", "--html", "x", "--config", mirror.config())
    assert done.exit_code == 2
    assert "--html" in done.stderr
