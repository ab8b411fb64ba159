"""`minimirror add` and `minimirror remove`, as a user types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.index import Status
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    for name in ("requests", "flask", "django-a", "django-b"):
        index.add_wheel(name, "1.0")
        index.add_wheel(name, "2.0")
    mirror = Mirror(index, repository, projects=["requests"])
    mirror.config()
    return mirror


def path(mirror: Mirror) -> Path:
    return mirror.path.with_suffix(".json")


def minimirror(mirror: Mirror, name: str, *arguments: str, exit_code: int = 0) -> Result:
    """Run a command with the mirror's config."""
    return minimirror_command(name, "--config", path(mirror), *arguments, exit_code=exit_code)


def projects(mirror: Mirror) -> object:
    return json.loads(path(mirror).read_text()).get("projects")


def test_none_is_left_to_the_clients_of_a_server(mirror: Mirror) -> None:
    for on_demand, exit_code, left in [(False, 2, ["requests"]), (True, 0, [])]:
        mirror.config(serve={"on_demand": on_demand})
        minimirror(mirror, "remove", "requests", exit_code=exit_code)
        assert projects(mirror) == left
    minimirror(mirror, "add", "flask")
    assert projects(mirror) == ["flask"]


class TestAdd:
    def test_tells_what_it_means(self, mirror: Mirror) -> None:
        command = minimirror(mirror, "add", "flask", "django-*")
        assert "3 files" in command.stdout
        assert command.stderr == ""
        assert projects(mirror) == ["requests", "flask", "django-*"]
        assert not mirror.path.exists()
        minimirror(mirror, "run")
        assert len(mirror.names()) == 4

    def test_replaces_a_requirement(self, mirror: Mirror) -> None:
        minimirror(mirror, "add", "Requests<2")
        assert projects(mirror) == ["Requests<2"]
        minimirror(mirror, "run")
        assert mirror.names() == {"requests-1.0-py3-none-any.whl"}
        assert "0 files" in minimirror(mirror, "add", "requests<2").stdout

    def test_says_that_dependencies_are_left_out(self, mirror: Mirror) -> None:
        assert "config set" not in minimirror(mirror, "add", "flask").stdout
        target = {"python": "3.12", "platform": "win_amd64"}
        mirror.config(targets=[target])
        assert "config set" in minimirror(mirror, "add", "flask").stdout
        mirror.config(targets=[target], dependencies=True)
        assert "config set" not in minimirror(mirror, "add", "flask").stdout

    def test_next_to_requirements(self, mirror: Mirror) -> None:
        (mirror.path.parent / "r.txt").write_text("flask\n")
        target = {"python": "3.12", "platform": "win_amd64"}
        mirror.config(projects=None, requirements=["r.txt"], targets=[target])
        minimirror(mirror, "add", "requests")
        assert projects(mirror) == ["requests"]
        minimirror(mirror, "remove", "requests")
        assert projects(mirror) is None

    @pytest.mark.parametrize(
        ("name", "exit_code", "word"),
        [("requets", 1, "requets"), ("req&uests", 2, "req&uests"), ("flask", 2, "exclude_projects")],
    )
    def test_errors_change_nothing(self, mirror: Mirror, name: str, exit_code: int, word: str) -> None:
        mirror.config(exclude_projects=["fl*"])
        before = path(mirror).read_text()
        command = minimirror(mirror, "add", "django-a", name, exit_code=exit_code)
        assert word in command.stderr
        assert command.stderr.count("\n") == 1
        assert path(mirror).read_text() == before

    def test_if_every_project_is_selected(self, mirror: Mirror) -> None:
        """Then it would be the only one left."""
        mirror.config(projects=None)
        before = path(mirror).read_text()
        assert "config set" in minimirror(mirror, "add", "flask", exit_code=2).stderr
        assert path(mirror).read_text() == before

    def test_without_an_index(self, mirror: Mirror) -> None:
        mirror.index.fault("/simple/django-a/", Status(403), always=True)
        assert "403" in minimirror(mirror, "add", "django-a").stdout
        assert projects(mirror) == ["requests", "django-a"]


class TestRemove:
    def test_tells_what_it_means(self, mirror: Mirror) -> None:
        mirror.config(projects=["requests", "flask>=1", "django-*"])
        minimirror(mirror, "run")
        command = minimirror(mirror, "remove", "Flask", "django-*")
        assert "3 files" in command.stdout
        assert "flask-2.0-py3-none-any.whl" in command.stdout
        assert projects(mirror) == ["requests"]
        assert len(mirror.names()) == 4
        minimirror(mirror, "run")
        assert mirror.names() == {"requests-2.0-py3-none-any.whl"}

    @pytest.mark.parametrize(
        ("name", "word"),
        [("flask", "no such entry"), ("django-a", "exclude_projects"), ("requests", "nothing")],
    )
    def test_errors_change_nothing(self, mirror: Mirror, name: str, word: str) -> None:
        mirror.config(projects=["requests"] if name == "requests" else ["requests", "django-*"])
        before = path(mirror).read_text()
        assert word in minimirror(mirror, "remove", name, exit_code=2).stderr
        assert path(mirror).read_text() == before
