"""`minimirror explain`: which rule decided on each file, and who needs it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config
from minimirror.cli.output.explain import as_dict, as_lines
from minimirror.sync.explaining import Explanation, ExplanationError, explain
from tests.helpers import distributions
from tests.helpers.index import Index, Status
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
WINDOWS = {"python": "3.9", "platform": "win_amd64"}
ON_LINUX, ON_WINDOWS = "cp3.12 on manylinux_2_28_x86_64", "cp3.9 on win_amd64"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror that has run: nothing here changes it."""
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


def lines(mirror: Mirror, name: str, **rules: Any) -> list[str]:
    found = list(as_lines(explained(mirror, name, **rules)))
    assert max(map(len, found)) <= 80
    return found


class TestProject:
    def test_each_file_with_the_rule_that_decided_and_the_chain_for_each_target(self, mirror: Mirror) -> None:
        """The newest release first."""
        assert lines(mirror, "Base") == [
            "base: 4 of 13 files selected",
            "  3.0 is required",
            "    by app.txt > app > base",
            f"    for {ON_LINUX}",
            f"    for {ON_WINDOWS}",
            "  2.0 is required",
            "    by tool.txt > tool > base",
            f"    for {ON_LINUX}",
            f"    for {ON_WINDOWS}",
            "4.0",
            "  skipped   base-4.0-py3-none-any.whl",
            "            yanked: broken",
            "3.0",
            "  selected  base-3.0-py3-none-any.whl",
            f"            needed for {ON_LINUX}, {ON_WINDOWS}",
            "  selected  base-3.0-cp312-cp312-manylinux_2_17_x86_64.whl",
            f"            needed for {ON_LINUX}",
            "  skipped   base-3.0-cp312-cp312-macosx_11_0_arm64.whl",
            "            targets: no target accepts cp312-cp312-macosx_11_0_arm64",
            "  skipped   base-3.0.tar.gz",
            "            exclude_files: matches *.tar.gz",
            "2.0",
            "  selected  base-2.0-py3-none-any.whl",
            f"            needed for {ON_LINUX}, {ON_WINDOWS}",
            "  selected  base-2.0-cp312-cp312-manylinux_2_17_x86_64.whl",
            f"            needed for {ON_LINUX}",
            "  skipped   base-2.0-cp312-cp312-macosx_11_0_arm64.whl",
            "            targets: no target accepts cp312-cp312-macosx_11_0_arm64",
            "  skipped   base-2.0.tar.gz",
            "            exclude_files: matches *.tar.gz",
            "1.0",
            "  skipped   base-1.0-py3-none-any.whl",
            "            projects: only 3.0 and 2.0 are needed",
            "  skipped   base-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
            "            projects: only 3.0 and 2.0 are needed",
            "  skipped   base-1.0-cp312-cp312-macosx_11_0_arm64.whl",
            "            targets: no target accepts cp312-cp312-macosx_11_0_arm64",
            "  skipped   base-1.0.tar.gz",
            "            exclude_files: matches *.tar.gz",
        ]

    def test_one_that_a_target_alone_needs(self, mirror: Mirror) -> None:
        assert lines(mirror, "colours")[:4] == [
            "colours: 1 of 1 files selected",
            "  0.4 is required",
            "    by app.txt > app > colours",
            f"    for {ON_WINDOWS}",
        ]

    def test_many_files_are_told_together(self, mirror: Mirror) -> None:
        """Where a rule refuses all of some releases; unless all are asked for."""
        assert lines(mirror, "big") == [
            "big: 1 of 61 files selected",
            "2.0rc1",
            "  skipped   big-2.0rc1-py3-none-any.whl",
            "            prereleases: 2.0rc1 is a pre-release",
            "1.29",
            "  selected  big-1.29-py3-none-any.whl",
            "  skipped   big-1.29.tar.gz",
            "            exclude_files: matches *.tar.gz",
            "1.28 to 1.0: 29 releases, 58 files",
            "  skipped   29 files: exclude_files",
            "  skipped   29 files: releases",
            "`--all` lists every file; `minimirror explain FILENAME` shows every rule.",
        ]
        whole = list(as_lines(explained(mirror, "big"), whole=True))
        for file in mirror.index.projects["big"].files:
            assert any(line.endswith(file.filename) for line in whole)

    def test_one_that_is_not_wanted(self, mirror: Mirror) -> None:
        """Since it is excluded; or neither the config nor a target wants it."""
        assert lines(mirror, "bad", exclude_projects=["b*"])[:2] == [
            "bad: 0 of 1 files selected",
            "  exclude_projects: the project is excluded",
        ]
        assert lines(mirror, "tool", requirements=[])[:2] == [
            "tool: 0 of 1 files selected",
            "  projects: the project is not listed, and nothing needs it",
        ]

    def test_one_that_the_index_has_quarantined(self, mirror: Mirror) -> None:
        assert lines(mirror, "bad") == [
            "bad: 0 of 1 files selected",
            "  status on the index: quarantined",
            "1.0",
            "  skipped   bad-1.0-py3-none-any.whl",
            "            project_status: the project is quarantined",
        ]

    def test_one_that_is_private(self, mirror: Mirror) -> None:
        """So is its file, which no index has."""
        for name in ("acme", "acme-1.0-py3-none-any.whl"):
            assert lines(mirror, name) == [
                "acme: 0 of 1 files selected",
                "  local project: these files were not downloaded by minimirror:",
                "  acme-1.0-py3-none-any.whl",
                "99.0",
                "  skipped   acme-99.0-py3-none-any.whl",
                "            local project: the folder has local files of it",
            ]
        assert lines(mirror, "acme", projects=["acme"])[0] == "acme: 1 of 1 files selected"


class TestFilename:
    def test_each_rule_in_effect_in_the_order_in_which_they_are_applied(self, mirror: Mirror) -> None:
        size = len(distributions.wheel("big", "1.3"))
        assert lines(mirror, "big-1.3-py3-none-any.whl") == [
            f"big-1.3-py3-none-any.whl, {size} B: skipped",
            "  yes  filename          The name is valid for a distribution of the project,",
            "                         and unique.",
            "  yes  exclude_files     The name matches none of the patterns.",
            "  yes  targets           A target accepts the file's tags and its",
            "                         Requires-Python.",
            "  yes  yanked            The file has not been yanked.",
            "  yes  project_status    The project's status on the index is listed.",
            "  yes  projects          The project is listed and its specifier matches the",
            "                         release, or a target needs it.",
            "  yes  prereleases       The release is final, or the project has only",
            "                         pre-releases.",
            "  no   releases          not the newest release for any target that accepts it",
        ]

    def test_that_a_target_needs(self, mirror: Mirror) -> None:
        """The rules that do not matter then are left out, and so are other releases that are needed."""
        found = lines(mirror, "base-2.0-py3-none-any.whl")
        assert found[0].endswith(": selected")
        assert [line[7:20].strip() for line in found if line.startswith("  yes")] == [
            "filename",
            "exclude_files",
            "targets",
            "project_statu",
            "projects",
        ]
        assert found[-4:] == [
            "  2.0 is required",
            "    by tool.txt > tool > base",
            f"    for {ON_LINUX}",
            f"    for {ON_WINDOWS}",
        ]


def test_for_a_program(mirror: Mirror) -> None:
    command = minimirror_command("explain", "--config", mirror.config(), "--json", "base")
    assert command.process.returncode == 0, command.stderr
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
    }
    assert {each["filename"] for each in found["files"] if each["wanted"]} == {
        name for name in mirror.names() if name.startswith("base-")
    }


def test_changes_nothing(mirror: Mirror) -> None:
    """Nor is anything resolved anew that holds."""
    before = mirror.stamps(), (mirror.state / "catalog.sqlite").read_bytes()
    mirror.index.clear()
    explained(mirror, "base")
    assert (mirror.stamps(), (mirror.state / "catalog.sqlite").read_bytes()) == before
    assert mirror.index.pages_read() == {"base": 1}


@pytest.mark.parametrize("name", ["absent", "absent-1.0-py3-none-any.whl", "base-9.0.zip", "..", "a/b", ""])
def test_what_the_index_has_not(mirror: Mirror, name: str) -> None:
    with pytest.raises(ExplanationError, match="neither a project nor a file"):
        explained(mirror, name)


def test_index_that_cannot_be_asked(mirror: Mirror) -> None:
    """One message, and no traceback."""
    mirror.index.fault("/simple/base/", Status(403), always=True)
    try:
        command = minimirror_command("explain", "--config", mirror.config(), "base")
    finally:
        mirror.index.heal()
    assert command.process.returncode == 1
    assert command.stdout == ""
    assert command.stderr.splitlines()[-1] == "error: the page of base cannot be read: HTTP 403"
