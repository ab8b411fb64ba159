"""Mirror from the indexes that people run: devpi, pypiserver, bandersnatch and a static index."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from minimirror import Config, Summary, run
from tests.helpers import distributions
from tests.helpers.index import Index
from tests.helpers.running import Mirror
from tests.helpers.servers import OPEN, Bandersnatch, Devpi, devpi, htpasswd, nginx, pypiserver, twine
from tests.helpers.servers.bandersnatch import UPLOADED
from tests.helpers.servers.static import serving_static

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Release(NamedTuple):
    """A file and its release."""

    project: str
    version: str
    filename: str
    content: bytes


def wheel(project: str, version: str, *requires: str) -> Release:
    content = distributions.wheel(project, version, requires=requires)
    return Release(project, version, distributions.wheel_filename(project, version), content)


def sdist(project: str, version: str) -> Release:
    filename = distributions.sdist_filename(project, version)
    return Release(project, version, filename, distributions.sdist(project, version))


DEMO, NEWER = wheel("demo-app", "1.0", "needed"), wheel("demo-app", "1.1", "needed")
NEEDED = wheel("needed", "2.0")
BUILT = sdist("built", "0.3")


class Upstream(Protocol):
    """A running index."""

    url: str

    def release(self, *releases: Release) -> None:
        """Add files in the way that its users do."""


class OnDevpi:
    def __init__(self, server: Devpi, home: Path, name: str, *bases: str) -> None:
        self._server = server
        self._home = home
        self._index = server.make_index(name, *bases)
        self.url = f"{self._index}+simple/"

    def release(self, *releases: Release) -> None:
        """Add files in the way that its users do."""
        for each in releases:
            (self._home / each.filename).write_bytes(each.content)
        files = [self._home / each.filename for each in releases]
        done = twine(self._index, *files, user="root", password=self._server.token)
        assert done.returncode == 0, done.stdout + done.stderr


class OnPypiserver:
    def __init__(self, origin: str, folder: Path) -> None:
        self._folder = folder
        self.url = f"{origin}/simple/"

    def release(self, *releases: Release) -> None:
        """Add files in the way that its users do."""
        for each in releases:
            (self._folder / each.filename).write_bytes(each.content)


class OnBandersnatch:
    def __init__(self, origin: str, tree: Bandersnatch) -> None:
        self._tree = tree
        self.url = f"{origin}/simple/"

    def release(self, *releases: Release) -> None:
        """Add files in the way that its users do."""
        for each in releases:
            self._tree.add(*each)
        self._tree.sync(*{each.project for each in releases})


class OnMinimirror:
    """A static index that minimirror wrote."""

    def __init__(self, index: Index, repository: Path) -> None:
        self._index = index
        self._mirror = Mirror(index, repository, simple=True, releases="all")
        self._mirror.complete()
        self.url = ""

    def release(self, *releases: Release) -> None:
        """Add files in the way that its users do."""
        for each in releases:
            self._index.add(each.project, each.filename, each.content)
        self._mirror.complete()


@pytest.fixture(scope="module")
def devpi_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devpi]:
    with devpi(tmp_path_factory.mktemp("devpi")) as server:
        yield server


JSON_TOO = """
    map $http_accept $form { default html; "~application/vnd.pypi.simple.v1\\+json" v1_json; }
"""
"""With it, nginx chooses between the JSON and HTML pages that bandersnatch writes."""


@pytest.fixture
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upstream]:
    """The index that the parameter of a test names, without files."""
    with ExitStack() as stack:
        yield _start(request.param, request, tmp_path, stack)


def _start(name: str, request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack) -> Upstream:
    if name == "devpi":
        server = request.getfixturevalue("devpi_server")
        return OnDevpi(server, tmp_path, f"index{request.node.name.encode().hex()}")
    if name == "pypiserver":
        folder = tmp_path / "packages"
        folder.mkdir()
        return OnPypiserver(stack.enter_context(pypiserver(tmp_path / "home", *OPEN, folder)), folder)
    if name.startswith("minimirror"):
        other = OnMinimirror(stack.enter_context(Index()), tmp_path / "other")
        kind = name.rpartition(" ")[2]
        other.url = stack.enter_context(serving_static(kind, tmp_path / "server", tmp_path / "other")).url
        return other
    tree = Bandersnatch(tmp_path / "bandersnatch")
    negotiated = name == "bandersnatch, JSON"
    types = "text/html html; application/vnd.pypi.simple.v1+json v1_json;"
    served = nginx(
        tmp_path / "nginx",
        tree.web,
        http=JSON_TOO if negotiated else "",
        server=f"index index.{'$form' if negotiated else 'html'}; types {{ {types} }}",
    )
    return OnBandersnatch(stack.enter_context(served), tree)


bandersnatch_runs = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the bandersnatch for Python 3.10 reads nothing but https"
)
BANDERSNATCH_JSON = pytest.param("bandersnatch, JSON", marks=bandersnatch_runs)
BANDERSNATCH_HTML = pytest.param("bandersnatch, HTML", marks=bandersnatch_runs)
each_upstream = pytest.mark.parametrize(
    "upstream",
    [
        "devpi",
        "pypiserver",
        BANDERSNATCH_HTML,
        BANDERSNATCH_JSON,
        "minimirror, HTML by plain",
        "minimirror, JSON by nginx",
    ],
    indirect=True,
)


@pytest.fixture
def mirror(repository: Path) -> Callable[..., Summary]:
    """Return a function that runs with one worker process."""

    def mirror(url: str, **rules: object) -> Summary:
        values = {"processes": 1, "max_delete": 1, "retries": 0, "index_url": url, **rules}
        return run(Config.model_validate({"repository": repository, **values}))

    return mirror


def files(repository: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in repository.iterdir() if path.is_file()}


def contents(*releases: Release) -> dict[str, bytes]:
    return {each.filename: each.content for each in releases}


@each_upstream
def test_from_the_first_run_to_a_change(
    upstream: Upstream, mirror: Callable[..., Summary], repository: Path
) -> None:
    upstream.release(DEMO, NEEDED, BUILT)
    summary = mirror(upstream.url)
    assert summary.complete, summary.failures
    assert files(repository) == contents(DEMO, NEEDED, BUILT)
    summary = mirror(upstream.url)
    assert summary.complete
    assert (summary.projects_read, summary.files_fetched, summary.workers_started) == (0, 0, 0)
    upstream.release(NEWER)
    summary = mirror(upstream.url)
    assert summary.complete
    assert (summary.projects_read, summary.files_fetched, summary.files_removed) == (1, 1, 1)
    assert files(repository) == contents(NEWER, NEEDED, BUILT)


@each_upstream
def test_one_listed_project_does_not_exist(
    upstream: Upstream, mirror: Callable[..., Summary], repository: Path
) -> None:
    upstream.release(DEMO, NEEDED)
    summary = mirror(upstream.url, projects=["Needed", "missing"])
    assert [(each.project, each.filename) for each in summary.failures] == [("missing", None)]
    assert files(repository) == contents(NEEDED)


@pytest.mark.parametrize("upstream", [BANDERSNATCH_JSON], indirect=True)
def test_bandersnatch_has_upload_times_in_json(
    upstream: Upstream, mirror: Callable[..., Summary], repository: Path
) -> None:
    upstream.release(NEEDED)
    mirror(upstream.url)
    assert (repository / NEEDED.filename).stat().st_mtime == UPLOADED.timestamp()


def test_devpi_index_that_inherits_projects(
    devpi_server: Devpi, mirror: Callable[..., Summary], repository: Path, tmp_path: Path
) -> None:
    OnDevpi(devpi_server, tmp_path, "base").release(NEEDED)
    upstream = OnDevpi(devpi_server, tmp_path, "derived", "root/base")
    upstream.release(DEMO)
    assert mirror(upstream.url).complete
    assert files(repository) == contents(DEMO, NEEDED)


def test_pypiserver_with_a_password(mirror: Callable[..., Summary], repository: Path, tmp_path: Path) -> None:
    folder, passwords = tmp_path / "packages", tmp_path / ".htpasswd"
    folder.mkdir()
    passwords.write_text(htpasswd("reader", "se@cret"))
    everything = ("run", "-P", passwords, "-a", "list,download,update", "--disable-fallback")
    with pypiserver(tmp_path / "home", *everything, folder) as origin:
        OnPypiserver(origin, folder).release(DEMO)
        with_password = origin.replace("//", "//reader:se%40cret@")
        assert mirror(f"{with_password}/simple/").complete
        assert files(repository) == contents(DEMO)
        summary = mirror(f"{origin}/simple/", projects=["demo-app"])
    (failure,) = summary.failures
    assert (failure.project, failure.filename, "HTTP 401" in failure.cause) == ("demo-app", None, True)
    assert files(repository) == contents(DEMO)
