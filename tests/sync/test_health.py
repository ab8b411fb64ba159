"""`minimirror health`: how long ago a run has last left nothing missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.storage.catalog import Catalog
from minimirror.storage.folder import MirrorFolder
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

HOUR = 3600.0


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


def health(mirror: Mirror, *options: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    command = minimirror_command("health", "--config", mirror.config(), *options)
    return command.process.returncode, command.stdout, command.stderr


def note_run(mirror: Mirror, hours_ago: float, *, complete: bool) -> None:
    """Have the catalog tell of a run that ended then."""
    repository = MirrorFolder(mirror.path)
    repository.prepare()
    counts: dict[str, Any] = {"complete": complete}
    with Catalog(repository.catalog) as catalog:
        ended = time.time() - hours_ago * HOUR
        catalog.runs.end(catalog.runs.begin(ended - 1), ended, counts, [])
        catalog.commit()


def test_after_a_run(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    mirror.complete()
    code, out, err = health(mirror)
    assert (code, err) == (0, "")
    assert out.startswith("OK: last complete run ")


def test_before_the_first_run(mirror: Mirror) -> None:
    message = f"error: repository {mirror.path}: no run has started yet; start one with `minimirror run`\n"
    assert health(mirror) == (1, "", message)
    assert not mirror.path.exists()


def test_runs_that_left_something_missing_do_not_count(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    assert not mirror.run(projects=["missing"]).complete
    message = f"error: repository {mirror.path}: no run has completed yet\n"
    assert health(mirror) == (1, "", message)


@pytest.mark.parametrize(
    ("hours_ago", "options", "code"), [(25, (), 0), (27, (), 1), (27, ("--hours", "28"), 0)]
)
def test_how_long_ago_it_may_have_ended(
    mirror: Mirror, hours_ago: float, options: tuple[str, ...], code: int
) -> None:
    note_run(mirror, 50, complete=True)
    note_run(mirror, hours_ago, complete=True)
    note_run(mirror, 1, complete=False)
    found, out, err = health(mirror, *options)
    assert found == code
    assert f"{hours_ago} h 00 min ago" in out + err


def test_while_a_run_is_under_way(mirror: Mirror) -> None:
    """It needs neither the lock nor what that run has not committed."""
    note_run(mirror, 1, complete=True)
    repository = MirrorFolder(mirror.path)
    with repository.lock(), Catalog(repository.catalog) as catalog:
        catalog.runs.begin(time.time())
        assert health(mirror)[0] == 0
