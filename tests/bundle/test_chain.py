"""Chains of exports and imports: after each step, the far side equals the near side."""

from __future__ import annotations

import os
import random
import shutil
import socket
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config, MinimirrorError, run
from minimirror.bundle.results import BundleError, BundleRequestError, MissingBytesError, OlderError
from minimirror.common import Status
from minimirror.storage import Catalog, CatalogDamagedError, open_mirror
from minimirror.sync import Deletion, Placement
from minimirror.sync.verifying import verify
from tests.helpers import distributions
from tests.helpers.bundles import Far, Near
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def near(tmp_path: Path) -> Near:
    """An empty mirror, which the tests fill."""
    return Near(tmp_path / "near")


def test_each_kind_of_change_reaches_the_far_side(index: Index, tmp_path: Path, far: Far) -> None:
    """Added, updated, replaced under its name, removed, yanked, a project gone: each by a run of its own."""
    mirror = Mirror(index, tmp_path / "near", yanked=True, releases=2)
    near = Near.of(mirror)
    for name in ("amber", "birch", "cedar", "delta"):
        index.add_wheel(name, "1.0", padding=2000)

    def new() -> None:
        index.add_wheel("ember", "1.0", requires_python=">=3.10")
        index.add_sdist("amber", "1.1")

    def updated() -> None:
        index.add_wheel("amber", "2.0")
        index.add("cedar", "cedar-1.0-py3-none-any.whl", b"other bytes, same name", yanked="broken")

    def removed() -> None:
        index.add_wheel("birch", "2.0")
        index.add_wheel("birch", "3.0", core_metadata=True)

    def yanked() -> None:
        (file,) = index.projects["delta"].files
        index.add("delta", file.filename, file.content, yanked="do not use")

    def gone() -> None:
        index.remove("ember")
        index.status("amber", "deprecated")

    made = []
    for number, change in enumerate([lambda: None, new, updated, removed, yanked, gone], 1):
        change()
        mirror.complete(allow_replace=True)
        made.append(near.export(f"{number}.tar"))
        (found,) = far.take(*made[-1].paths)
        assert found.changed
        assert far.equals(near), f"after change {number}"
        assert far.left_over() == []
    assert [each.since for each in made] == [None, 1, 2, 3, 4, 5]
    assert [each.files for each in made] == [4, 2, 2, 2, 0, 0]
    assert [each.removed for each in made] == [0, 0, 1, 1, 0, 1]
    assert [each.listed for each in made] == [4, 6, 6, 7, 7, 6]
    assert verify(far.config(), read=True).well
    another = Far(tmp_path / "another")
    assert len(another.take(*(path for each in reversed(made) for path in each.paths))) == 6
    assert another.equals(near)


def test_a_run_after_an_import_finds_nothing_to_do(index: Index, tmp_path: Path, far: Far) -> None:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, tmp_path / "near")
    mirror.complete()
    far.take(*Near.of(mirror).export("1.tar").paths)
    summary = Mirror(index, far.path).complete()
    assert (summary.projects_read, summary.files_fetched, summary.files_present) == (0, 0, 1)


def test_a_run_without_an_index_does_not_break_the_chain(near: Near, far: Far, tmp_path: Path) -> None:
    near.put("demo", "1.0")
    far.take(*near.export("1.tar").paths)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/simple/"
    with pytest.raises(MinimirrorError):
        run(Config(repository=far.path, index_url=url, retries=0))
    near.put("demo", "2.0")
    far.take(*near.export("2.tar").paths)
    assert far.files() == near.files()


def test_no_change_makes_no_bundle(near: Near) -> None:
    near.put("demo", "1.0")
    near.export("1.tar")
    found = near.export("2.tar")
    assert (found.paths, found.number) == ([], 1)
    assert not (near.path.parent / "2.tar").exists()
    assert near.export("3.tar", since="all").number == 2


def test_the_same_mirror_makes_the_same_bytes(near: Near, tmp_path: Path) -> None:
    near.put("demo", "1.0")
    near.export("1.tar")
    near.put("other", "1.0")
    twin = Near(tmp_path / "elsewhere" / "twin")
    shutil.copytree(near.path, twin.path)
    assert near.export("2.tar").paths[0].read_bytes() == twin.export("2.tar").paths[0].read_bytes()


class TestLostBundles:
    """Bundles whose bytes are here are imported; for others, the error names the bundle that has them."""

    def chain(self, near: Near) -> list[Path]:
        for number in range(1, 6):
            near.put("demo", f"{number}.0")
            near.export(f"{number}.tar")
        return [near.path.parent / f"{number}.tar" for number in range(1, 6)]

    def test_missing_bytes_are_named(self, near: Near, far: Far) -> None:
        paths = self.chain(near)
        far.take(paths[0])
        before = far.files(), far.rows()
        with pytest.raises(MissingBytesError, match=r"demo-2.*2\.tar.*demo-3.*3\.tar.*--since export:1"):
            far.take(paths[3])
        assert (far.files(), far.rows()) == before

    def test_the_first_export_is_missing(self, near: Near, far: Far) -> None:
        paths = self.chain(near)
        with pytest.raises(MissingBytesError, match=r"demo-1.*1\.tar.*--since all"):
            far.take(paths[1])
        assert far.files() == {}

    def test_the_good_ones_are_imported(self, near: Near, far: Far) -> None:
        paths = self.chain(near)
        with pytest.raises(MissingBytesError, match=r"4\.tar: .* export 3"):
            far.take(paths[3], paths[1], paths[0])
        assert len(far.files()) == 2
        far.take(paths[2], paths[3])
        assert len(far.files()) == 4

    def test_each_bad_one_is_named(self, near: Near, far: Far) -> None:
        paths = self.chain(near)
        paths[1].write_bytes(paths[1].read_bytes()[:-600])
        paths[3].write_bytes(b"other")
        with pytest.raises(BundleError) as caught:
            far.take(*paths)
        assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
            str(paths[at]) for at in (3, 1, 2, 4)
        ]
        assert far.files().keys() == {"demo-1.0-py3-none-any.whl"}

    def test_a_check_does_not_count_on_bundles_that_cannot_be_imported(self, near: Near, far: Far) -> None:
        paths = self.chain(near)
        assert [each.changed for each in far.take(*paths, check=True)] == [True] * 5
        paths[1].write_bytes(paths[1].read_bytes()[:-600])
        with pytest.raises(BundleError) as caught:
            far.take(*paths, check=True)
        assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [*map(str, paths[1:])]

    def test_a_check_knows_what_a_bundle_deletes(self, near: Near, far: Far) -> None:
        name, other = near.put("demo", "1.0"), near.put("other", "1.0")
        made = [near.export("1.tar")]
        near.drop(name)
        made.append(near.export("2.tar"))
        near.put("demo", "1.0")
        near.export("lost.tar")
        near.drop(other)
        made.append(near.export("4.tar"))
        paths = [each.paths[0] for each in made]
        for check in (True, False):
            with pytest.raises(MissingBytesError, match=rf"4\.tar: .*{name} \(in lost\.tar"):
                far.take(*paths, check=check)

    def test_a_bundle_without_news_of_the_lost_bytes(self, near: Near, far: Far) -> None:
        """What was added and removed meanwhile is not missed."""
        far.take(self.chain(near)[0])
        near.drop(*(f"demo-{number}.0-py3-none-any.whl" for number in range(2, 6)))
        near.put("other", "1.0")
        far.take(*near.export("6.tar").paths)
        assert far.equals(near)

    def test_since_carries_lost_bytes_again(self, near: Near, far: Far) -> None:
        far.take(self.chain(near)[0])
        found = near.export("again.tar", since="export:1")
        assert (found.number, found.files, found.listed) == (6, 4, 5)
        far.take(*found.paths)
        assert far.equals(near)

    @pytest.mark.parametrize("seed", range(6))
    def test_ten_changes_of_which_three_are_lost(self, tmp_path: Path, seed: int) -> None:
        """Each bundle is imported exactly if every byte that it lists is in it or there."""
        chance, near, far = random.Random(seed), Near(tmp_path / "near"), Far(tmp_path / "far")
        lost = set(chance.sample(range(10), 3))
        for number in range(10):
            for _ in range(2):
                near.put("demo", f"{chance.randrange(6)}.0", b"%d" % chance.randrange(3))
            near.drop(chance.choice(sorted(near.files())))
            before = far.files() if far.path.exists() else {}
            made = near.export(f"{number}.tar", since=chance.choice(["last", "last", "all"]))
            if number in lost or not made.paths:
                continue
            (path,) = made.paths
            with tarfile.open(path) as archive:
                carried = {name.removeprefix("files/") for name in archive.getnames()}
            there = {name for name, data in near.files().items() if before.get(name) == data}
            if near.files().keys() <= carried | there:
                far.take(path)
                assert far.equals(near)
            else:
                with pytest.raises(MissingBytesError):
                    far.take(path)
                assert far.files() == before

    def test_changes_by_runs_there_stay(self, near: Near, far: Far) -> None:
        """An import deletes only what imports placed."""
        paths = self.chain(near)
        far.take(paths[0])
        name = Near(far.path).put("other", "1.0")
        far.take(*paths[1:])
        assert far.files() == {**near.files(), name: far.files()[name]}


class TestSince:
    @pytest.fixture
    def chained(self, near: Near) -> Near:
        """A mirror with files that were added, changed, changed back, removed and added again."""
        first = near.put("amber", "1.0")
        near.put("birch", "1.0", b"first")
        near.export("1.tar")
        near.put("birch", "1.0", b"second")
        near.put("cedar", "1.0")
        near.drop(first)
        near.export("2.tar")
        near.put("birch", "1.0", b"first")
        near.put("amber", "1.0")
        near.put("cedar", "1.0", yanked="")
        near.export("3.tar")
        near.drop("cedar-1.0-py3-none-any.whl")
        near.put("delta", "1.0")
        near.export("4.tar")
        return near

    @pytest.mark.parametrize("start", [1, 2, 3])
    def test_fits_every_later_state(self, chained: Near, tmp_path: Path, start: int) -> None:
        chained.put("ember", "1.0")
        (path,) = chained.export("since.tar", since=f"export:{start}").paths
        for there in range(start, 5):
            far = Far(tmp_path / f"far-{there}")
            far.take(*(tmp_path / f"{number}.tar" for number in range(1, there + 1)))
            (found,) = far.take(path)
            assert found.changed
            assert far.equals(chained), f"from state {there}"

    def test_carries_only_changed_files(self, chained: Near) -> None:
        assert chained.export("a.tar", since="export:3").files == 1
        # In between, amber was removed and birch had other bytes.
        assert chained.export("b.tar", since="export:1").files == 3
        assert chained.export("c.tar", since="all").files == 3

    def test_starts_after_a_run_or_date(self, chained: Near) -> None:
        chained.put("ember", "1.0")
        assert chained.export("a.tar", since="0").since == 4
        assert chained.export("b.tar", since="2999-01-01").since == 5
        with pytest.raises(BundleRequestError, match="--since 2001-01-01"):
            chained.export("c.tar", since="2001-01-01")
        with pytest.raises(BundleRequestError, match="--since export:9"):
            chained.export("c.tar", since="export:9")
        with pytest.raises(BundleRequestError, match="was no such run"):
            chained.export("c.tar", since="20260131")

    @pytest.mark.parametrize(
        "text", ["yesterday", "", "-1", "2026-13-01", "2026-1-1", "export:", "2026-01-01Tx"]
    )
    def test_invalid(self, near: Near, text: str) -> None:
        near.put("demo", "1.0")
        with pytest.raises(BundleRequestError, match=rf"^--since {text}: must be "):
            near.export("1.tar", since=text)


class TestRepeated:
    def test_the_same_bundle_changes_nothing(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        # Reading changes the time of the last access.
        stamps = {each.name: each.stat()[:7] for each in far.path.glob("*.whl")}
        times = far.times()
        (found,) = far.take(path)
        assert not found.changed
        assert {each.name: each.stat()[:7] for each in far.path.glob("*.whl")} == stamps
        assert far.times() == times

    def test_an_older_bundle_changes_nothing(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        near.export("1.tar")
        near.put("demo", "2.0")
        near.export("2.tar")
        paths = [near.path.parent / name for name in ("1.tar", "2.tar")]
        far.take(*paths)
        with pytest.raises(OlderError, match="export 2"):
            far.take(paths[0])
        assert [each.changed for each in far.take(*paths)] == [False, False]
        assert far.equals(near)

    def test_the_same_bundle_restores_a_lost_file(self, near: Near, far: Far) -> None:
        lost = near.put("demo", "1.0")
        near.put("other", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        (far.path / lost).unlink()
        (found,) = far.take(path)
        assert (found.added, found.present) == (1, 1)
        assert far.equals(near)

    def test_the_same_bundle_restores_altered_content(self, near: Near, far: Far) -> None:
        """Even if the size is the same."""
        altered = near.put("demo", "1.0")
        near.put("other", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        (far.path / altered).write_bytes(bytes(len(near.files()[altered])))
        (found,) = far.take(path)
        assert (found.added, found.present) == (1, 1)
        assert far.equals(near)

    def test_a_lost_file_comes_back_from_an_older_bundle(self, near: Near, far: Far) -> None:
        lost = near.put("demo", "1.0")
        (first,) = near.export("1.tar").paths
        near.put("demo", "1.0", yanked="broken")
        near.put("other", "1.0")
        (second,) = near.export("2.tar").paths
        far.take(first, second)
        (far.path / lost).write_bytes(b"")
        near.put("other", "2.0")
        (third,) = near.export("3.tar").paths
        with pytest.raises(MissingBytesError, match=rf"{lost} .*1\.tar.*--since all"):
            far.take(third)
        (found,) = far.take(first)
        assert (found.changed, found.restored, found.added, found.removed) == (True, True, 1, 0)
        far.take(third)
        assert far.equals(near)


class TestUpdatedThere:
    """A run on the far side has given a file that an import placed other content under the same name."""

    def test_stays_when_an_older_bundle_brings_back_lost_files(self, near: Near, far: Far) -> None:
        updated, lost = near.put("demo", "1.0"), near.put("other", "1.0")
        (first,) = near.export("1.tar").paths
        near.put("third", "1.0")
        far.take(first, *near.export("2.tar").paths)
        self.update(far)
        before = far.files(), far.rows()
        (far.path / lost).unlink()
        (found,) = far.take(first)
        assert (found.added, found.kept) == (1, 1)
        assert (far.files(), far.rows()) == before
        assert updated in far.files()

    def test_is_not_mixed_with_the_old_content_if_it_is_lost(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        (first,) = near.export("1.tar").paths
        near.put("other", "1.0")
        far.take(first, *near.export("2.tar").paths)
        name = self.update(far)
        before = far.rows()
        (far.path / name).unlink()
        with pytest.raises(OlderError):
            far.take(first)
        assert name not in far.files()
        assert far.rows() == before

    @pytest.mark.parametrize("local", [True, False])
    def test_stays_until_the_near_side_has_other_content_too(
        self, near: Near, far: Far, *, local: bool
    ) -> None:
        name = near.put("demo", "1.0")
        if local:
            with Catalog(near.repository.catalog) as catalog:
                catalog.files.untrack([name])
                catalog.commit()
        (path,) = near.export("1.tar").paths
        far.take(path)
        self.update(far)
        before = far.files(), far.rows()
        assert not far.take(path)[0].changed
        assert (far.files(), far.rows()) == before
        near.put("other", "1.0")
        far.take(*near.export("2.tar").paths)
        assert far.files() == {**near.files(), name: b"updated"}
        near.put("demo", "1.0", b"newer")
        far.take(*near.export("3.tar").paths)
        assert far.equals(near)

    def test_goes_back_with_replace(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        self.update(far)
        far.take(path, replace=True)
        assert far.equals(near)

    def test_comes_back_from_the_bundle_if_it_is_damaged(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        (far.path / self.update(far)).write_bytes(b"damaged")
        far.take(path)
        assert far.equals(near)

    def update(self, far: Far) -> str:
        return Near(far.path).put("demo", "1.0", b"updated")


class TestFull:
    def test_replaces_an_older_state_of_the_same_mirror(self, near: Near, far: Far) -> None:
        old = near.put("demo", "1.0")
        far.take(*near.export("1.tar").paths)
        near.drop(old)
        near.put("demo", "2.0")
        near.export("lost.tar")
        near.put("other", "2.0")
        (found,) = far.take(*near.export("3.tar", since="all").paths)
        assert (found.added, found.removed) == (2, 1)
        assert far.equals(near)

    def test_replaces_another_mirror_only_with_replace(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.put("demo", "1.0")
        other = Near(tmp_path / "other")
        other.put("other", "1.0")
        far.take(*other.export("other.tar").paths)
        before = far.files(), far.rows()
        (path,) = near.export("1.tar").paths
        with pytest.raises(BundleError, match="--replace"):
            far.take(path)
        assert (far.files(), far.rows()) == before
        far.take(path, replace=True)
        assert far.equals(near)

    def test_goes_back_only_with_replace(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        (first,) = near.export("1.tar").paths
        state = near.files(), near.rows()
        near.put("demo", "2.0")
        far.take(first, *near.export("2.tar").paths)
        with pytest.raises(OlderError, match="export 2"):
            far.take(first)
        far.take(first, replace=True)
        assert (far.files(), far.rows()) == state

    def test_rebuilds_a_damaged_catalog(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        near.put("other", "1.0")
        (path,) = near.export("1.tar").paths
        far.take(path)
        far.repository.catalog.write_bytes(b"no catalog any more")
        with pytest.raises(CatalogDamagedError, match=r"catalog\.damaged-.* full bundle"):
            far.take(path)
        (found,) = far.take(path)
        assert (found.added, found.present) == (0, 2)
        assert far.equals(near)


class TestLocalPackages:
    """Files on the near side that minimirror did not place are carried, and are local on the far side too."""

    @pytest.fixture
    def near(self, near: Near) -> Near:
        near.put("demo", "1.0")
        self.add(near, "1.0")
        (near.path / "notes.txt").write_text("no package")
        return near

    def add(self, side: Near | Far, version: str, **content: Any) -> str:
        name = distributions.wheel_filename("own", version)
        (side.path / name).write_bytes(distributions.wheel("own", version, **content))
        # So that no export waits until it is complete.
        written = time.time() - 100
        os.utime(side.path / name, (written, written))
        return name

    def test_arrive_as_local_files(self, near: Near, far: Far) -> None:
        found = near.export("1.tar")
        assert (found.listed, found.files, found.local) == (2, 2, 1)
        (done,) = far.take(*found.paths)
        assert (done.added, done.local) == (2, 1)
        assert far.files() == {name: data for name, data in near.files().items() if name != "notes.txt"}
        assert far.rows() == near.rows()
        assert verify(far.config()).unknown == ["own-1.0-py3-none-any.whl"]

    def test_follow_the_near_side(self, near: Near, far: Far) -> None:
        far.take(*near.export("1.tar").paths)
        self.add(near, "1.0", requires=["demo"])
        self.add(near, "2.0")
        (found,) = far.take(*near.export("2.tar").paths)
        assert (found.added, found.removed) == (2, 0)
        (near.path / self.add(near, "1.0")).unlink()
        (near.path / "notes.txt").unlink()
        (found,) = far.take(*near.export("3.tar").paths)
        assert (found.added, found.removed) == (0, 1)
        assert (far.files(), far.rows()) == (near.files(), near.rows())

    def test_from_the_far_future(self, near: Near, far: Far) -> None:
        """A clock that was wrong, or an archive, gives a file a time for which the catalog has no room."""
        os.utime(near.path / self.add(near, "1.0"), (3e11, 3e11))
        far.take(*near.export("1.tar").paths)
        assert far.files().keys() == near.files().keys() - {"notes.txt"}

    def test_a_copy_of_what_a_run_has_deleted_is_the_users(self, near: Near, far: Far) -> None:
        """An import had placed these bytes, a run on the far side deleted them, and a user wants them."""
        name = near.put("demo", "0.9")
        far.take(*near.export("1.tar").paths)
        copy = (far.path / name).read_bytes()
        with open_mirror(far.repository) as catalog, Placement(catalog, far.repository, None) as placement:
            placement.delete([Deletion("demo", [name])])
            catalog.commit()
        (far.path / name).write_bytes(copy)
        near.drop(name)
        far.take(*near.export("2.tar").paths)
        assert (far.path / name).read_bytes() == copy

    def test_left_out_if_asked(self, near: Near, far: Far) -> None:
        found = near.export("1.tar", without_local=True)
        assert (found.listed, found.local, found.without_local) == (1, 0, 1)
        far.take(*found.paths)
        assert far.files().keys() == {"demo-1.0-py3-none-any.whl"}
        found = near.export("2.tar")
        assert (found.files, found.local, found.without_local) == (1, 1, 0)

    @pytest.mark.parametrize("there", ["before", "changed"])
    def test_never_replace_other_bytes(self, near: Near, far: Far, there: str) -> None:
        """Neither what was there before, nor what was changed after an import."""
        if there == "changed":
            far.take(*near.export("1.tar").paths)
            self.add(near, "1.0", requires=["demo"])
        far.path.mkdir(exist_ok=True)
        name = self.add(far, "1.0", requires=["other"])
        before = far.files()
        with pytest.raises(BundleError, match=name):
            far.take(*near.export("2.tar").paths)
        assert far.files() == before

    @pytest.mark.parametrize("there", ["before", "changed"])
    def test_local_files_of_the_far_side_stay(self, near: Near, far: Far, there: str) -> None:
        """Even if they equal one that came, or took its place, and the near side deletes that."""
        far.path.mkdir()
        if there == "before":
            self.add(far, "1.0")
        far.take(*near.export("1.tar").paths)
        name = self.add(far, "1.0", **({"requires": ["other"]} if there == "changed" else {}))
        (near.path / name).unlink()
        (found,) = far.take(*near.export("2.tar").paths)
        assert found.removed == 0
        assert name in far.files()

    def test_that_were_changed_stay_when_lost_files_come_back(self, near: Near, far: Far) -> None:
        lost = near.put("demo", "1.0")
        (first,) = near.export("1.tar").paths
        near.put("other", "1.0")
        far.take(first, *near.export("2.tar").paths)
        name = self.add(far, "1.0", requires=["other"])
        before = far.files()
        (far.path / lost).unlink()
        far.take(first)
        assert far.files() == before
        assert before[name] != near.files()[name]

    def test_become_mirrored_and_local_again(self, near: Near, far: Far) -> None:
        (near.path / "notes.txt").unlink()
        far.take(*near.export("1.tar").paths)
        near.put("own", "1.0")
        far.take(*near.export("2.tar").paths)
        assert (far.files(), far.rows()) == (near.files(), near.rows())
        with Catalog(near.repository.catalog) as catalog:
            catalog.files.untrack(["own-1.0-py3-none-any.whl"])
            catalog.commit()
        far.take(*near.export("3.tar").paths)
        assert (far.files(), far.rows()) == (near.files(), near.rows())

    def test_that_cannot_be_read(self, near: Near) -> None:
        (near.path / "broken-1.0.tar.gz").symlink_to(near.path / "nowhere")
        near.export("1.tar")
        (near.path / "broken-1.0.tar.gz").unlink()
        (near.path / "broken-1.0.tar.gz").symlink_to("/proc/self/mem")
        with pytest.raises(BundleError, match=r"broken-1\.0.*--without-local"):
            near.export("2.tar")
        near.export("2.tar", without_local=True)


class TestLocalFiles:
    """Files on the far side that minimirror did not place."""

    def test_a_local_file_in_the_way_is_named(self, near: Near, far: Far) -> None:
        near.put("amber", "1.0")
        name = near.put("demo", "1.0")
        far.path.mkdir()
        (far.path / name).write_bytes(b"local")
        with pytest.raises(BundleError, match=name):
            far.take(*near.export("1.tar").paths)
        assert far.files() == {name: b"local"}

    def test_a_folder_in_the_way(self, near: Near, far: Far) -> None:
        name = near.put("demo", "1.0")
        (far.path / name).mkdir(parents=True)
        with pytest.raises(BundleError, match=name):
            far.take(*near.export("1.tar").paths)
        assert (far.path / name).is_dir()

    def test_a_link_in_the_way(self, near: Near, far: Far) -> None:
        name = near.put("demo", "1.0")
        far.path.mkdir()
        (far.path / name).symlink_to(near.path / name)
        with pytest.raises(BundleError, match=name):
            far.take(*near.export("1.tar").paths)
        assert (far.path / name).is_symlink()

    def test_a_local_file_that_appears_during_an_import(self, near: Near, far: Far) -> None:
        """It stays, and no later run takes it for a damaged file of the index."""
        name, other = near.put("demo", "1.0"), near.put("other", "1.0")
        (path,) = near.export("1.tar").paths

        def copy(status: Status) -> None:
            if status.stage and status.stage.startswith("adding"):
                (far.path / name).write_bytes(b"local")

        with pytest.raises(BundleError, match=name):
            far.take(path, progress=copy)
        assert far.files() == {name: b"local", other: near.files()[other]}
        assert [row.filename for row in far.known()] == [other]

    def test_an_identical_local_file_is_adopted(self, near: Near, far: Far) -> None:
        name = near.put("demo", "1.0")
        far.path.mkdir()
        (far.path / name).write_bytes((near.path / name).read_bytes())
        (found,) = far.take(*near.export("1.tar").paths)
        assert (found.added, found.present) == (0, 1)
        assert (far.files(), far.rows()) == (near.files(), near.rows())

    def test_a_local_project_gets_no_files_from_upstream(self, near: Near, far: Far) -> None:
        near.put("demo", "99.0")
        far.path.mkdir()
        (far.path / "demo-1.0.tar.gz").write_bytes(b"local")
        (path,) = near.export("1.tar").paths
        with pytest.raises(BundleError, match=r"demo-1\.0\.tar"):
            far.take(path)
        assert far.files() == {"demo-1.0.tar.gz": b"local"}
        Far(far.path, projects=["demo"]).take(path)
        assert far.files().keys() == {"demo-1.0.tar.gz", "demo-99.0-py3-none-any.whl"}

    def test_local_files_of_other_projects_stay(self, near: Near, far: Far) -> None:
        near.put("demo", "1.0")
        far.path.mkdir()
        (far.path / "own-1.0.tar.gz").write_bytes(b"local")
        far.take(*near.export("1.tar").paths)
        far.take(*near.export("2.tar", since="all").paths)
        assert far.files() == {**near.files(), "own-1.0.tar.gz": b"local"}


class TestSplit:
    def test_an_existing_part_is_found_before_all_files_are_read(self, near: Near, tmp_path: Path) -> None:
        near.put("big", "1.0", bytes(range(256)) * 1200)
        altered = near.path / near.put("zero", "1.0")
        altered.write_bytes(b"altered")
        (tmp_path / "lab.2.tar").touch()
        with pytest.raises(BundleRequestError, match=r"lab\.2\.tar: already exists"):
            near.export("lab.tar", split=64 * 1024)
        assert [path.name for path in tmp_path.glob("*lab*")] == ["lab.2.tar"]

    def test_parts_that_an_overwritten_bundle_has_left(self, near: Near, far: Far) -> None:
        near.put("big", "1.0", bytes(range(256)) * 1200)
        old = near.export("lab.tar", split=64 * 1024).paths
        near.put("big", "2.0")
        near.export("lab.tar", since="all", force=True)
        with pytest.raises(BundleError, match=rf"part 1 of .* missing; {old[0]} is not that part"):
            far.take(*old)
        assert far.equals(near)

    def test_parts_have_at_most_the_size(self, near: Near, far: Far) -> None:
        near.put("big", "1.0", bytes(range(256)) * 1200)
        for number in range(40):
            near.put("small", f"{number}.0")
        found = near.export("lab.tar", split=64 * 1024)
        assert [path.name for path in found.paths[:3]] == ["lab.tar", "lab.2.tar", "lab.3.tar"]
        assert len(found.paths) > 5
        assert all(path.stat().st_size <= 64 * 1024 for path in found.paths)
        assert found.bytes == sum(path.stat().st_size for path in found.paths)
        far.take(*reversed(found.paths))
        assert far.equals(near)

    def test_parts_of_two_bundles_at_once(self, near: Near, far: Far) -> None:
        near.put("big", "1.0", b"1" * 100_000)
        first = near.export("a.tar", split=64 * 1024).paths
        near.put("big", "1.0", b"2" * 100_000)
        second = near.export("b.tar", split=64 * 1024).paths
        assert (len(first), len(second)) == (2, 2)
        far.take(second[1], first[1], second[0], first[0])
        assert far.equals(near)
