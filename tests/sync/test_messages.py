"""The messages of runs, plans and checks that a user can meet, one snapshot each."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import functools
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from inline_snapshot import snapshot

from minimirror import Config, MinimirrorError, Summary, run
from minimirror.cli.output.explain import as_lines
from minimirror.config import load
from minimirror.simple_api.project_page import File
from minimirror.storage import Catalog, MirrorFolder, RunRow
from minimirror.sync import check_health, explain, verify
from minimirror.sync.apply import Apply
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import Failed, FetchFile, SelectedFile
from minimirror.sync.workers.starting import PoolError
from tests.helpers.index import Body, Status
from tests.helpers.running import Mirror
from tests.sync.test_workers import dies_at, dies_at_start, drain, fails_at_odd_ones, pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import Index

WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    repository.mkdir()
    return Mirror(index, repository, retries=0)


def config(mirror: Mirror, **rules: Any) -> Config:
    return Config(repository=mirror.path, index_url=mirror.index.url, **rules)


def message(mirror: Mirror, function: Callable[[], object]) -> str:
    """Call a function that fails, and return its message without paths, URLs and times of this run."""
    with pytest.raises(MinimirrorError) as caught:
        function()
    return masked(mirror, str(caught.value))


def masked(mirror: Mirror, text: str) -> str:
    text = text.replace(str(mirror.path), "DIR")
    text = text.replace(mirror.index.origin.removeprefix("http://"), "HOST")
    text = re.sub(r"damaged-\d+", "damaged-NUMBER", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?", "TIME", text)


def failures(mirror: Mirror, **rules: Any) -> list[str]:
    return [masked(mirror, str(each)) for each in mirror.run(**rules).failures]


def notes(mirror: Mirror, summary: Summary) -> list[str]:
    return [masked(mirror, each) for each in summary.notes]


class Usage(NamedTuple):
    """What :func:`shutil.disk_usage` returns."""

    total: int = 4000
    used: int = 3900
    free: int = 100


class TestIndex:
    def test_root_that_cannot_be_read(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/", Status(403))
        assert message(mirror, mirror.run) == snapshot(
            "index http://HOST/simple/: its list of projects cannot be read: HTTP 403: HOST refuses access; check the URL, and your credentials for it. Patterns, and a config without `projects`, need this list. If the index has pages of projects, give their exact names"
        )

    def test_root_that_may_be_read_later(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/", Status(503))
        assert message(mirror, mirror.run) == snapshot(
            "index http://HOST/simple/: its list of projects cannot be read: HTTP 503. Run again later"
        )

    def test_url_that_is_near_the_index(self, mirror: Mirror) -> None:
        near = f"{mirror.index.origin}/"
        assert message(mirror, lambda: mirror.run(index_url=near)) == snapshot(
            "index http://HOST/: its list of projects cannot be read: HTTP 404. Did you mean http://HOST/simple/?"
        )
        (note,) = notes(mirror, mirror.run(index_url=near, projects=["demo"]))
        assert note == snapshot("index http://HOST/: did you mean http://HOST/simple/?")

    def test_page_that_cannot_be_read(self, mirror: Mirror) -> None:
        found = []
        for fault in (Status(403), Status(404), Body(b"[]", "application/vnd.pypi.simple.v1+json")):
            mirror.index.fault("/simple/demo/", fault)
            found += failures(mirror)
        assert found == snapshot(
            [
                "demo: its page cannot be read: HTTP 403: HOST refuses access; check the URL, and your credentials for it",
                "demo: the index lists it, but its page cannot be read: HTTP 404",
                "demo: its page cannot be read: the page has no list of files",
            ]
        )

    def test_project_that_does_not_exist(self, mirror: Mirror) -> None:
        assert failures(mirror, projects=["missing"]) == snapshot(
            ["missing: the index has no project of that name"]
        )

    def test_entries_that_are_refused(self, mirror: Mirror) -> None:
        mirror.index.add("demo", "../demo-1.0.tar.gz", b"")
        for number in range(25):
            mirror.index.add("demo", f"d\N{CYRILLIC SMALL LETTER IE}mo-{number}.tar.gz", b"")
        found = failures(mirror)
        assert [found[0], found[1], found[-1]] == snapshot(
            [
                "demo: refused entry '../demo-1.0.tar.gz': not a distribution filename",
                "demo: refused entry 'd\\u0435mo-0.tar.gz': not a distribution filename",
                "demo: and 6 more like these",
            ]
        )

    def test_no_api_for_vulnerabilities(self, mirror: Mirror) -> None:
        mirror.index.json_api = False
        assert failures(mirror, vulnerable="exclude") == snapshot(
            [
                "demo: could not query known vulnerabilities: index http://HOST/simple/ has no JSON API for vulnerabilities; remove `vulnerable` from the config"
            ]
        )


class TestNotes:
    def test_local_project(self, mirror: Mirror) -> None:
        (mirror.path / "demo-0.1.zip").write_bytes(b"local")
        (mirror.path / "demo-0.2.zip").write_bytes(b"local")
        assert mirror.run().notes == snapshot(
            [
                "demo: not mirrored, because these local files make it a local project: demo-0.1.zip, demo-0.2.zip. Delete the local files if they are leftovers, or name the project in `projects` to mirror it anyway"
            ]
        )
        assert mirror.run(projects=["demo"]).notes == snapshot(
            ["demo: mirrored in addition to its local files: demo-0.1.zip, demo-0.2.zip"]
        )

    def test_mirrored_project_that_gets_a_local_file(self, mirror: Mirror) -> None:
        gone = mirror.index.add_sdist("demo", "1.0")
        mirror.complete()
        (mirror.path / gone.filename).unlink()
        (mirror.path / "demo-1.1.zip").write_bytes(b"local")
        assert mirror.run().notes == snapshot(
            [
                "demo: no longer mirrored, because these local files make it a local project: demo-1.1.zip. Its mirrored files stay: demo-1.0-py3-none-any.whl. Not fetched again: demo-1.0.tar.gz. Delete the local files if they are leftovers, or name the project in `projects` to mirror it anyway"
            ]
        )

    def test_nothing_is_mirrored(self, mirror: Mirror) -> None:
        mirror.index.add_project("empty")
        mirror.index.add_wheel("malware", "1.0")
        mirror.index.status("malware", "quarantined")
        assert sorted(mirror.run(projects=["demo>1", "empty", "malware"]).notes) == snapshot(
            [
                "demo: no file is selected (skipped by rule: projects 1)",
                "empty: no file is selected (its page lists no files)",
                "malware: skipped, because the index has quarantined it",
            ]
        )

    def test_no_upload_times(self, mirror: Mirror) -> None:
        mirror.index.formats = {"html"}
        assert mirror.run(min_age="1 day").notes == snapshot(
            [
                "skipped 1 file of 1 project, because the index does not report their upload time (`min_age`, `uploaded_before`)"
            ]
        )

    def test_words_that_match_nothing(self, mirror: Mirror) -> None:
        mirror.index.add_wheel("demo", "1.0", tag="cp312-cp312-win_amd64")
        rules: dict[str, Any] = {
            "projects": ["demo", "dmeo-*"],
            "exclude_projects": ["spam", "re:eggs-.*"],
            "package_types": ["bdist_wheel", "bdist_egg"],
            "extensions": ["whl", "egg"],
            "python_versions": ["py3", "cp313", "3.12"],
            "platforms": ["any", "win", "win_arm64", "musllinux", "macosx"],
            "exclude_files": ["*.exe", "demo-1.0-py2-*"],
            "min_age": 1,
            "min_age_exempt": ["demo", "acme-*"],
            "targets": [
                {"python": "3.12", "platform": "win_amd64"},
                {"python": "3.12", "platform": "manylinux_2_28_x86_64", "implementation": "pp"},
            ],
        }
        assert mirror.run(**rules).notes == snapshot(
            [
                '`projects`: no project of the index matches "dmeo-*"',
                '`exclude_projects`: no project of the index matches "spam" or "re:eggs-.*"',
                '`exclude_files`: no file of the selected projects matches "*.exe" or "demo-1.0-py2-*"',
                '`extensions`: no file of the selected projects matches "egg"',
                '`min_age_exempt`: no selected project matches "acme-*"',
                '`package_types`: no file of the selected projects matches "bdist_egg"',
                '`platforms`: no file of the selected projects matches "macosx", "musllinux" or "win_arm64"',
                '`python_versions`: no file of the selected projects matches "3.12" or "cp313"; wheels for 3.12 have "cp312" or "py312"',
            ]
        )
        # Later runs read fewer pages, or none.
        assert mirror.run(**rules).notes == []

    def test_what_a_page_should_not_say(self, mirror: Mirror) -> None:
        for number in range(12):
            mirror.index.add_wheel(f"old-{number}", "1.0", requires_python=">=3.6.*")
        mirror.index.add("demo", "other-1.0-py3-none-any.whl", b"")
        mirror.index.add("demo", "demo-more-1.0.tar.gz", b"")
        assert mirror.run().notes == snapshot(
            [
                "demo: skipped what its page lists of other projects: other-1.0-py3-none-any.whl, demo-more-1.0.tar.gz. `exclude_files` silences this",
                'ignored an invalid Requires-Python, as pip does, of old-0 (">=3.6.*"), old-1 (">=3.6.*"), old-10 (">=3.6.*"), old-11 (">=3.6.*"), old-2 (">=3.6.*"), old-3 (">=3.6.*"), old-4 (">=3.6.*"), old-5 (">=3.6.*"), old-6 (">=3.6.*"), old-7 (">=3.6.*"), and 2 more',
            ]
        )
        silenced = notes(mirror, mirror.run(exclude_files=["demo-more-*", "OTHER-*"]))
        assert [note for note in silenced if "demo" in note] == []
        mirror.index.remove_file("demo", WHEEL)
        assert failures(mirror) == snapshot(
            [
                "demo: its page lists only files of other projects: other-1.0-py3-none-any.whl, demo-more-1.0.tar.gz"
            ]
        )

    def test_vulnerable_release_in_a_lock(self, mirror: Mirror, tmp_path: Path) -> None:
        (file,) = mirror.index.projects["demo"].files
        mirror.index.vulnerable("demo", "1.0", "PYSEC-1")
        (tmp_path / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
            f'[[packages.wheels]]\nname = "{file.filename}"\nurl = "{mirror.index.file_url(file)}"\n'
            f'hashes = {{ sha256 = "{file.sha256}" }}\n'
        )
        target = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
        rules: dict[str, Any] = {
            "requirements": [str(tmp_path / "pylock.toml")],
            "targets": [target],
            "vulnerable": "exclude",
        }
        assert mirror.run(**rules).notes == snapshot(
            ["demo: 1.0 is mirrored because a target needs it; known vulnerabilities: PYSEC-1"]
        )


class TestFiles:
    def test_something_else_in_its_place(self, mirror: Mirror) -> None:
        path = mirror.path / WHEEL
        path.mkdir()
        found = failures(mirror, projects=["demo"])
        path.rmdir()
        path.write_bytes(b"local")
        found += failures(mirror, projects=["demo"])
        mirror.index.add_wheel("demo", "1.0", hashes=False)
        found += failures(mirror, projects=["demo"])
        assert found == snapshot(
            [
                "demo-1.0-py3-none-any.whl: the folder has something with this name that is not a file; remove it",
                "demo-1.0-py3-none-any.whl: the folder already has a file with this name and other content; delete it to fetch the index's",
                "demo-1.0-py3-none-any.whl: the folder already has a file with this name, and the index gives no digest of a known algorithm to compare it with",
            ]
        )

    def test_cannot_be_placed_or_written(self, mirror: Mirror) -> None:
        mirror.complete()
        other = mirror.index.add_wheel("other", "1.0")
        (mirror.state / "partial" / f"{other.filename}.part").mkdir()
        (mirror.path / WHEEL).unlink()
        (mirror.path / WHEEL).mkdir()
        assert sorted(failures(mirror)) == snapshot(
            [
                "demo-1.0-py3-none-any.whl: cannot be placed: Is a directory",
                "other-1.0-py3-none-any.whl: cannot be written: Is a directory",
            ]
        )

    def test_cannot_be_deleted(self, mirror: Mirror) -> None:
        mirror.complete()
        (mirror.path / WHEEL).unlink()
        (mirror.path / WHEEL).mkdir()
        (mirror.path / WHEEL / "file").touch()
        mirror.index.add_wheel("demo", "2.0")
        assert failures(mirror) == snapshot(["demo-1.0-py3-none-any.whl: cannot be deleted: Is a directory"])


class TestFolder:
    def test_not_enough_room(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage())
        assert message(mirror, mirror.run) == snapshot(
            "repository DIR: the files need at least 923 B, but only 100 B are free. Free some space, select less (`minimirror plan` shows what is big), or run with --force"
        )

    def test_disk_that_is_full(self, mirror: Mirror) -> None:
        folder = MirrorFolder(mirror.path)
        folder.prepare()
        (file,) = mirror.index.projects["demo"].files
        job = FetchFile("demo", SelectedFile(File(file.filename, "https://example.org/", {}), "1.0"))
        full = Failed("cannot be written: No space left on device", disk_full=True)
        with (
            Catalog(folder.catalog) as catalog,
            Apply(Session(mirror.settings(), folder, catalog, Summary()), None) as apply,
        ):
            assert message(mirror, lambda: apply.take(job, full)) == snapshot(
                "repository DIR: the disk or a quota is full. Fetched files are kept. Free some space or select less, then run again"
            )

    def test_damaged_catalog(self, mirror: Mirror) -> None:
        mirror.state.mkdir()
        (mirror.state / "catalog.sqlite").write_bytes(b"garbage" * 1000)
        assert notes(mirror, mirror.complete()) == snapshot(
            [
                "catalog DIR/.minimirror/catalog.sqlite: file is not a database; the damaged file is kept as catalog.damaged-NUMBER.sqlite. The catalog is rebuilt from the folder and the index"
            ]
        )

    def test_catalog_that_turns_out_to_be_damaged(self, mirror: Mirror) -> None:
        mirror.complete()
        path = mirror.state / "catalog.sqlite"
        with closing(sqlite3.connect(path)) as db:
            query = "SELECT rootpage FROM sqlite_master WHERE name = 'files'"
            at = 4096 * (db.execute(query).fetchone()[0] - 1)
        content = path.read_bytes()
        path.write_bytes(content[:at] + b"\xff" * 4096 + content[at + 4096 :])
        assert message(mirror, mirror.run) == snapshot(
            "catalog DIR/.minimirror/catalog.sqlite: database disk image is malformed; the damaged file is kept as catalog.damaged-NUMBER.sqlite. Run again to rebuild the catalog from the folder and the index"
        )

    def test_nothing_to_verify(self, mirror: Mirror) -> None:
        assert message(mirror, lambda: verify(config(mirror))) == snapshot(
            "repository DIR: no catalog found; run `minimirror run` first"
        )


def test_health(mirror: Mirror) -> None:
    def check() -> RunRow:
        return check_health(config(mirror), within=3600)

    assert message(mirror, check) == snapshot(
        "repository DIR: no run has started yet; start one with `minimirror run`"
    )
    mirror.run(projects=["missing"])
    assert message(mirror, check) == snapshot(
        "repository DIR: no run has completed yet; `minimirror status` shows why"
    )
    with Catalog(MirrorFolder(mirror.path).catalog) as catalog:
        catalog.runs.end(catalog.runs.begin(1e9), 1e9, {"complete": True})
        catalog.commit()
    found = re.sub(r"run .* ago", "run AGE ago", message(mirror, check))
    assert found == snapshot(
        "repository DIR: last complete run AGE ago (TIME); `minimirror status` shows why"
    )


class TestWorkers:
    def test_cannot_start(self) -> None:
        with pool(dies_at_start) as busy, pytest.raises(PoolError) as caught:
            drain(busy, range(20))
        assert str(caught.value) == snapshot("worker processes exit before they do anything (exit code 7)")

    def test_no_scheduler(self, mirror: Mirror) -> None:
        assert message(mirror, lambda: mirror.run(workers="tcp://127.0.0.1:1")) == snapshot(
            "cannot connect to the Dask scheduler at tcp://127.0.0.1:1: Connection refused"
        )

    def test_job_that_kills_its_workers(self, tmp_path: Path) -> None:
        with pool(functools.partial(dies_at, tmp_path, 7, 1000)) as busy:
            assert [each.error for each in drain(busy, [7])] == snapshot(
                ["3 worker processes died or did not respond while they worked on it"]
            )

    def test_bug(self) -> None:
        with pool(fails_at_odd_ones) as busy:
            assert [each.error for each in drain(busy, [1])] == snapshot(
                ["a bug in minimirror: ValueError: 1 is odd (`--verbose` shows where)"]
            )


class TestExplain:
    def test_unknown_name(self, mirror: Mirror) -> None:
        assert message(mirror, lambda: explain(config(mirror), "absent")) == snapshot(
            "the index has neither a project nor a file named 'absent'"
        )

    def test_page_that_cannot_be_read(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/demo/", Status(403))
        assert message(mirror, lambda: explain(config(mirror, retries=0), "demo")) == snapshot(
            "the page of demo cannot be read: HTTP 403: HOST refuses access; check the URL, and your credentials for it"
        )

    def test_vulnerabilities_that_cannot_be_queried(self, mirror: Mirror) -> None:
        mirror.index.fault("/pypi/*", Status(403), always=True)
        settings = config(mirror, vulnerable="exclude", retries=0)
        assert message(mirror, lambda: explain(settings, "demo")) == snapshot(
            "could not query known vulnerabilities for demo: HTTP 403: HOST refuses access; check the URL, and your credentials for it"
        )

    def test_project(self, mirror: Mirror, tmp_path: Path) -> None:
        (tmp_path / "app.txt").write_text("app\n")
        index = mirror.index
        index.add_wheel("app", "1.0", requires=["demo"])
        index.add_sdist("demo", "1.0")
        index.add_wheel("demo", "2.0", yanked="broken")
        for minor in range(2):
            index.add_wheel("demo", f"0.{minor}")
        settings = config(
            mirror,
            requirements=[str(tmp_path / "app.txt")],
            targets=[{"python": "3.12", "platform": "manylinux_2_28_x86_64"}],
            exclude_files=["*.tar.gz"],
        )
        assert "\n".join(as_lines(explain(settings, "demo"))) == snapshot("""\
demo: 1 of 5 files selected, 0 here
  1.0 is required
    by app.txt > app > demo
    for cp3.12 on manylinux_2_28_x86_64
2.0
  skipped   demo-2.0-py3-none-any.whl
            yanked: broken
1.0
  selected  demo-1.0-py3-none-any.whl, not here yet
            needed for cp3.12 on manylinux_2_28_x86_64
  skipped   demo-1.0.tar.gz
            exclude_files: matches *.tar.gz
0.1
  skipped   demo-0.1-py3-none-any.whl
            requirements: only 1.0 is needed
0.0
  skipped   demo-0.0-py3-none-any.whl
            requirements: only 1.0 is needed\
""")
        assert "\n".join(as_lines(explain(settings, WHEEL))) == snapshot("""\
demo-1.0-py3-none-any.whl, 923 B: selected, not here
  yes  filename          The name is valid for a distribution of the project, and unique.
  yes  exclude_files     The name matches none of the patterns.
  yes  targets           A target accepts the file's tags and its Requires-Python.
  yes  project_status    The project's status on the index is listed.
  yes  requirements      needed for cp3.12 on manylinux_2_28_x86_64
  1.0 is required
    by app.txt > app > demo
    for cp3.12 on manylinux_2_28_x86_64\
""")

    def test_many_releases(self, mirror: Mirror) -> None:
        for minor in range(30):
            mirror.index.add_wheel("big", f"1.{minor}")
            mirror.index.add_sdist("big", f"1.{minor}")
        settings = config(mirror, exclude_files=["*.tar.gz"])
        assert "\n".join(as_lines(explain(settings, "big"))) == snapshot("""\
big: 1 of 60 files selected, 0 here
1.29
  selected  big-1.29-py3-none-any.whl, not here yet
  skipped   big-1.29.tar.gz
            exclude_files: matches *.tar.gz
1.28 to 1.0: 29 releases, 58 files
  skipped   29 files: exclude_files
  skipped   29 files: releases
`--all` lists every file; `minimirror explain FILENAME` shows every rule.\
""")

    def test_local_and_unselected_projects(self, mirror: Mirror) -> None:
        (mirror.path / "demo-0.1.zip").write_bytes(b"local")
        assert "\n".join(as_lines(explain(config(mirror), "demo"))) == snapshot("""\
demo: 0 of 1 file selected, 0 here
  local project: these files were not downloaded by minimirror: demo-0.1.zip
1.0
  skipped   demo-1.0-py3-none-any.whl
            local project: the folder has local files of it\
""")
        for name in ("bad", "other"):
            mirror.index.add_wheel(name, "1.0")
        mirror.index.status("bad", "quarantined")
        assert "\n".join(as_lines(explain(config(mirror), "bad"))) == snapshot("""\
bad: 0 of 1 file selected, 0 here
  status on the index: quarantined
1.0
  skipped   bad-1.0-py3-none-any.whl
            project_status: the project is quarantined\
""")
        settings = config(mirror, exclude_projects=["other"])
        assert "\n".join(as_lines(explain(settings, "other"))) == snapshot("""\
other: 0 of 1 file selected, 0 here
  exclude_projects: the project is excluded
1.0
  skipped   other-1.0-py3-none-any.whl
            exclude_projects: the project is excluded\
""")
        settings = config(mirror, projects=["demo"])
        assert "\n".join(as_lines(explain(settings, "other"))) == snapshot("""\
other: 0 of 1 file selected, 0 here
  projects: the project is not listed, and nothing needs it
1.0
  skipped   other-1.0-py3-none-any.whl
            projects: no release is needed\
""")


def test_another_config(mirror: Mirror) -> None:
    assert run(load(mirror.config())).complete
    other = mirror.path.with_name("other.json")
    other.write_text(mirror.config(projects=["else"]).read_text())
    mirror.config()
    assert message(mirror, lambda: run(load(other))).replace(str(other.parent), "PATH") == snapshot(
        "repository DIR: a run would delete 1 file that the config of the last run (DIR.json) selects. Give this config its own folder (`repository`), or run with --take-over"
    )


def test_indexes(mirror: Mirror, index_factory: Callable[..., Index]) -> None:
    other = index_factory(json_api=False)
    other.add_wheel("torch", "1.0")
    entry: dict[str, Any] = {"name": "other", "url": other.url, "projects": ["torch"]}
    rules: dict[str, Any] = {"projects": ["demo", "torch"], "indexes": [entry]}
    found = mirror.complete(vulnerable="exclude", **rules).notes
    found += mirror.complete(**{**rules, "projects": ["demo"]}).notes
    found += failures(mirror, indexes=[{**entry, "kind": "find-links"}])
    other.remove("torch")
    found += failures(mirror, **rules)
    other.fault("/whl/", Body(b'<a href="torch-1.0.zip">torch</a>'))
    found += mirror.run(indexes=[{**entry, "url": f"{other.origin}/whl/"}], projects=["torch"]).notes
    assert [masked(mirror, each).replace(other.origin, "http://OTHER") for each in found] == snapshot(
        [
            "index other does not report known vulnerabilities, so `vulnerable` excludes nothing of its projects (1 read)",
            "index other: no selected project comes from it. Its `projects` do not select: name what you want in the config's `projects`, too",
            'torch: index other: its page cannot be read: it links to no files; for an index, remove `"kind": "find-links"`',
            "torch: index other has no project of that name",
            'index http://OTHER/whl/: it links to files, not to projects. If it is a page of links, add it to `indexes` with `"kind": "find-links"`',
        ]
    )
    other.add_wheel("torch", "1.0")
    shown = list(as_lines(explain(config(mirror, **rules), "torch")))
    assert [each.replace(other.origin, "http://OTHER") for each in shown[:2]] == snapshot(
        ["torch: 1 of 1 file selected, 0 here", "  from the index other, http://OTHER/simple/"]
    )
