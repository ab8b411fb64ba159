"""Two configs that take turns in one folder do not delete each other's files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import run
from minimirror.config import load
from minimirror.sync import OtherConfigError, plan
from tests.helpers.running import minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


class Team:
    """Config files beside one folder."""

    def __init__(self, index: Index, tmp_path: Path) -> None:
        self.index = index
        self.path = tmp_path
        for name in ("alpha", "beta"):
            index.add_wheel(name, "1.0")
            index.add_wheel(name, "2.0")

    def write(self, name: str, **keys: Any) -> Path:
        path = self.path / name
        values = {"repository": "mirror", "index_url": self.index.url, "processes": 1, **keys}
        path.write_text(json.dumps(values))
        return path

    def names(self) -> set[str]:
        return {path.name.split("-")[0] for path in (self.path / "mirror").glob("*.whl")}


@pytest.fixture
def team(index: Index, tmp_path: Path) -> Team:
    return Team(index, tmp_path)


def test_another_config_that_would_delete_files_is_refused(team: Team) -> None:
    first = load(team.write("a.json", projects=["alpha"]))
    second = load(team.write("b.json", projects=["beta"]))
    assert run(first).complete
    before = {path: path.stat().st_mtime_ns for path in (team.path / "mirror").iterdir() if path.is_file()}
    with pytest.raises(OtherConfigError, match=r"a\.json") as caught:
        run(second)
    assert caught.value.exit_code == 1
    assert "1 file " in str(caught.value)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert team.names() == {"alpha"}
    planned = plan(second)
    assert planned.taken == ["alpha-2.0-py3-none-any.whl"]
    assert str(planned.refusal) in str(caught.value)
    assert plan(second, take_over=True).refusal is None
    assert run(second, take_over=True).complete
    assert team.names() == {"beta"}
    # The folder is the second config's now.
    with pytest.raises(OtherConfigError, match=r"b\.json"):
        run(first)


def test_other_rules_are_refused_as_other_projects_are(team: Team) -> None:
    assert run(load(team.write("a.json", projects=["alpha"], releases=2))).complete
    second = load(team.write("b.json", projects=["alpha", "beta"]))
    assert plan(second).taken == ["alpha-1.0-py3-none-any.whl"]
    with pytest.raises(OtherConfigError):
        run(second)


def test_a_config_that_deletes_nothing_of_the_last_ones_runs(team: Team) -> None:
    assert run(load(team.write("a.json", projects=["alpha"]))).complete
    assert run(load(team.write("b.json", projects=["alpha", "beta"]))).complete
    assert team.names() == {"alpha", "beta"}


def test_a_new_release_replaces_the_old_one_whichever_config_runs(team: Team) -> None:
    assert run(load(team.write("a.json", projects=["alpha"]))).complete
    team.index.add_wheel("alpha", "3.0")
    summary = run(load(team.write("b.json", projects=["alpha"])))
    assert (summary.files_fetched, summary.files_removed) == (1, 1)


def test_the_same_config_may_be_edited(team: Team) -> None:
    assert run(load(team.write("a.json", projects=["alpha"]))).complete
    assert run(load(team.write("a.json", projects=["beta"]))).complete
    assert team.names() == {"beta"}


def test_the_same_config_may_be_moved(team: Team) -> None:
    requirements = team.path / "needed.in"
    target = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
    requirements.write_text("alpha\n")
    path = team.write("a.json", requirements=["needed.in"], targets=[target])
    assert run(load(path)).complete
    path.rename(team.path / "b.json")
    requirements.write_text("beta\n")
    assert run(load(team.path / "b.json")).complete
    assert team.names() == {"beta"}


def test_the_command_refuses_and_says_how_to_go_on(team: Team) -> None:
    first, second = team.write("a.json", projects=["alpha"]), team.write("b.json", projects=["beta"])
    assert minimirror_command("run", "--config", first).exit_code == 0
    for command in ("run", "plan"):
        refused = minimirror_command(command, "--config", second)
        assert refused.exit_code == 1
        assert "--take-over" in refused.stdout + refused.stderr
    assert minimirror_command("run", "--config", second, "--take-over").exit_code == 0
    assert team.names() == {"beta"}
