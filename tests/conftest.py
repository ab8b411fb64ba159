"""Fixtures: an index on loopback, a path for the mirror, and an environment without the user's settings."""

from __future__ import annotations

import os
import re
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.index import Index
from tests.helpers.servers import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


# A machine may be busy: no test asserts on time.
settings.register_profile("default", settings.get_profile("default"), deadline=None)

# `pytest --hypothesis-profile deep` looks for rare examples, for some minutes.
settings.register_profile(
    "deep", max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


_LONG = re.compile(
    "test_(air_gap|browser|bucket|chain|crash|dask|devpi|disk|environments|hostile|installers?|on_demand"
    r"|outside|plan_equals_run|power_loss|readme|run|run_faults|static|static_order|static_servers|workers)\.py"
)
"""The files that take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker has one of them left in the end."""
    items.sort(key=lambda item: not _LONG.fullmatch(item.path.name))


def pytest_configure(config: pytest.Config) -> None:
    """Start all child processes with default signals, also under nohup and in the background of a script.

    There, SIGINT or SIGHUP is ignored. A child process inherits that, but it does not inherit a handler.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist's: by the number of tests
        config.option.loadscopereorder = False


@pytest.fixture
def index_factory() -> Iterator[Callable[..., Index]]:
    """Return a function that starts an index, with the arguments of `Index`; all end with the test."""
    with ExitStack() as stack:
        yield lambda **manner: stack.enter_context(Index(**manner))


@pytest.fixture
def index(index_factory: Callable[..., Index]) -> Index:
    """Start an empty index with JSON and HTML pages, serials, ETags and range requests."""
    return index_factory()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return the path for the mirror's folder, which does not exist yet."""
    return tmp_path / "repository"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Chromium for the tests of a module."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium", "chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the user's home, proxies, credentials and settings from the test and its child processes."""
    for name in os.environ:
        if _leads_outside(name.upper()):
            monkeypatch.delenv(name)
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Undo what commands do about signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _leads_outside(name: str) -> bool:
    return (
        name.endswith("_PROXY")
        or name.startswith(("DEVPI_", "MINIMIRROR_", "PIP_", "TWINE_", "UV_", "XDG_"))
        or name in _OTHERS
    )


_OTHERS = {"NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VISUAL", "EDITOR"}
