"""An import tells how old the state is that it brings: as old as the exporting mirror's last run."""

from __future__ import annotations

from pathlib import Path

import pytest

from minimirror.bundle.results import OlderError
from minimirror.storage import Catalog, RunRow
from tests.helpers.bundles import Far, Near, Side
from tests.helpers.running import minimirror_command


def ran_at(side: Side, moment: float) -> None:
    """Record a complete run."""
    with Catalog(side.repository.catalog) as catalog:
        catalog.runs.end(catalog.runs.begin(moment - 9), moment, {"complete": True})
        catalog.commit()


def last_run(side: Side) -> RunRow:
    with Catalog(side.repository.catalog, read_only=True) as catalog:
        return next(catalog.runs.newest_first())


def test_an_import_is_among_the_runs(near: Near, far: Far) -> None:
    ran_at(near, 1e9)
    far.take(*near.export("1.tar").paths)
    last = last_run(far)
    assert (last.complete, last.bundle, last.as_of) == (True, "1.tar", 1e9)
    assert last.counts["files"] == {"fetched": 1, "removed": 0}
    assert last.started > 1.7e9


def test_a_bundle_without_news_makes_the_mirror_younger_and_never_older(near: Near, far: Far) -> None:
    made = []
    for started in (1e9, 1.1e9):
        ran_at(near, started)
        made += near.export(f"{started:.0f}.tar", since="all").paths
    for path, state in zip(made, (1e9, 1.1e9), strict=True):
        far.take(path)
        assert last_run(far).as_of == state
    with pytest.raises(OlderError):
        far.take(made[0])
    assert last_run(far).as_of == 1.1e9


def test_a_mirror_without_a_complete_run_does_not_make_a_fresh_one(near: Near, far: Far) -> None:
    far.take(*near.export("1.tar").paths)
    assert not last_run(far).complete
    said = minimirror_command("status", "--config", far.config_file()).output
    assert "not completed a run" in said
    assert "delete" not in said.partition("\n")[0]
    assert "next: complete a run where the bundle was exported" in said


def test_a_mirror_in_between_passes_the_age_on(near: Near, far: Far, tmp_path: Path) -> None:
    ran_at(near, 1e9)
    far.take(*near.export("1.tar").paths)
    farther = Far(tmp_path / "farther")
    farther.take(*Near(far.path).export("2.tar").paths)
    assert last_run(farther).as_of == 1e9
