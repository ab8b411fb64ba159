"""Fixtures: a mirror that is exported, and one that imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.bundles import Far, Near

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def near(tmp_path: Path) -> Near:
    """A mirror with one file, which is exported."""
    near = Near(tmp_path / "near")
    near.put("demo", "1.0")
    return near


@pytest.fixture
def far(tmp_path: Path) -> Far:
    """An empty mirror, which imports."""
    return Far(tmp_path / "far")
