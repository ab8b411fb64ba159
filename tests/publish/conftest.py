"""Fixtures: a pypiserver to push to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.pushing import shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.pushing import Shelf
    from tests.helpers.servers import Gateway


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A pypiserver for the tests of a module."""
    with shelf(tmp_path_factory.mktemp("pypiserver")) as server:
        yield server


@pytest.fixture
def way(server: Shelf) -> Iterator[Gateway]:
    """A gateway before the pypiserver, which has no files yet."""
    with server.emptied() as way:
        yield way
