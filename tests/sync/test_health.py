"""`minimirror health`: how long ago the last complete run ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.storage import Catalog
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
    """Return the exit code, standard output and standard error."""
    command = minimirror_command("health", "--config", mirror.config(), *options)
    return command.exit_code, command.stdout, command.stderr


def note_run(mirror: Mirror, hours_ago: float, *, complete: bool, **others: Any) -> None:
    """Record a run in the catalog, or an import."""
    repository = MirrorFolder(mirror.path)
    repository.prepare()
    counts = {"complete": complete, **others}
    with Catalog(repository.catalog) as catalog:
        ended = time.time() - hours_ago * HOUR
        catalog.runs.end(catalog.runs.begin(ended - 1), ended, counts)
        catalog.commit()


def test_after_a_run(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    mirror.complete()
    code, out, err = health(mirror)
    assert (code, err) == (0, "")
    assert out.startswith("OK: ")


def test_before_the_first_run(mirror: Mirror) -> None:
    code, out, err = health(mirror)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: repository {mirror.path}: ")
    assert "started" in err
    assert not mirror.path.exists()


def test_incomplete_runs_do_not_count(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    assert not mirror.run(projects=["missing"]).complete
    code, out, err = health(mirror)
    assert (code, out) == (1, "")
    assert "completed" in err


@pytest.mark.parametrize(
    ("hours_ago", "options", "code"), [(25, (), 0), (27, (), 1), (27, ("--hours", "28"), 0)]
)
def test_age_of_the_last_complete_run(
    mirror: Mirror, hours_ago: float, options: tuple[str, ...], code: int
) -> None:
    note_run(mirror, 50, complete=True)
    note_run(mirror, hours_ago, complete=True)
    note_run(mirror, 1, complete=False)
    found, out, err = health(mirror, *options)
    assert found == code
    assert f"{hours_ago} h 00 min ago" in out + err


@pytest.mark.parametrize(("hours_ago", "code"), [(25, 0), (27, 1)])
def test_after_an_import_the_run_of_the_exporting_mirror_counts(
    mirror: Mirror, hours_ago: float, code: int
) -> None:
    note_run(mirror, 100, complete=True)
    note_run(mirror, 1, complete=True, bundle="lab-1.tar", mirrored=time.time() - hours_ago * HOUR)
    found, out, err = health(mirror)
    assert found == code
    for words in (f"{hours_ago} h 00 min ago", "imported lab-1.tar 1 h 00 min ago"):
        assert words in out + err


def test_during_a_run(mirror: Mirror) -> None:
    """It needs neither the lock nor uncommitted rows."""
    note_run(mirror, 1, complete=True)
    repository = MirrorFolder(mirror.path)
    with repository.lock(), Catalog(repository.catalog) as catalog:
        catalog.runs.begin(time.time())
        assert health(mirror)[0] == 0
