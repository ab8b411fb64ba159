"""Local projects that targets need, and files that only seem to be local."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.helpers import distributions
from tests.helpers.index import Status
from tests.helpers.installers import install
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
LOCAL = "acme-1.0-py3-none-any.whl"


@pytest.fixture
def mirror(index: Index, repository: Path, tmp_path: Path) -> Mirror:
    """The index has a newer release of another project with the same name."""
    index.add_wheel("app", "1.0", requires=["acme"])
    index.add_wheel("acme", "99.0", requires=["evil"])
    for project in ("evil", "helper", "other"):
        index.add_wheel(project, "1.0")
    (tmp_path / "app.txt").write_text("app\n")
    repository.mkdir()
    (repository / LOCAL).write_bytes(distributions.wheel("acme", "1.0", requires=["helper"]))
    return Mirror(index, repository, requirements=[str(tmp_path / "app.txt")], targets=[LINUX], retries=0)


NEEDED = {LOCAL, "app-1.0-py3-none-any.whl", "helper-1.0-py3-none-any.whl"}


def _package(project: str, filename: str, sha256: str) -> str:
    """Return a lock's entry for release 1.0 of a project."""
    return (
        f'[[packages]]\nname = "{project}"\nversion = "1.0"\n[[packages.wheels]]\nname = "{filename}"\n'
        f'url = "https://example.org/{filename}"\nhashes = {{ sha256 = "{sha256}" }}\n'
    )


class TestLocalProject:
    def test_is_resolved_from_the_folder_and_never_fetched(self, mirror: Mirror, tmp_path: Path) -> None:
        for _ in range(2):
            mirror.complete()
            assert mirror.names() == NEEDED
        assert install(mirror.path, tmp_path / "to", "app") == {"app==1.0", "acme==1.0", "helper==1.0"}

    def test_that_is_not_on_the_index(self, mirror: Mirror, index: Index) -> None:
        index.remove("acme")
        mirror.complete()
        assert mirror.names() == NEEDED

    def test_a_newer_upload_is_used(self, mirror: Mirror) -> None:
        """The resolution depends on the files in the folder."""
        mirror.complete()
        (mirror.path / "acme-1.1-py3-none-any.whl").write_bytes(
            distributions.wheel("acme", "1.1", requires=["other"])
        )
        mirror.complete()
        assert mirror.names() == NEEDED - {"helper-1.0-py3-none-any.whl"} | {
            "acme-1.1-py3-none-any.whl",
            "other-1.0-py3-none-any.whl",
        }

    def test_in_a_lock(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        """Its file is used if it has the version that the lock pins."""
        helper = index.projects["helper"].files[0]
        lock = tmp_path / "pylock.toml"
        lock.write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n'
            + _package("acme", LOCAL, hashlib.sha256((mirror.path / LOCAL).read_bytes()).hexdigest())
            + _package("helper", helper.filename, helper.sha256)
        )
        mirror.complete(requirements=[str(lock)])
        assert mirror.names() == {LOCAL, helper.filename}
        (mirror.path / LOCAL).rename(mirror.path / LOCAL.replace("1.0", "1.1"))
        (failure,) = mirror.run(requirements=[str(lock)]).failures
        assert failure.project == "acme"
        assert "pylock.toml needs 1.0" in failure.cause

    def test_that_is_named_in_projects_comes_from_the_index(self, mirror: Mirror) -> None:
        mirror.complete(projects=["acme"])
        assert mirror.names() == {
            *{LOCAL, "acme-99.0-py3-none-any.whl"},
            *{"app-1.0-py3-none-any.whl", "evil-1.0-py3-none-any.whl"},
        }

    def test_if_the_index_cannot_tell_nothing_is_fetched(self, mirror: Mirror, index: Index) -> None:
        index.fault("/simple/acme/", Status(503), always=True)
        (failure,) = mirror.run().failures
        assert "whether acme is a local project: HTTP 503" in failure.cause
        assert mirror.names() == {LOCAL}


class TestFilesOfTheIndex:
    def test_are_adopted(self, mirror: Mirror, index: Index) -> None:
        """They are from a mirror whose catalog was lost, or from another tool's mirror."""
        mirror.complete()
        before = mirror.stamps()
        shutil.rmtree(mirror.state)
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched) == (2, 0)
        assert mirror.stamps() == before
        index.add_wheel("helper", "2.0")
        mirror.complete()
        assert mirror.names() == NEEDED - {"helper-1.0-py3-none-any.whl"} | {"helper-2.0-py3-none-any.whl"}
