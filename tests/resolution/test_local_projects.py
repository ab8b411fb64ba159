"""Private packages in the folder, and files that only seem to be, where targets need them."""

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
OWN = "acme-1.0-py3-none-any.whl"


@pytest.fixture
def mirror(index: Index, repository: Path, tmp_path: Path) -> Mirror:
    """The index has another project of that name, and a newer release of it."""
    index.add_wheel("app", "1.0", requires=["acme"])
    index.add_wheel("acme", "99.0", requires=["evil"])
    for project in ("evil", "helper", "other"):
        index.add_wheel(project, "1.0")
    (tmp_path / "app.txt").write_text("app\n")
    repository.mkdir()
    (repository / OWN).write_bytes(distributions.wheel("acme", "1.0", requires=["helper"]))
    return Mirror(index, repository, requirements=[str(tmp_path / "app.txt")], targets=[LINUX], retries=0)


NEEDED = {OWN, "app-1.0-py3-none-any.whl", "helper-1.0-py3-none-any.whl"}


def _package(project: str, filename: str, sha256: str) -> str:
    """What a lock has of a project's release 1.0."""
    return (
        f'[[packages]]\nname = "{project}"\nversion = "1.0"\n[[packages.wheels]]\nname = "{filename}"\n'
        f'url = "https://example.org/{filename}"\nhashes = {{ sha256 = "{sha256}" }}\n'
    )


class TestPrivate:
    def test_resolves_with_what_is_in_the_folder_and_takes_nothing_of_that_name(
        self, mirror: Mirror, tmp_path: Path
    ) -> None:
        for _ in range(2):
            mirror.complete()
            assert mirror.names() == NEEDED
        assert install(mirror.path, tmp_path / "to", "app") == {"app==1.0", "acme==1.0", "helper==1.0"}

    def test_that_the_index_has_not(self, mirror: Mirror, index: Index) -> None:
        index.remove("acme")
        mirror.complete()
        assert mirror.names() == NEEDED

    def test_newer_upload_is_seen(self, mirror: Mirror) -> None:
        """Without it, the index's release would be as good."""
        mirror.complete()
        (mirror.path / "acme-1.1-py3-none-any.whl").write_bytes(
            distributions.wheel("acme", "1.1", requires=["other"])
        )
        mirror.complete()
        assert mirror.names() == NEEDED - {"helper-1.0-py3-none-any.whl"} | {
            "acme-1.1-py3-none-any.whl",
            "other-1.0-py3-none-any.whl",
        }

    def test_of_a_lock(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        """It is taken for what the lock needs if it is of that release."""
        helper = index.projects["helper"].files[0]
        lock = tmp_path / "pylock.toml"
        lock.write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n'
            + _package("acme", OWN, hashlib.sha256((mirror.path / OWN).read_bytes()).hexdigest())
            + _package("helper", helper.filename, helper.sha256)
        )
        mirror.complete(requirements=[str(lock)])
        assert mirror.names() == {OWN, helper.filename}
        (mirror.path / OWN).rename(mirror.path / OWN.replace("1.0", "1.1"))
        (failure,) = mirror.run(requirements=[str(lock)]).failures
        assert failure.project == "acme"
        assert failure.cause.startswith("pylock.toml needs 1.0, and the folder's own files ")

    def test_named_in_projects_comes_from_the_index(self, mirror: Mirror) -> None:
        mirror.complete(projects=["acme"])
        assert mirror.names() == {
            *{OWN, "acme-99.0-py3-none-any.whl"},
            *{"app-1.0-py3-none-any.whl", "evil-1.0-py3-none-any.whl"},
        }

    def test_that_cannot_be_told_fails_and_takes_nothing(self, mirror: Mirror, index: Index) -> None:
        index.fault("/simple/acme/", Status(503), always=True)
        (failure,) = mirror.run().failures
        assert "whether acme is private cannot be told: HTTP 503" in failure.cause
        assert mirror.names() == {OWN}


class TestNobodysOwn:
    def test_files_that_the_index_lists_are_adopted(self, mirror: Mirror, index: Index) -> None:
        """Of a mirror whose catalog was lost, or that another tool filled."""
        mirror.complete()
        before = mirror.stamps()
        shutil.rmtree(mirror.state)
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched) == (2, 0)
        assert mirror.stamps() == before
        index.add_wheel("helper", "2.0")
        mirror.complete()
        assert mirror.names() == NEEDED - {"helper-1.0-py3-none-any.whl"} | {"helper-2.0-py3-none-any.whl"}
