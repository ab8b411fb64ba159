"""The messages of the static index that a user can meet, one snapshot each."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from minimirror import MinimirrorError
from minimirror.config import Config
from minimirror.publish.static import build_index
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository, simple=True)
    mirror.path.mkdir()
    return mirror


def message(mirror: Mirror) -> str:
    """Build the static index, which fails, and return the message with `DIR` for the test's folder."""
    with pytest.raises(MinimirrorError) as caught:
        build_index(Config(repository=mirror.path))
    return str(caught.value).replace(str(mirror.path.parent), "DIR")


def test_no_folder(mirror: Mirror) -> None:
    shutil.rmtree(mirror.path)
    assert message(mirror) == snapshot(
        "repository DIR/repository: there is no such folder; create it, or run `minimirror run`"
    )


def test_simple_folder_of_another_tool(mirror: Mirror) -> None:
    (mirror.path / "simple").mkdir()
    (mirror.path / "simple" / "index.html").touch()
    assert message(mirror) == snapshot(
        'DIR/repository/simple exists, but minimirror did not create it: move it away, or turn off the static index ("simple": false)'
    )


def test_local_metadata_file(mirror: Mirror) -> None:
    (mirror.path / "demo-1.0-py3-none-any.whl.metadata").write_bytes(b"local")
    assert mirror.complete().notes == snapshot(
        [
            "demo-1.0-py3-none-any.whl.metadata: minimirror did not write this file, so the static index does not offer it; delete it and run `minimirror index` to write a new one"
        ]
    )


def test_page_that_cannot_be_written(mirror: Mirror) -> None:
    mirror.complete()
    shutil.rmtree(mirror.path / "simple" / "demo")
    (mirror.path / "simple" / "demo").touch()
    mirror.index.add_wheel("demo", "2.0")
    assert [str(each) for each in mirror.run().failures] == snapshot(
        [
            "demo: its page cannot be written: Not a directory",
        ]
    )
