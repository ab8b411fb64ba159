"""Fixtures: a loopback index, a place for the repository, and an environment with nothing of the user's."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


# A machine may be busy: no test asserts on time.
settings.register_profile("default", settings.get_profile("default"), deadline=None)

# `pytest --hypothesis-profile deep` looks for rare examples, for some minutes.
settings.register_profile(
    "deep", max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.fixture
def index_factory() -> Iterator[Callable[..., Index]]:
    """Make an index; it takes what `Index` takes, and ends with the test."""
    with ExitStack() as stack:
        yield lambda **manner: stack.enter_context(Index(**manner))


@pytest.fixture
def index(index_factory: Callable[..., Index]) -> Index:
    """An empty index that offers JSON and HTML, serials, ETags and ranges."""
    return index_factory()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Where the test's repository is to be; it is not there yet."""
    return tmp_path / "repository"


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's home, proxies, credentials and settings away from the test and its child processes."""
    for name in os.environ:
        if _leads_outside(name.upper()):
            monkeypatch.delenv(name)
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")


def _leads_outside(name: str) -> bool:
    return (
        name.endswith("_PROXY")
        or name.startswith(("DEVPI_", "MINIMIRROR_", "PIP_", "TWINE_", "UV_", "XDG_"))
        or name in _OTHERS
    )


_OTHERS = {"NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VISUAL", "EDITOR"}
