"""`minimirror explain`: which rule decided on each file, and what requires it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from minimirror import Config
from minimirror.cli.output.explain import as_dict, as_lines
from minimirror.sync.explaining import Explanation, ExplanationError, explain
from tests.helpers import distributions
from tests.helpers.index import Index, Status
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
WINDOWS = {"python": "3.9", "platform": "win_amd64"}
ON_LINUX, ON_WINDOWS = "cp3.12 on manylinux_2_28_x86_64", "cp3.9 on win_amd64"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror after a run; no test changes it."""
    folder = tmp_path_factory.mktemp("explain")
    with ExitStack() as stack:
        index = stack.enter_context(Index())
        index.add_wheel("app", "1.0", requires=["base", 'colours; sys_platform == "win32"', "acme"])
        index.add_wheel("tool", "2.0", requires=["base<3"])
        for version in ("1.0", "2.0", "3.0"):
            index.add_wheel("base", version)
            index.add_wheel("base", version, tag="cp312-cp312-manylinux_2_17_x86_64", padding=2000)
            index.add_wheel("base", version, tag="cp312-cp312-macosx_11_0_arm64")
            index.add_sdist("base", version)
        index.add_wheel("base", "4.0", yanked="broken")
        index.add_wheel("colours", "0.4")
        for minor in range(30):
            index.add_wheel("big", f"1.{minor}")
            index.add_sdist("big", f"1.{minor}")
        index.add_wheel("big", "2.0rc1")
        index.add_wheel("stable", "7.0+x", tag="cp37-abi3-win_amd64", requires_python="py3")
        index.add("stable", "other-1.0.tar.gz", b"")
        index.add_wheel("stable", "7.0", tag="cp314-abi3-win_amd64")
        index.add_wheel("bad", "1.0")
        index.status("bad", "quarantined")
        index.add_wheel("acme", "99.0")
        folder.joinpath("app.txt").write_text("app\n")
        folder.joinpath("tool.txt").write_text("tool\n")
        repository = folder / "repository"
        repository.mkdir()
        (repository / "acme-1.0-py3-none-any.whl").write_bytes(distributions.wheel("acme", "1.0"))
        mirror = Mirror(
            index,
            repository,
            requirements=[str(folder / "app.txt"), str(folder / "tool.txt")],
            projects=["big", "bad"],
            targets=[LINUX, WINDOWS],
            exclude_files=["*.tar.gz"],
        )
        mirror.complete()
        yield mirror


def explained(mirror: Mirror, name: str, **rules: Any) -> Explanation:
    values = {"index_url": mirror.index.url, **mirror.rules, **rules}
    return explain(Config(repository=mirror.path, **values), name)


def decided(found: Explanation) -> dict[str, str | None]:
    """Return the rule that refused each file; None if the file is selected."""
    return {each.file.filename: None if each.wanted else each.rule for each in found.decisions}


def text(found: Explanation, *, whole: bool = False) -> str:
    return "\n".join(as_lines(found, whole=whole))


class TestProject:
    def test_each_file_has_the_rule_that_decided(self, mirror: Mirror) -> None:
        rules = {
            "py3-none-any.whl": None,
            "cp312-cp312-manylinux_2_17_x86_64.whl": None,
            "cp312-cp312-macosx_11_0_arm64.whl": "targets",
        }
        found = explained(mirror, "Base")
        assert found.project == "base"
        assert decided(found) == {
            "base-4.0-py3-none-any.whl": "yanked",
            **{f"base-{version}-{name}": rule for version in ("3.0", "2.0") for name, rule in rules.items()},
            **{f"base-1.0-{name}": rule or "projects" for name, rule in rules.items()},
            **{f"base-{version}.tar.gz": "exclude_files" for version in ("3.0", "2.0", "1.0")},
        }

    def test_each_target_has_the_chain_of_requirements(self, mirror: Mirror) -> None:
        found = explained(mirror, "base")
        assert {
            (each.target, each.version): [list(chain) for chain in each.chains] for each in found.needs
        } == {
            (target, version): [chain]
            for target in (ON_LINUX, ON_WINDOWS)
            for version, chain in (("3.0", ["app.txt", "app", "base"]), ("2.0", ["tool.txt", "tool", "base"]))
        }
        (need,) = explained(mirror, "colours").needs
        assert (need.target, need.version) == (ON_WINDOWS, "0.4")

    def test_text_shows_the_newest_release_first(self, mirror: Mirror) -> None:
        lines = text(explained(mirror, "base")).splitlines()
        assert [line for line in lines if line in {"4.0", "3.0", "2.0", "1.0"}] == [
            "4.0",
            "3.0",
            "2.0",
            "1.0",
        ]

    def test_text_groups_many_releases(self, mirror: Mirror) -> None:
        found = explained(mirror, "big")
        assert decided(found)["big-2.0rc1-py3-none-any.whl"] == "prereleases"
        filenames = {file.filename for file in mirror.index.projects["big"].files}
        assert decided(found).keys() == filenames
        assert len([name for name in filenames if name in text(found)]) == 3
        assert [name for name in filenames if name not in text(found, whole=True)] == []

    def test_a_stable_abi_and_a_local_version(self, mirror: Mirror) -> None:
        rules: dict[str, Any] = {"requirements": [], "targets": [], "projects": ["stable"]}
        found = explained(mirror, "stable", python_versions=["cp312"], **rules)
        assert decided(found) == {
            "stable-7.0+x-cp37-abi3-win_amd64.whl": None,
            "stable-7.0-cp314-abi3-win_amd64.whl": "python_versions",
            "other-1.0.tar.gz": "exclude_files",
        }
        assert [note for note in found.notes if '"py3"' in note]
        lines = [line.strip() for line in text(found).splitlines()]
        assert lines[1] == "7.0"
        assert "cp312 accepts cp37-abi3" in lines
        one = explained(mirror, "stable-7.0+x-cp37-abi3-win_amd64.whl", python_versions=["cp312"], **rules)
        assert "cp312 accepts cp37-abi3" in text(one)

    def test_unselected(self, mirror: Mirror) -> None:
        """The config excludes it, or nothing selects it."""
        assert (explained(mirror, "bad", exclude_projects=["b*"]).refusal or [])[0] == "exclude_projects"
        assert (explained(mirror, "tool", requirements=[]).refusal or [])[0] == "projects"

    def test_quarantined(self, mirror: Mirror) -> None:
        found = explained(mirror, "bad")
        assert found.status == "quarantined"
        assert decided(found) == {"bad-1.0-py3-none-any.whl": "project_status"}

    def test_local(self, mirror: Mirror) -> None:
        """Also by the name of a local file, which is not on the index."""
        for name in ("acme", "acme-1.0-py3-none-any.whl"):
            found = explained(mirror, name)
            assert (found.project, found.private) == ("acme", ["acme-1.0-py3-none-any.whl"])
            assert decided(found) == {"acme-99.0-py3-none-any.whl": "private"}
        assert decided(explained(mirror, "acme", projects=["acme"])) == {"acme-99.0-py3-none-any.whl": None}


def verdicts(found: Explanation) -> dict[str, str]:
    """Return the verdict of each rule in the text."""
    lines = (line.split() for line in text(found).splitlines() if line.startswith(("  yes  ", "  no   ")))
    return {name: verdict for verdict, name, *_ in lines}


class TestFilename:
    def test_each_rule_in_effect_in_the_order_in_which_they_are_applied(self, mirror: Mirror) -> None:
        found = explained(mirror, "big-1.3-py3-none-any.whl")
        assert list(verdicts(found).items()) == [
            ("filename", "yes"),
            ("exclude_files", "yes"),
            ("targets", "yes"),
            ("yanked", "yes"),
            ("project_status", "yes"),
            ("projects", "yes"),
            ("prereleases", "yes"),
            ("releases", "no"),
        ]

    def test_required_by_a_target(self, mirror: Mirror) -> None:
        """Rules that do not matter are left out, and so are other required releases."""
        found = explained(mirror, "base-2.0-py3-none-any.whl")
        assert decided(found) == {"base-2.0-py3-none-any.whl": None}
        assert verdicts(found) == dict.fromkeys(
            ["filename", "exclude_files", "targets", "project_status", "projects"], "yes"
        )
        assert "tool.txt > tool > base" in text(found)
        assert "app.txt" not in text(found)


def test_json(mirror: Mirror) -> None:
    command = minimirror_command("explain", "--config", mirror.config(), "--json", "base")
    assert command.exit_code == 0, command.stderr
    found = json.loads(command.stdout)
    assert found == as_dict(explained(mirror, "base"))
    assert found["needed"][0] == {
        "target": ON_LINUX,
        "version": "3.0",
        "chains": [["app.txt", "app", "base"]],
    }
    assert found["files"][0] == {
        "filename": "base-1.0-py3-none-any.whl",
        "release": "1.0",
        "size": len(distributions.wheel("base", "1.0")),
        "wanted": False,
        "rule": "projects",
        "reason": "only 3.0 and 2.0 are needed",
        "here": None,
    }
    assert {each["filename"] for each in found["files"] if each["wanted"]} == {
        name for name in mirror.names() if name.startswith("base-")
    }


class TestHere:
    """Whether a file is in the folder, and intact by its size."""

    @pytest.fixture
    def mirror(self, index: Index, repository: Path) -> Mirror:
        for version in ("1.0", "2.0", "3.0", "4.0"):
            index.add_wheel("demo", version)
        mirror = Mirror(index, repository, releases=3)
        mirror.complete()
        return mirror

    def test_of_each_file(self, mirror: Mirror) -> None:
        one, two, three, four = (f"demo-{number}.0-py3-none-any.whl" for number in (1, 2, 3, 4))
        (mirror.path / three).unlink()
        (mirror.path / two).write_bytes(b"short")
        found = explained(mirror, "demo")
        assert found.here == {two: "truncated", three: "missing", four: "mirrored"}
        states = [each["here"] for each in as_dict(found)["files"]]
        assert states == [None, "truncated", "missing", "mirrored"]
        assert "3 of 4 files selected, 1 here" in text(found)
        assert f"{one}, 9" in text(explained(mirror, one))
        assert "skipped, not here" in text(explained(mirror, one))
        assert "selected, missing from the folder" in text(explained(mirror, three))

    def test_a_file_that_the_index_no_longer_lists(self, mirror: Mirror) -> None:
        name = "demo-3.0-py3-none-any.whl"
        mirror.index.remove_file("demo", name)
        assert decided(explained(mirror, "demo"))[name] == "unlisted"
        found = explained(mirror, name)
        assert (decided(found), found.here) == ({name: "unlisted"}, {name: "mirrored"})
        mirror.index.remove("demo")
        assert set(decided(explained(mirror, "demo")).values()) == {"unlisted"}

    def test_a_project_that_became_local(self, mirror: Mirror) -> None:
        (mirror.path / "demo-0.1.zip").write_bytes(b"local")
        found = explained(mirror, "demo")
        assert set(decided(found).values()) == {"private"}
        assert [each.reason.endswith("stays") for each in found.decisions] == [False, True, True, True]
        assert "demo-0.1.zip is a local file" in text(explained(mirror, "demo-0.1.zip"))


class TestNames:
    """What may be asked for besides the name of a project or a file."""

    @pytest.mark.parametrize(
        ("name", "versions"),
        [
            ("base==2.0", {"2.0"}),
            ("Base>=2,<4", {"2.0", "3.0"}),
            ('base[x]<2; python_version > "3"', {"1.0"}),
            ("base 3.0", {"3.0"}),
            ("base-3.0", {"3.0"}),
            ("base[x]", {"1.0", "2.0", "3.0", "4.0"}),
            ("https://example.org/simple/base/", {"1.0", "2.0", "3.0", "4.0"}),
        ],
    )
    def test_releases(self, mirror: Mirror, name: str, versions: set[str]) -> None:
        found = explained(mirror, name)
        assert (found.project, {each.version for each in found.decisions}) == ("base", versions)

    @pytest.mark.parametrize(
        "name",
        [
            "/data/base-2.0.tar.gz",
            "./base-2.0.tar.gz",
            "some folder\\base-2.0.tar.gz",
            "https://example.org/a/base-2.0.tar.gz?x=1#sha256=00",
            "https://example.org/base%2D2.0.tar.gz",
            "base @ https://example.org/base-2.0.tar.gz",
        ],
    )
    def test_urls_and_paths_of_files(self, mirror: Mirror, name: str) -> None:
        assert decided(explained(mirror, name)) == {"base-2.0.tar.gz": "exclude_files"}

    def test_a_release_that_does_not_exist(self, mirror: Mirror) -> None:
        with pytest.raises(ExplanationError, match=r"no release that matches ==9\.0"):
            explained(mirror, "base==9.0")

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("baze", "base"),
            ("coulours", "colours"),
            ("base-2.0-py3-non-any.whl", "base-2.0-py3-none-any.whl"),
            ("base-9.0.tar.gz", "base-3.0.tar.gz"),
        ],
    )
    def test_an_unknown_name_has_a_suggestion(self, mirror: Mirror, name: str, meant: str) -> None:
        with pytest.raises(ExplanationError, match=f'did you mean "{meant}"'):
            explained(mirror, name)


class TestOffline:
    AWAY: ClassVar[dict[str, Any]] = {
        "index_url": "http://127.0.0.1:9/simple/",
        "retries": 0,
        "requirements": [],
        "targets": [],
    }

    @pytest.mark.parametrize("name", ["base", "base-2.0-py3-none-any.whl"])
    def test_what_the_catalog_knows(self, mirror: Mirror, name: str) -> None:
        found = explained(mirror, name, **self.AWAY)
        assert (found.project, found.offline) == ("base", True)
        assert set(found.here.values()) == {"mirrored"}
        assert found.here.keys() <= mirror.names()
        assert "the catalog knows" in found.problems[0]

    def test_it_knows_nothing(self, mirror: Mirror) -> None:
        for name in ("absent", "absent-1.0.zip"):
            with pytest.raises(ExplanationError, match="catalog does not know"):
                explained(mirror, name, **self.AWAY)

    def test_the_command(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/big/", Status(503), always=True)
        try:
            command = minimirror_command("explain", "--config", mirror.config(retries=0), "big")
        finally:
            mirror.index.heal()
        assert command.exit_code == 1
        assert "big: 1 of 1 file selected, 1 here" in command.stdout


def test_the_rule_is_a_key_that_the_config_has(mirror: Mirror) -> None:
    needed = explained(mirror, "base", projects=None)
    assert "projects" not in {*needed.rules, *decided(needed).values()}
    assert decided(needed)["base-1.0-py3-none-any.whl"] == "requirements"
    assert (explained(mirror, "bad", projects=None).refusal or [])[0] == "requirements"
    assert "projects" not in explained(mirror, "big", projects=None, requirements=[]).rules


def test_changes_nothing(mirror: Mirror) -> None:
    """Resolutions that are up to date are used again."""
    before = mirror.stamps(), (mirror.state / "catalog.sqlite").read_bytes()
    mirror.index.clear()
    explained(mirror, "base")
    assert (mirror.stamps(), (mirror.state / "catalog.sqlite").read_bytes()) == before
    assert mirror.index.pages_read() == {"base": 1}


@pytest.mark.parametrize("name", ["absent", "absent-1.0-py3-none-any.whl", "base-9.0.zip", "..", "a/b", ""])
def test_unknown_name(mirror: Mirror, name: str) -> None:
    with pytest.raises(ExplanationError, match="neither"):
        explained(mirror, name)


def test_page_that_cannot_be_read(mirror: Mirror) -> None:
    """One message, and no traceback."""
    mirror.index.fault("/simple/base/", Status(403), always=True)
    try:
        command = minimirror_command("explain", "--config", mirror.config(), "base")
    finally:
        mirror.index.heal()
    assert command.exit_code == 1
    assert command.stdout == ""
    (line,) = command.stderr.splitlines()[-1:]
    assert line.startswith("error: ")
    assert "HTTP 403" in line
    assert "Traceback" not in command.stderr
