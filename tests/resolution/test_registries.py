"""Locks that name the index of a package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from minimirror import run
from minimirror.common import Summary
from minimirror.config import load
from minimirror.resolution.registries import assign_indexes
from minimirror.selection import IndexRules
from minimirror.upstream import Index as Client
from minimirror.upstream import IndexAddress, Indexes
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import File, Index

MAIN = "https://proxy.example.org/simple/"
TORCH = "https://wheels.example.org/whl/cpu"


def assigned(**registries: str) -> tuple[dict[str, int], set[str], list[str]]:
    """Return the assigned indexes, the projects whose index is missing, and the notes.

    Of the two indexes, `MAIN` and `TORCH`, the second one has `torch`.
    """
    clients = [Client(MAIN), Client(IndexAddress(f"{TORCH}/", "pytorch"))]
    indexes, summary = Indexes(clients, IndexRules([["torch"]]).number_of), Summary()
    missing = assign_indexes("uv.lock", {name: [url] for name, url in registries.items()}, indexes, summary)
    return indexes.assigned, missing, summary.notes


@pytest.mark.parametrize(
    "url",
    [TORCH, f"{TORCH}/", "https://me:secret@Wheels.example.org:443/whl/cpu/"],
    ids=["plain", "slash", "odd"],
)
def test_a_project_comes_from_the_index_with_that_url(url: str) -> None:
    assert assigned(vision=url, torch=url, idna=MAIN) == ({"vision": 1}, set(), [])


@pytest.mark.parametrize(
    "url", [PYPI_SIMPLE_ENDPOINT, "https://other.example.org/simple"], ids=["PyPI", "the only one"]
)
def test_an_unknown_url_stands_for_the_main_index(url: str) -> None:
    assert assigned(idna=url, vision=TORCH) == ({"vision": 1}, set(), [])


def test_an_index_that_the_config_does_not_have_is_named() -> None:
    gpu = "https://me:secret@wheels.example.org/whl/gpu"
    found, missing, (note,) = assigned(idna=PYPI_SIMPLE_ENDPOINT, vision=gpu, audio=gpu)
    assert (found, missing) == ({}, {"vision", "audio"})
    assert "audio, vision" in note
    assert "https://me:****@wheels.example.org/whl/gpu" in note
    assert "`indexes`" in note


def test_the_config_comes_first() -> None:
    assert assigned(torch="https://other.example.org/simple", idna=MAIN) == ({}, set(), [])
    found, missing, (note,) = assigned(torch=MAIN)
    assert (found, missing) == ({}, set())
    assert "index pytorch" in note


class TestRun:
    @pytest.fixture
    def other(self, index_factory: Callable[..., Index]) -> Index:
        return index_factory()

    def config(self, mirror: Mirror, lock: str, **rules: Any) -> Path:
        path = mirror.config(
            requirements=["uv.lock"],
            targets=[{"python": "3.12", "platform": "manylinux_2_28_x86_64"}],
            **rules,
        )
        path.with_name("uv.lock").write_text(lock)
        return path

    def lock(self, *packages: tuple[File, str, bool]) -> str:
        """Return a lock of wheels, each with its index, and whether it has a digest."""
        names = ", ".join(f'{{name = "{file.project}"}}' for file, _, _ in packages)
        text = f"""
version = 1
requires-python = ">=3.12"
[[package]]
name = "app"
version = "1"
source = {{ virtual = "." }}
dependencies = [{names}]
"""
        for file, url, has_digest in packages:
            digest = f', hash = "sha256:{file.sha256}"' if has_digest else ""
            text += f"""
[[package]]
name = "{file.project}"
version = "1.0"
source = {{ registry = {json.dumps(url)} }}
wheels = [{{ url = "https://example.org/{file.filename}"{digest} }}]
"""
        return text

    def test_each_package_comes_from_its_index(self, index: Index, other: Index, repository: Path) -> None:
        mirror = Mirror(index, repository)
        file, torch = index.add_wheel("idna", "1.0"), other.add_wheel("torch", "1.0")
        index.add_wheel("torch", "1.0", padding=100)
        lock = self.lock((file, PYPI_SIMPLE_ENDPOINT, True), (torch, other.url.rstrip("/"), True))
        indexes = [{"name": "other", "url": other.url, "projects": ["nothing-else"]}]
        summary = run(load(self.config(mirror, lock, indexes=indexes)))
        assert summary.complete, summary.failures
        assert mirror.files()[torch.filename] == torch.content
        summary = run(load(self.config(mirror, lock)))
        assert not summary.complete
        assert any(other.url.rstrip("/") in note for note in summary.notes)

    def test_without_a_digest_nothing_is_taken_from_another_index(
        self, index: Index, other: Index, repository: Path
    ) -> None:
        mirror = Mirror(index, repository)
        file, torch = index.add_wheel("idna", "1.0"), other.add_wheel("torch", "1.0")
        index.add_wheel("torch", "1.0", padding=100)
        lock = self.lock((file, PYPI_SIMPLE_ENDPOINT, True), (torch, other.url, False))
        summary = run(load(self.config(mirror, lock)))
        assert [each.project for each in summary.failures] == ["torch"]
        assert mirror.names() == {file.filename}
