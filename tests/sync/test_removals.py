"""Files that the index or the config drops are deleted, unless so many that one of them must be broken."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.upstream import ListingError
from tests.helpers.index import Body, Status
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import Index

COUNT = 20
JSON = "application/vnd.pypi.simple.v1+json"


def name(number: int) -> str:
    return f"project-{number:02}"


@pytest.fixture
def mirror(index: Index, repository: Path, request: pytest.FixtureRequest) -> Mirror:
    """A mirror of twenty projects with one file each."""
    index.serials = getattr(request, "param", True)
    for number in range(COUNT):
        index.add_wheel(name(number), "1.0")
    mirror = Mirror(index, repository, max_delete=0.1)
    assert mirror.complete().files_fetched == COUNT
    return mirror


def empty_root(index: Index) -> None:
    index.serial += 1
    index.fault("/simple/", Body(b'{"meta": {"api-version": "1.0"}, "projects": []}', JSON), always=True)


def smaller_root(index: Index) -> None:
    for number in range(5):
        index.remove(name(number))


def empty_page(index: Index) -> None:
    for number in range(5):
        index.remove_file(name(number), f"project_{number:02}-1.0-py3-none-any.whl")


BREAKAGES: dict[str, tuple[Callable[[Index], None], int]] = {
    "an empty root": (empty_root, COUNT),
    "a much smaller root": (smaller_root, 5),
    "pages gone empty": (empty_page, 5),
}


@pytest.mark.parametrize("mirror", [True, False], ids=["serials", "no serials"], indirect=True)
class TestBrokenIndex:
    @pytest.mark.parametrize(("breakage", "unlisted"), BREAKAGES.values(), ids=BREAKAGES.keys())
    def test_deletes_nothing_and_the_next_run_goes_on(
        self, mirror: Mirror, breakage: Callable[[Index], None], unlisted: int
    ) -> None:
        index, before, stamps = mirror.index, mirror.files(), mirror.stamps()
        listed = {key: list(project.files) for key, project in index.projects.items()}
        breakage(index)
        for _ in range(2):
            # A second run does not confirm it.
            summary = mirror.run()
            assert summary.withheld == sorted(before)[:unlisted]
            assert not summary.complete
            assert summary.failures == []
            assert (summary.files_removed, summary.projects_removed) == (0, 0)
            assert before.items() <= mirror.files().items()
        index.heal()
        for key, files in listed.items():
            for file in files:
                index.add(key, file.filename, file.content)
        mirror.complete(max_delete=0)
        assert index.files_fetched() == {}
        assert mirror.files() == before
        assert mirror.stamps() == stamps

    @pytest.mark.parametrize(("breakage", "unlisted"), BREAKAGES.values(), ids=BREAKAGES.keys())
    def test_deletes_what_is_allowed(
        self, mirror: Mirror, breakage: Callable[[Index], None], unlisted: int
    ) -> None:
        before = mirror.names()
        breakage(mirror.index)
        assert mirror.run().withheld
        summary = mirror.run(allow_delete=True)
        assert summary.complete
        assert (summary.files_removed, summary.withheld) == (unlisted, [])
        assert mirror.names().isdisjoint(sorted(before)[:unlisted])
        assert len(mirror.names() & before) == COUNT - unlisted
        assert mirror.complete().files_removed == 0

    def test_pages_that_list_only_new_files(self, mirror: Mirror) -> None:
        """New files are fetched; the old ones stay until they are listed again and superseded."""
        index, before = mirror.index, mirror.files()
        empty_page(index)
        new = {(file := index.add_wheel(name(number), "2.0")).filename: file.content for number in range(5)}
        assert mirror.run().withheld == sorted(before)[:5]
        assert mirror.files() == before | new
        for number in range(5):
            index.add_wheel(name(number), "1.0")
        summary = mirror.complete(max_delete=0)
        assert (summary.files_fetched, summary.files_removed) == (0, 5)
        assert new.items() <= mirror.files().items()

    def test_named_projects_that_answer_404(self, mirror: Mirror) -> None:
        rules: dict[str, Any] = {"projects": [name(number) for number in range(COUNT)]}
        mirror.complete(**rules)
        before = mirror.files()
        mirror.index.fault("/simple/project-0[0-4]/", Status(404), always=True)
        for _ in range(2):
            summary = mirror.run(**rules)
            assert summary.withheld == sorted(before)[:5]
            assert sorted(failure.project for failure in summary.failures) == list(map(name, range(5)))
            assert mirror.files() == before
        mirror.index.heal()
        mirror.complete(**rules)
        assert mirror.files() == before
        assert mirror.index.files_fetched() == {}

    def test_truncated_root_is_an_error(self, mirror: Mirror) -> None:
        before = mirror.files()
        mirror.rules["max_delete"] = 1
        mirror.index.add_wheel("another", "1.0")
        for body in (
            b'{"meta": {"api-version": "1.0"}}',
            b'{"projects": [{"name": "project-01"}',
            b"[]",
            b"",
        ):
            mirror.index.fault("/simple/", Body(body, JSON), always=True)
            with pytest.raises(ListingError):
                mirror.run(retries=0)
            mirror.index.heal()
            assert mirror.files() == before


class TestShare:
    def test_up_to_the_share_files_are_deleted(self, mirror: Mirror) -> None:
        """One project is gone, and one page is empty: two of twenty files."""
        mirror.index.remove(name(3))
        mirror.index.remove_file(name(5), "project_05-1.0-py3-none-any.whl")
        summary = mirror.complete()
        assert (summary.files_removed, summary.projects_removed) == (2, 1)
        assert len(mirror.names()) == COUNT - 2

    def test_a_few_files_are_deleted_whatever_their_share(self, mirror: Mirror) -> None:
        for number in range(3):
            mirror.index.remove(name(number))
        assert mirror.complete(max_delete="1%").files_removed == 3

    def test_files_missing_from_root_and_pages_count_together(self, mirror: Mirror) -> None:
        for number in range(2):
            mirror.index.remove(name(number))
            mirror.index.remove_file(name(10 + number), f"project_{10 + number}-1.0-py3-none-any.whl")
        assert len(mirror.run().withheld) == 4
        assert len(mirror.names()) == COUNT

    @pytest.mark.parametrize(("share", "goes"), [(0, 0), ("20%", 0), ("25%", 5), (1, 5)])
    def test_share_from_the_config(self, mirror: Mirror, share: str | float, goes: int) -> None:
        smaller_root(mirror.index)
        summary = mirror.run(max_delete=share)
        assert summary.complete == bool(goes)
        assert len(mirror.names()) == COUNT - goes


def say(index: Index, number: int, **details: Any) -> None:
    """List the same file again, with other details."""
    (file,) = index.projects[name(number)].files
    index.add(name(number), file.filename, file.content, **details)


def quarantine(index: Index) -> None:
    for number in range(COUNT):
        index.status(name(number), "quarantined")


def yank(index: Index) -> None:
    for number in range(COUNT):
        index.add_wheel(name(number), "1.0", yanked="bad")


def need_another_python(index: Index) -> None:
    for number in range(COUNT):
        say(index, number, requires_python=">=99")


def report_vulnerabilities(index: Index) -> None:
    for number in range(COUNT):
        index.vulnerable(name(number), "1.0", "GHSA-1")
        say(index, number)


class TestOtherNews:
    """Whatever the index says today, it does not empty the mirror."""

    @pytest.mark.parametrize(
        ("news", "rules", "cause"),
        [
            (quarantine, {}, "project_status"),
            (yank, {}, "yanked"),
            (
                need_another_python,
                {"targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]},
                "targets",
            ),
            (report_vulnerabilities, {"vulnerable": "exclude"}, "vulnerable"),
        ],
    )
    def test_keeps_the_files_until_it_is_confirmed(
        self, mirror: Mirror, news: Callable[[Index], None], rules: dict[str, Any], cause: str
    ) -> None:
        mirror.rules |= rules
        mirror.complete()
        before = mirror.files()
        news(mirror.index)
        mirror.index.serial += 1
        for _ in range(2):
            summary = mirror.run()
            assert summary.withheld == sorted(before)
            assert summary.lost == {cause: COUNT}
            assert mirror.files() == before
        assert mirror.run(allow_delete=True).files_removed == COUNT
        assert mirror.names() == set()

    def test_an_index_that_no_longer_tells_times_removes_nothing(self, mirror: Mirror) -> None:
        mirror.rules["min_age"] = "1 day"
        mirror.complete()
        before = mirror.files()
        mirror.index.formats = {"html"}
        mirror.index.serials = False
        mirror.complete(max_delete=0)
        assert mirror.files() == before

    def test_times_decide_only_what_may_come_in(self, mirror: Mirror) -> None:
        mirror.complete(uploaded_before="2030-01-01")
        before = mirror.files()
        mirror.complete(uploaded_before="2000-01-01", max_delete=0)
        assert mirror.files() == before

    def test_a_few_are_deleted_and_counted_by_cause(self, mirror: Mirror) -> None:
        mirror.index.add_wheel(name(0), "1.0", yanked="bad")
        mirror.index.status(name(1), "quarantined")
        mirror.index.remove(name(2))
        summary = mirror.complete()
        assert summary.lost == {"yanked": 1, "project_status": 1, "unlisted": 1}
        assert summary.files_removed == 3


class TestReplaced:
    """The same name with other bytes is an alarm."""

    @pytest.fixture
    def file(self, mirror: Mirror) -> str:
        """A mirrored file, whose bytes the index has replaced."""
        file = mirror.index.add_wheel(name(0), "1.0", padding=1)
        return file.filename

    def test_keeps_the_file_until_it_is_confirmed(self, mirror: Mirror, file: str) -> None:
        before = mirror.files()
        for _ in range(2):
            summary = mirror.run()
            (failure,) = summary.failures
            assert failure.filename == file
            assert "--allow-replace" in failure.cause
            assert hashlib.sha256(before[file]).hexdigest() in failure.cause
            assert mirror.files() == before
            assert mirror.index.files_fetched() == {}
        summary = mirror.run(allow_replace=True)
        assert (summary.complete, summary.files_fetched) == (True, 1)
        assert mirror.files()[file] != before[file]

    def test_is_noticed_by_any_digest(self, mirror: Mirror) -> None:
        before = mirror.files()
        other = hashlib.md5(b"other").hexdigest()
        say(mirror.index, 0, hashes={"md5": other})
        (failure,) = mirror.run().failures
        assert (failure.project, other in failure.cause) == (name(0), True)
        assert mirror.files() == before

    def test_is_noticed_by_a_digest_of_an_unknown_algorithm(self, mirror: Mirror) -> None:
        mirror.index.add_wheel("new", "1.0", hashes={"blake3": "a" * 64})
        mirror.index.add_wheel("newer", "1.0", hashes={"k12": "a" * 64})
        summary = mirror.complete()
        assert summary.files_fetched == 2
        (note,) = summary.notes
        assert "2 files" in note
        assert "(blake3, k12)" in note
        before = mirror.files()
        mirror.index.add_wheel("new", "1.0", hashes={"blake3": "b" * 64})
        (failure,) = mirror.run().failures
        assert "b" * 64 in failure.cause
        assert mirror.files() == before
        assert mirror.complete(allow_replace=True).files_fetched == 1

    def test_that_the_index_no_longer_lists_is_no_alarm(self, mirror: Mirror, file: str) -> None:
        mirror.index.remove_file(name(0), file)
        assert mirror.complete().files_removed == 1


class TestOlderAnswers:
    def test_an_older_list_is_ignored(self, mirror: Mirror) -> None:
        before = mirror.files()
        mirror.index.serial = 1
        mirror.index.projects.clear()
        summary = mirror.complete(max_delete=1)
        assert "older" in summary.notes[0]
        assert mirror.files() == before


class TestNotCounted:
    """What the config or a newer release supersedes is deleted, however much it is."""

    def test_superseded_releases(self, mirror: Mirror) -> None:
        new = [mirror.index.add_wheel(name(number), "2.0") for number in range(COUNT)]
        summary = mirror.complete(max_delete=0)
        assert summary.files_removed == COUNT
        assert mirror.names() == {file.filename for file in new}

    def test_narrowed_config(self, mirror: Mirror) -> None:
        assert mirror.complete(max_delete=0, exclude_projects=["project-1*"]).files_removed == 10
        assert mirror.complete(max_delete=0, projects=["re:project-0[0-5]"]).files_removed == 4
        assert len(mirror.names()) == 6

    def test_narrowed_config_while_the_index_is_broken(self, mirror: Mirror) -> None:
        """Only what the config no longer selects is deleted."""
        empty_root(mirror.index)
        summary = mirror.run(exclude_projects=["project-1*"])
        assert (summary.files_removed, len(summary.withheld)) == (10, 10)
        assert mirror.names() == {f"project_{number:02}-1.0-py3-none-any.whl" for number in range(10)}
        # Files that the config no longer selects are deleted while the index is broken.
        summary = mirror.run(projects=["nothing-*"], allow_delete=True)
        assert (summary.unmatched, summary.files_removed) == ({"projects": 0}, 10)


class TestDeselected:
    """What a changed config no longer selects is deleted unless it is most of the mirror: a typo, perhaps."""

    @pytest.mark.parametrize(
        "typo",
        [
            {"projects": ["projct-*"]},
            {"package_types": ["sdist"]},
            {"platforms": ["win_amd64"]},
            {"python_versions": ["cp312"]},
            {"exclude_files": ["*.whl"]},
            {"exclude_projects": ["*"]},
            {"min_releases": 2},
            {"targets": [{"python": "2.7", "platform": "win32"}]},
        ],
        ids=lambda rules: next(iter(rules)),
    )
    def test_most_of_the_mirror_is_kept(self, mirror: Mirror, typo: dict[str, Any]) -> None:
        before = mirror.stamps()
        for _ in range(2):
            summary = mirror.run(**typo)
            assert not summary.complete
            assert (summary.files_removed, summary.deselected) == (0, sorted(before))
            assert mirror.stamps() == before
        # Nothing is fetched again when it is mended.
        assert mirror.complete().files_fetched == 0
        assert mirror.stamps() == before
        assert mirror.run(**typo, allow_delete=True).files_removed == COUNT
        assert mirror.names() == set()

    def test_more_than_half_is_most(self, mirror: Mirror) -> None:
        summary = mirror.run(projects=["project-0*", "new"])
        assert (summary.deselected, summary.files_removed) == ([], 10)
        summary = mirror.run(projects=["re:project-0[0-3]"])
        assert (len(summary.deselected), summary.files_removed) == (6, 0)

    def test_other_files_of_the_same_projects(self, mirror: Mirror) -> None:
        """For another version of Python, say: the mirror does not shrink."""
        for number in range(COUNT):
            mirror.index.add_sdist(name(number), "1.0")
        mirror.complete(package_types=["bdist_wheel"])
        summary = mirror.complete(package_types=["sdist"])
        assert (summary.files_fetched, summary.files_removed) == (COUNT, COUNT)

    def test_older_releases(self, mirror: Mirror) -> None:
        for number in range(COUNT):
            for version in ("2.0", "3.0"):
                mirror.index.add_wheel(name(number), version)
        assert mirror.complete(releases=3).files_fetched == 2 * COUNT
        summary = mirror.run(releases=1)
        assert (len(summary.deselected), summary.files_removed) == (2 * COUNT, 0)
        assert mirror.run(releases=2).files_removed == COUNT

    def test_while_the_index_is_broken(self, mirror: Mirror) -> None:
        """Either alarm stands by itself."""
        smaller_root(mirror.index)
        summary = mirror.run(exclude_projects=["project-1*", "re:project-0[5-9]"])
        assert (len(summary.withheld), len(summary.deselected), summary.files_removed) == (5, 15, 0)
        summary = mirror.run(exclude_projects=["project-1*"])
        assert (len(summary.withheld), summary.deselected, summary.files_removed) == (5, [], 10)

    def test_command(self, mirror: Mirror) -> None:
        before = mirror.names()
        assert minimirror_command("run", "--config", mirror.config()).exit_code == 0
        command = minimirror_command("plan", "--config", mirror.config(projects=["projct-*"]), "--json")
        assert command.exit_code == 1
        assert json.loads(command.stdout)["deselected"] == sorted(before)
        command = minimirror_command("run", "--config", mirror.config(projects=["projct-*"]))
        assert command.exit_code == 1
        assert "--allow-delete" in command.stdout
        assert mirror.names() == before
        command = minimirror_command(
            "run", "--config", mirror.config(projects=["projct-*"]), "--allow-delete", "--json"
        )
        assert json.loads(command.stdout)["files"]["removed"] == COUNT


class TestCommand:
    def test_lists_what_it_kept(self, mirror: Mirror) -> None:
        before = mirror.names()
        mirror.rules["max_delete"] = "10%"
        empty_root(mirror.index)
        mirror.index.fault("/simple/project-0[0-4]/", Status(404), always=True)
        command = minimirror_command("run", "--config", mirror.config())
        assert command.exit_code == 1
        assert command.stderr == ""
        lines = command.stdout.splitlines()
        assert "far fewer files" in lines[0]
        assert "not deleted: 20 files " in command.stdout
        assert [line.strip() for line in lines if line.endswith(".whl")] == sorted(before)
        assert "--allow-delete" in lines[-1]
        command = minimirror_command("run", "--config", mirror.config(), "--json")
        assert command.exit_code == 1
        assert json.loads(command.stdout)["withheld"] == sorted(before)
        assert mirror.names() == before
        command = minimirror_command("run", "--config", mirror.config(), "--allow-delete", "--json")
        assert command.exit_code == 0
        assert json.loads(command.stdout)["files"]["removed"] == COUNT
        assert mirror.names() == set()


class TestBesideFailures:
    def test_page_that_cannot_be_read_deletes_nothing(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/project-*", Status(403), always=True)
        for number in range(COUNT):
            mirror.index.add_wheel(name(number), "2.0")
        summary = mirror.run(max_delete=1)
        assert (summary.files_removed, len(summary.failures)) == (0, COUNT)
        assert len(mirror.names()) == COUNT

    def test_unlisted_files_stay_until_the_new_ones_are_fetched(self, mirror: Mirror) -> None:
        """A project whose new file fails keeps the old one."""
        file = mirror.index.add_wheel(name(0), "2.0")
        mirror.index.remove_file(name(0), "project_00-1.0-py3-none-any.whl")
        mirror.index.fault(file.filename, Status(404), always=True)
        assert mirror.run().files_removed == 0
        assert len(mirror.names()) == COUNT
        mirror.index.heal()
        summary = mirror.complete()
        assert (summary.files_removed, summary.files_fetched) == (1, 1)
