"""The messages of `minimirror push` that a user can meet, each written down once."""

# ruff: noqa: E501 - a message is as long as it is

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from minimirror.config import Config
from minimirror.publish.push.credentials import check_url, find_credentials, read_settings
from minimirror.publish.push.files import choose_files
from minimirror.publish.push.model import PushRequestError
from minimirror.storage import FolderError
from tests.helpers import distributions
from tests.helpers.bundles import Near
from tests.helpers.pushing import Shelf, push, pushed
from tests.helpers.servers import Answer

if TYPE_CHECKING:
    from tests.helpers.servers import Gateway


@pytest.fixture
def near(repository: Path) -> Near:
    near = Near(repository)
    for project in ("app", "extra", "lib", "tool"):
        near.put(project, "1.0", yanked="broken" if project != "app" else None)
    return near


def pypirc(text: str) -> None:
    (Path.home() / ".pypirc").write_text(text)


LAB = "[distutils]\nindex-servers = lab\n[lab]\n"


def settings_error(repository: str) -> str:
    with pytest.raises(PushRequestError) as caught:
        read_settings(repository)
    return str(caught.value)


def test_repository() -> None:
    assert settings_error("pypi") == snapshot(
        "minimirror does not push to PyPI, where most mirrored files come from"
    )
    assert settings_error("lab") == snapshot(
        "~/.pypirc lists no repository 'lab' in index-servers; a URL starts with http:// or https://"
    )
    assert settings_error("https:/ann:secret@example.org") == snapshot(
        "~/.pypirc lists no repository with that name in index-servers; a URL starts with http:// or https://"
    )
    pypirc(f"{LAB}username = ann\n")
    assert settings_error("lab") == snapshot("~/.pypirc: [lab] has no URL; add `repository = https://…`")
    pypirc("password = secret\n")
    assert settings_error("lab") == snapshot("cannot read ~/.pypirc: its format is invalid")


def test_url() -> None:
    def error(url: str) -> str:
        with pytest.raises(PushRequestError) as caught:
            check_url(url, "the URL")
        return str(caught.value)

    assert error("http://example.org:99999/") == snapshot("the URL is invalid")
    assert error("http://☃.example.org/") == snapshot("the URL is invalid")
    assert error("http://ann:secret@example.org/") == snapshot(
        "the URL contains a username or password, which others may see; put them in ~/.pypirc, a keyring, or the variables TWINE_USERNAME and TWINE_PASSWORD"
    )
    assert error("ftp://example.org/") == snapshot(
        "the URL must start with http:// or https:// and name a host"
    )
    assert error("http://example.org/?index=lab") == snapshot(
        "the URL contains '?' or '#', which the URL of an index never does"
    )


def test_password() -> None:
    pypirc(f"{LAB}repository = http://example.org/\nusername = ann\n")
    with pytest.raises(PushRequestError) as caught:
        find_credentials(*read_settings("lab"))
    assert str(caught.value) == snapshot(
        "no password found for user ann; set it in ~/.pypirc, a keyring, or the variable TWINE_PASSWORD"
    )


def test_files(near: Near, tmp_path: Path) -> None:
    (near.path / "secret-1.0.tar.gz").write_bytes(b"")

    def error(folder: Path, *projects: str) -> str:
        with pytest.raises((FolderError, PushRequestError)) as caught:
            choose_files(Config(repository=folder), projects)
        return str(caught.value).replace(str(tmp_path), "TMP")

    assert error(tmp_path / "none") == snapshot(
        "repository TMP/none: no catalog found; run `minimirror run` first"
    )
    assert error(near.path, "nothing", "b*") == snapshot("the mirror has no files of b*, nothing")
    assert error(near.path, "secret") == snapshot(
        "the mirror has no files of secret; use --all to push local files as well"
    )


def stderr(near: Near, way: Gateway, *words: str, exit_code: int) -> str:
    shown = push(near.path, *words, env={}, exit_code=exit_code, retries=0).stderr
    return shown.strip().replace(way.url, "URL")


def test_index(near: Near, way: Gateway) -> None:
    unreachable = stderr(near, way, "http://127.0.0.1:9/", exit_code=1)
    assert unreachable.partition("+simple/: ")[0] == snapshot("error: cannot read http://127.0.0.1:9/")
    assert stderr(near, way, f"{way.url}/packages/", exit_code=2) == snapshot(
        "error: no simple API found at URL/packages/+simple/ (HTTP 404), URL/packages/simple/ (HTTP 404); set --simple-url to the URL that pip installs from"
    )
    assert stderr(near, way, way.url, "--simple-url", f"{way.url}/x/", exit_code=2) == snapshot(
        "error: no simple API found at URL/x/ (HTTP 404); set --simple-url to the URL that pip installs from"
    )
    assert stderr(near, way, way.url, exit_code=1) == snapshot(
        "error: URL rejects anonymous uploads: HTTP 401: Error: 401 Unauthorized Sorry, the requested URL 'URL/' caused an error: None. Credentials come from TWINE_USERNAME and TWINE_PASSWORD, ~/.pypirc, a keyring or netrc, whichever has them first"
    )


def test_failures_and_notes(near: Near, server: Shelf, way: Gateway) -> None:
    near.put("zoo", "1.0")
    (server.folder / "app-1.0-py3-none-any.whl").write_bytes(distributions.wheel("app", "1.0", padding=9))
    (near.path / "extra-1.0-py3-none-any.whl").unlink()
    (near.path / "lib-1.0-py3-none-any.whl").write_bytes(b"x")
    for number in range(4):
        (near.path / f"secret-{number}.0.tar.gz").write_bytes(b"")
    way.next.extend([Answer(302, headers={"Location": "/elsewhere"}), Answer(507, b"disk full")])
    found = pushed(near.path, way.url, exit_code=1, retries=0, connections=1)
    causes = {failure["project"]: failure["cause"] for failure in found["failures"]}
    assert causes == snapshot(
        {
            "app": "the index has a different file with this name, which is never replaced",
            "extra": "the file is missing from the folder",
            "lib": "the file was changed after minimirror placed it",
            "tool": "HTTP 507: disk full",
            "zoo": "HTTP 302: the server redirects uploads; pass the URL that takes them",
        }
    )
    assert found["notes"] == snapshot(
        [
            "uploads cannot mark a file as yanked; installers will use these yanked files like any other: extra-1.0-py3-none-any.whl, lib-1.0-py3-none-any.whl, tool-1.0-py3-none-any.whl",
            "skipped local files (use --all to push them): secret-0.0.tar.gz, secret-1.0.tar.gz, secret-2.0.tar.gz, and 1 more",
        ]
    )
