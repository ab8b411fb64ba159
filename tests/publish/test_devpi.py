"""A devpi without network, as in docs/devpi.md: filled by devpi's client, or by `minimirror push`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from minimirror.upstream.index import Index as Client
from tests.helpers import distributions
from tests.helpers.installers import install_from
from tests.helpers.running import SOURCES, Mirror, minimirror_command
from tests.helpers.servers import Devpi, DevpiClient, devpi, gateway, twine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index

PASSWORDS = {"root": "", "lab": "corre:ct horse/ü"}
APP = "app-1.0-py3-none-any.whl"


class Lab(NamedTuple):
    """A server with the users and indexes of docs/devpi.md."""

    server: Devpi
    client: DevpiClient

    def simple(self, index: str) -> str:
        return f"{self.server.origin}/{index}/+simple/"

    def push(self, mirror: Mirror, url: str, *, user: str = "root", exit_code: int = 0) -> dict[str, Any]:
        """Run `minimirror push`, and return what it prints as JSON."""
        password = self.server.token if user == "root" else PASSWORDS.get(user, "unknown")
        environment = {"TWINE_USERNAME": user, "TWINE_PASSWORD": password}
        words = ("push", "--config", mirror.config(), "--json", url)
        done = minimirror_command(*words, env=environment, exit_code=exit_code)
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
        return found


def digests(simple: str, project: str) -> dict[str, str]:
    """Return the sha256 of each file of a project."""
    return {file.filename: file.digests["sha256"] for file in Client(simple).project(project).page.files}


def commands(*words: str) -> list[str]:
    """Return the command lines of docs/devpi.md that start with these words."""
    page = (SOURCES / "docs" / "devpi.md").read_text()
    return [line for line in re.findall(r"^devpi .*", page, re.MULTILINE) if line.split()[1] in words]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("devpi")
    client = DevpiClient(home, PASSWORDS)
    with devpi(home) as server:
        made = commands("use", "login", "user", "index")
        assert [line.split()[1] for line in made] == [
            "use",
            "login",
            "user",
            "login",
            "index",
            "index",
            "use",
        ]
        for line in made:
            client(line.replace("http://HOST:3141", server.origin))
        yield Lab(server, client)


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("app", "1.0", requires=["Needed.Part>=2"])
    index.add_wheel("needed-part", "2.0", requires=["built"])
    index.add_sdist("built", "0.3")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


def test_client_uploads_the_folder_and_later_its_changes(
    lab: Lab, mirror: Mirror, index: Index, tmp_path: Path
) -> None:
    (upload,) = commands("upload")
    upload = upload.replace("/data", str(mirror.path))
    assert lab.client(upload).count("file_upload of ") == 3
    installed = {"app==1.0", "needed-part==2.0", "built==0.3"}
    for tool in ("pip", "uv"):
        assert install_from(lab.simple("lab/dev"), tmp_path / tool, "app", tool=tool) == installed
    index.add_wheel("app", "1.1", requires=["needed-part"])
    mirror.complete()
    # devpi accepts the same file again.
    assert lab.client(upload).count("file_upload of ") == 3
    assert digests(lab.simple("lab/mirror"), "app").keys() == {APP, "app-1.1-py3-none-any.whl"}
    assert "app==1.1" in install_from(lab.simple("lab/dev"), tmp_path / "again", "app", tool="uv")
    (mirror.path / "app-1.1-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.1", padding=9))
    assert "409 FAIL" in lab.client(upload, exit_code=1)


def test_pushes_everything_then_nothing_then_the_new_release(
    lab: Lab, mirror: Mirror, index: Index, tmp_path: Path
) -> None:
    lab.client("devpi index -c pushed bases= volatile=False")
    with gateway(lab.server.origin) as way:
        url = f"{way.url}/lab/pushed/"
        found = lab.push(mirror, url, user="lab")
        assert found["files"] == {"chosen": 3, "present": 0, "uploaded": 3, "failed": 0}
        assert (found["url"], found["simple_url"]) == (url, f"{url}+simple/")
        assert way.uploads == 3
        found = lab.push(mirror, url, user="lab")
        assert found["files"] == {"chosen": 3, "present": 3, "uploaded": 0, "failed": 0}
        assert way.uploads == 3
        index.add_wheel("app", "1.1", requires=["needed-part"])
        mirror.complete()
        # Other URLs for the same index.
        for spelled in (url.removesuffix("/"), f"{url}+simple/"):
            lab.push(mirror, spelled, user="lab")
        assert way.uploads == 4
    derived = lab.server.make_index("derived", "lab/pushed")
    installed = {"app==1.1", "needed-part==2.0", "built==0.3"}
    for tool in ("pip", "uv"):
        assert install_from(f"{derived}+simple/", tmp_path / tool, "app", tool=tool) == installed


def test_does_not_push_the_files_of_a_base_index(lab: Lab, mirror: Mirror, index: Index) -> None:
    lab.push(mirror, lab.server.make_index("below"))
    index.add_wheel("more", "1.0")
    mirror.complete()
    above = lab.server.make_index("above", "root/below")
    assert lab.push(mirror, above)["files"] == {"chosen": 4, "present": 3, "uploaded": 1, "failed": 0}


@pytest.mark.parametrize("volatile", [True, False])
def test_never_replaces_a_different_file(lab: Lab, mirror: Mirror, tmp_path: Path, volatile: bool) -> None:
    url = lab.server.make_index(f"conflict{volatile}".lower(), volatile=volatile)
    other = tmp_path / APP
    other.write_bytes(distributions.wheel("app", "1.0", padding=9))
    assert twine(url, other, user="root", password=lab.server.token).returncode == 0
    before = digests(f"{url}+simple/", "app")
    found = lab.push(mirror, url, exit_code=1)
    assert found["conflicts"] == [APP]
    assert [failure["filename"] for failure in found["failures"]] == [APP]
    assert found["files"]["uploaded"] == 2
    assert digests(f"{url}+simple/", "app") == before


def test_reports_a_wrong_password_and_a_missing_permission(lab: Lab, mirror: Mirror) -> None:
    lab.server.make_index("closed")
    with gateway(lab.server.origin) as way:
        url = f"{way.url}/root/closed/"
        wrong = lab.push(mirror, url, user="nobody", exit_code=1)["error"]
        assert wrong.startswith(f"error: {url} rejects user nobody: HTTP 401")
        assert way.uploads == 1
        refused = lab.push(mirror, url, user="lab", exit_code=1)["error"]
        assert refused.startswith(f"error: {url} rejects user lab: HTTP 403: no permission to submit.")
        assert way.uploads == 2
