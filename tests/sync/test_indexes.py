"""Several indexes: each project comes from exactly one of them, and the mirror works across all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from minimirror import Config
from minimirror.config import load
from minimirror.sync import explain, plan
from minimirror.upstream import ListingError
from tests.helpers.index import Body, Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import Index

TORCH = "torch-2.0-py3-none-any.whl"


@pytest.fixture
def wheels(index_factory: Callable[..., Index]) -> Index:
    """The second index. It has no serials, and asks for a password."""
    wheels = index_factory(serials=False, auth=("me", "secret"))
    wheels.add_wheel("torch", "2.0")
    return wheels


@pytest.fixture
def mirror(index: Index, wheels: Index, repository: Path) -> Mirror:
    index.add_wheel("requests", "1.0")
    index.add_wheel("torch", "9.0")
    return Mirror(index, repository, indexes=[named(wheels)])


def named(index: Index, *projects: str, **keys: str) -> dict[str, Any]:
    url = index.url.replace("//", "//me:secret@")
    return {"name": "wheels", "url": url, "projects": projects or ("torch", "re:nvidia-.*"), **keys}


def origins(mirror: Mirror) -> dict[str, str]:
    """Return the index from which each file came, as the catalog has it."""
    with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db:
        return dict(db.execute("SELECT filename, index_url FROM files"))


def test_a_project_comes_from_the_index_that_names_it(mirror: Mirror, index: Index, wheels: Index) -> None:
    mirror.complete(projects=["requests", "torch"])
    assert mirror.names() == {TORCH, "requests-1.0-py3-none-any.whl"}
    assert origins(mirror) == {TORCH: wheels.url, "requests-1.0-py3-none-any.whl": index.url}
    # The higher version of the same name on the other index was not even asked for.
    assert not [each.path for each in index.requests if "torch" in each.path]
    # A password is sent to its own index only.
    assert not [each for each in index.requests if "authorization" in each.request.headers]
    assert not [each for each in wheels.requests if "requests" in each.path]


def test_a_run_that_has_nothing_to_do_asks_each_index_once(mirror: Mirror, wheels: Index) -> None:
    mirror.complete(projects=["requests", "torch", "nvidia-*"])
    wheels.clear()
    summary = mirror.complete(projects=["requests", "torch", "nvidia-*"])
    assert (summary.workers_started, summary.files_fetched, summary.projects_wanted) == (0, 0, 2)
    assert mirror.requests() == [("/simple/", 304)]
    assert [(each.path, each.status) for each in wheels.requests] == [
        ("/simple/", 304),
        ("/simple/torch/", 304),
    ]
    wheels.add_wheel("nvidia-cuda", "1.0")
    assert mirror.complete(projects=["requests", "torch", "nvidia-*"]).files_fetched == 1
    mirror.index.add_wheel("requests", "2.0")
    assert mirror.complete(projects=["requests", "torch", "nvidia-*"]).files_fetched == 1
    assert {name.split("-")[0] for name in mirror.names()} == {"requests", "torch", "nvidia_cuda"}


def test_everything_is_each_index_s_own_part(mirror: Mirror, index: Index, wheels: Index) -> None:
    index.add_wheel("nvidia-cuda", "9.0")
    wheels.add_wheel("nvidia-cuda", "1.0")
    wheels.add_wheel("requests", "9.0")
    mirror.complete()
    assert mirror.names() == {TORCH, "nvidia_cuda-1.0-py3-none-any.whl", "requests-1.0-py3-none-any.whl"}


def test_a_list_of_exact_names_needs_no_root(mirror: Mirror, wheels: Index) -> None:
    wheels.fault("/simple/", Status(403), always=True)
    mirror.complete(indexes=[named(wheels, "torch")])
    assert mirror.names() == {TORCH, "requests-1.0-py3-none-any.whl"}


def test_an_index_that_cannot_be_listed_costs_what_its_list_would_add(
    mirror: Mirror, index: Index, wheels: Index
) -> None:
    wheels.fault("/simple/", Status(403), always=True)
    rules: dict[str, Any] = {"projects": ["req*", "torch*"], "indexes": [named(wheels, "torch*")]}
    (failure,) = mirror.run(**rules).failures
    assert failure.project == "wheels"
    assert "exact names" in failure.cause
    assert mirror.names() == {"requests-1.0-py3-none-any.whl"}
    assert mirror.run(**{**rules, "projects": ["req*", "torch"]}).failures
    assert mirror.names() == {TORCH, "requests-1.0-py3-none-any.whl"}
    # What is here stays, and is kept up to date.
    wheels.add_wheel("torch", "3.0")
    assert mirror.run(**rules).files_fetched == 1
    assert mirror.names() == {"torch-3.0-py3-none-any.whl", "requests-1.0-py3-none-any.whl"}


def test_exact_names_are_mirrored_from_pages_and_patterns_are_an_error(mirror: Mirror, index: Index) -> None:
    index.fault("/simple/", Status(404), always=True)
    with pytest.raises(ListingError, match="exact names"):
        mirror.run(projects=["req*"], indexes=[])
    (failure,) = mirror.run(projects=["requests", "tor*"], indexes=[]).failures
    assert "exact names" in failure.cause
    assert mirror.names() == {"requests-1.0-py3-none-any.whl"}
    mirror.complete(projects=["requests"], indexes=[])


def test_a_project_is_never_taken_from_the_other_index(mirror: Mirror, wheels: Index) -> None:
    wheels.remove("torch")
    summary = mirror.run(projects=["torch"])
    assert [str(each) for each in summary.failures] == ["torch: index wheels has no project of that name"]
    assert not mirror.names()


def test_an_index_does_not_select(mirror: Mirror) -> None:
    summary = mirror.complete(projects=["requests"])
    assert mirror.names() == {"requests-1.0-py3-none-any.whl"}
    assert [each for each in summary.notes if "wheels" in each]


class TestMove:
    """A project that the config moves to another index."""

    def test_files_with_the_same_bytes_stay(self, mirror: Mirror, index: Index, wheels: Index) -> None:
        file = wheels.projects["torch"].files[0]
        index.remove("torch")
        index.add("torch", TORCH, file.content)
        mirror.complete(projects=["torch"], indexes=[])
        stamps = mirror.stamps()
        assert mirror.complete(projects=["torch"]).files_present == 1
        assert mirror.stamps() == stamps
        assert origins(mirror) == {TORCH: wheels.url}

    def test_other_files_are_replaced_without_an_alarm(
        self, mirror: Mirror, index: Index, wheels: Index
    ) -> None:
        index.remove("torch")
        for number in range(4):
            index.add_wheel("torch", "2.0" if not number else f"1.{number}", padding=100)
        mirror.complete(projects=["torch"], releases="all", indexes=[], max_delete=0)
        summary = mirror.complete(projects=["torch"], releases="all", max_delete=0)
        assert (summary.files_fetched, summary.files_removed) == (1, 3)
        assert mirror.files() == {TORCH: wheels.projects["torch"].files[0].content}

    def test_an_index_that_has_nothing_does_not_empty_the_mirror(self, mirror: Mirror, index: Index) -> None:
        for number in range(9):
            index.add_wheel("other", f"1.{number}")
        mirror.complete(projects=["other"], releases="all", indexes=[])
        indexes = [{"name": "empty", "url": index.url.replace("/simple/", "/else/"), "projects": ["other"]}]
        summary = mirror.run(projects=["other"], releases="all", indexes=indexes, max_delete=0.1)
        assert len(summary.withheld) == len(mirror.names()) == 9

    def test_other_bytes_on_the_same_index_are_an_alarm(self, mirror: Mirror, wheels: Index) -> None:
        mirror.complete(projects=["torch"])
        wheels.add_wheel("torch", "2.0", padding=100)
        assert "other content" in mirror.run(projects=["torch"]).failures[0].cause


def test_known_vulnerabilities_are_excluded_where_an_index_reports_them(
    mirror: Mirror, index: Index, wheels: Index
) -> None:
    wheels.json_api = False
    index.add_wheel("requests", "2.0")
    index.vulnerable("requests", "2.0", "PYSEC-1")
    summary = mirror.complete(projects=["requests", "torch"], vulnerable="exclude")
    assert mirror.names() == {TORCH, "requests-1.0-py3-none-any.whl"}
    (note,) = summary.notes
    assert "index wheels" in note
    assert "`vulnerable`" in note


def test_explain_and_plan_work_across_indexes(mirror: Mirror, wheels: Index) -> None:
    config = load(mirror.config(projects=["requests", "torch"]))
    assert {each.filename for each in plan(config).fetch} == {TORCH, "requests-1.0-py3-none-any.whl"}
    found = explain(config, "torch")
    assert (found.index, found.index_url) == ("wheels", wheels.url)
    assert [each.file.filename for each in found.decisions] == [TORCH]
    assert explain(config, "requests").index == ""


def test_no_password_is_shown(mirror: Mirror, wheels: Index) -> None:
    config = load(mirror.config(projects=["torch"]))
    wheels.fault("/simple/torch/", Status(404), always=True)
    shown = [repr(config), str(config), *map(str, mirror.run(projects=["torch"]).failures)]
    assert not [text for text in shown if "secret" in text]


class TestResolving:
    def test_it_sees_all_indexes_as_one(self, mirror: Mirror, index: Index, wheels: Index) -> None:
        index.add_wheel("app", "1.0", requires=["torch", "requests"])
        wheels.add_wheel("torch", "3.0", requires=["nvidia-cuda"])
        wheels.add_wheel("nvidia-cuda", "1.0")
        index.add_wheel("nvidia-cuda", "9.0")
        targets = [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]
        mirror.complete(projects=["app"], dependencies=True, targets=targets)
        assert mirror.names() == {
            f"{name}-py3-none-any.whl" for name in ("app-1.0", "torch-3.0", "nvidia_cuda-1.0", "requests-1.0")
        }


class TestFindLinks:
    """A flat page of links to files."""

    NAMES = ("torch-2.0+cpu-cp310-cp310-linux_x86_64.whl", "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl")

    @pytest.fixture
    def links(self, index_factory: Callable[..., Index]) -> Index:
        """An index without pages of projects; one page links to files in folders beside it."""
        links = index_factory()
        names = [*self.NAMES, "vision-1.0-py3-none-any.whl"]
        for name in names:
            links.add("torch", name, name.encode())
        self.publish(links, *names)
        links.fault("/simple/*", Status(404), always=True)
        return links

    def publish(self, links: Index, *names: str) -> None:
        lines = [f'<a href="files/torch/{quote(name)}">{name}</a><br>' for name in names]
        page = "\n".join(['<a href="../">Parent</a>', '<a href="notes.txt">notes</a>', *lines])
        links.fault("/torch_stable.html", Body(page.encode()), always=True)

    def entry(self, links: Index, *projects: str, **keys: str) -> dict[str, Any]:
        url = f"{links.origin}/torch_stable.html"
        return {"name": "links", "url": url, "projects": projects, "kind": "find-links", **keys}

    @pytest.mark.parametrize("projects", [("torch",), ("t*",)], ids=["a name", "a pattern"])
    def test_its_files_are_mirrored_by_project(
        self, mirror: Mirror, links: Index, projects: tuple[str, ...]
    ) -> None:
        indexes = [self.entry(links, *projects)]
        mirror.complete(indexes=indexes)
        assert mirror.names() == {*self.NAMES, "requests-1.0-py3-none-any.whl"}
        summary = mirror.complete(indexes=indexes)
        assert (summary.workers_started, summary.files_fetched) == (0, 0)
        links.heal()
        self.publish(links, self.NAMES[0])
        assert mirror.complete(indexes=indexes).files_removed == 1

    def test_a_page_that_tells_no_digest_proves_nothing(self, mirror: Mirror, links: Index) -> None:
        for name in self.NAMES:
            mirror.index.add("torch", name, b"another file")
        mirror.index.remove_file("torch", "torch-9.0-py3-none-any.whl")
        mirror.complete(projects=["torch"], indexes=[])
        mirror.complete(projects=["torch"], indexes=[self.entry(links, "torch")])
        assert mirror.files() == {name: name.encode() for name in self.NAMES}

    def test_the_page_is_read_once_by_each_process(self, mirror: Mirror, links: Index) -> None:
        links.add_wheel("vision", "1.0")
        mirror.complete(projects=["torch", "vision"], indexes=[self.entry(links, "*")])
        assert [each.path for each in links.requests].count("/torch_stable.html") == 1

    def test_a_page_without_its_kind_is_an_error_that_names_it(self, mirror: Mirror, links: Index) -> None:
        with pytest.raises(ValueError, match="find-links"):
            Config(repository=mirror.path, index_url=f"{links.origin}/torch_stable.html")
        with pytest.raises(ValueError, match="find-links"):
            Config(repository=mirror.path, indexes=[self.entry(links, "torch", kind="simple")])
        links.fault("/whl/", Body(b'<a href="torch-1.0.tar.gz">torch-1.0.tar.gz</a>'), always=True)
        url = f"{links.origin}/whl/"
        with pytest.raises(ListingError, match="find-links"):
            mirror.run(projects=["t*"], indexes=[], index_url=url)
        summary = mirror.run(projects=["torch"], indexes=[], index_url=url)
        assert summary.failures
        assert "find-links" in summary.notes[0]

    def test_an_index_with_that_kind_is_an_error_that_names_it(
        self, mirror: Mirror, index_factory: Callable[..., Index]
    ) -> None:
        other = index_factory()
        other.add_wheel("torch", "1.0")
        indexes = [{**self.entry(other, "torch"), "url": other.url}]
        (failure,) = mirror.run(projects=["torch"], indexes=indexes).failures
        assert "find-links" in failure.cause
