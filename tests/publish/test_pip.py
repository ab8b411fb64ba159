"""pip installs from the folder after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.installers import install
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


def test_installs_the_newest_release_with_its_dependencies(
    mirror: Mirror, index: Index, tmp_path: Path
) -> None:
    """It installs wheels and sdists, and the newer release after the next run."""
    index.add_wheel("demo", "1.0", requires=["Needed.Project>=2", "built"])
    index.add_wheel("needed-project", "2.1", requires=["base!=1.0"])
    index.add_wheel("needed-project", "1.0")
    index.add_wheel("base", "1.1", tag="py2.py3-none-any")
    index.add_sdist("built", "0.3")
    index.add_wheel("unneeded", "1.0")
    mirror.complete()
    assert install(mirror.path, tmp_path / "first", "demo") == {
        "demo==1.0",
        "needed-project==2.1",
        "base==1.1",
        "built==0.3",
    }
    index.add_wheel("demo", "2.0rc1")
    index.add_wheel("demo", "1.1")
    mirror.complete()
    assert install(mirror.path, tmp_path / "second", "demo") == {"demo==1.1"}


def test_ignores_unfinished_downloads(mirror: Mirror, index: Index, tmp_path: Path) -> None:
    whole = index.add_wheel("demo", "1.0")
    mirror.complete()
    (mirror.state / "partial" / "demo-2.0-py3-none-any.whl.part").write_bytes(whole.content[:100])
    (mirror.state / "partial" / "demo-3.0-py3-none-any.whl").write_bytes(whole.content[:100])
    assert install(mirror.path, tmp_path / "to", "demo") == {"demo==1.0"}
