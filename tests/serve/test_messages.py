"""The messages of `minimirror serve` that a user can meet, each written down once."""

# ruff: noqa: E501 - a message is as long as it is

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from minimirror import Config
from minimirror.serve import ServeError, serve
from minimirror.serve.certificate import check_certificate
from minimirror.storage import FolderError
from tests.helpers.index import Status
from tests.helpers.running import Command, Mirror
from tests.helpers.serving import LOGIN, Server, archive, form, upload, upload_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


def test_server_that_does_not_start(mirror: Mirror, tmp_path: Path) -> None:
    def error(*options: str | Path) -> str:
        with Command("serve", "--config", mirror.config(), "--port", "0", *options) as command:
            command.end()
        return command.stderr.strip().replace(str(tmp_path), "TMP")

    assert error("--repository", tmp_path / "none") == snapshot(
        "error: repository TMP/none: there is no such folder; create it, or run `minimirror run`"
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert error("--port", port).replace(port, "PORT") == snapshot(
            "error: cannot listen on 127.0.0.1 port PORT: Address already in use; choose another with --host and --port (0 for any free port)"
        )
    where, _, remedy = error("--host", "no.such.host.invalid").partition("; ")
    assert where.startswith("error: cannot listen on no.such.host.invalid: ")
    assert remedy == snapshot("choose another address with --host")
    users = tmp_path / "users"
    assert error("--htpasswd", users) == snapshot(
        "error: cannot read TMP/users: No such file or directory; create a password file with `htpasswd -B -c TMP/users USER`"
    )
    users.write_bytes(b"\xff:x\n")
    assert error("--htpasswd", users) == snapshot(
        "error: cannot read TMP/users: it is not UTF-8; create a password file with `htpasswd -B -c TMP/users USER`"
    )
    users.write_text("")
    assert error("--htpasswd", users) == snapshot(
        "error: TMP/users has no users; add one with `htpasswd -B TMP/users USER`"
    )


def test_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    def made(name: str, *options: str) -> Path:
        key = tmp_path / name
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=x", *options),
                *("-keyout", key, "-out", key.with_suffix(".cert")),
            ],
            check=True,
            capture_output=True,
        )
        return key

    def why(certificate: Path | None, key: Path | None = None) -> str:
        with pytest.raises(ServeError) as caught:
            check_certificate(certificate, key)
        return str(caught.value).replace(str(tmp_path), "TMP")

    plain, other = made("plain", "-nodes"), made("other", "-nodes")
    locked, certificate = made("locked", "-passout", "pass:secret"), plain.with_suffix(".cert")
    assert why(None, plain) == snapshot("the key TMP/plain needs its certificate: --certificate FILE")
    assert why(tmp_path / "none") == snapshot("cannot read TMP/none: No such file or directory")
    assert why(certificate) == snapshot(
        "cannot use the certificate TMP/plain.cert: it must be a PEM file that has its key, too; or name the key with --key FILE"
    )
    assert why(certificate, certificate) == snapshot(
        "cannot use the certificate TMP/plain.cert: it and its key must be PEM files"
    )
    assert why(certificate, other) == snapshot(
        "cannot use the certificate TMP/plain.cert: the key in TMP/other is that of another certificate"
    )
    assert why(locked.with_suffix(".cert"), locked) == snapshot(
        "cannot use the certificate TMP/locked.cert: its key needs a password; `openssl rsa -in TMP/locked -out FILE` removes it"
    )
    check_certificate(certificate, plain)


def test_greeting(mirror: Mirror) -> None:
    with upload_server(mirror) as server:
        server.ask("/health")
        lines = server.log()
    shown = [line.replace(server.url, "URL/").replace(str(mirror.path), "FOLDER") for line in lines]
    assert shown == snapshot(
        [
            "Serving FOLDER at URL/simple/ (press Ctrl-C to stop)",
            "  pip install --index-url URL/simple/ PROJECT",
            "  twine upload --repository-url URL/ FILE",
            "Stopped.",
        ]
    )


def test_requests(mirror: Mirror) -> None:
    def reason(path: str, method: str = "GET", **headers: str) -> str:
        return server.ask(path, method, headers=headers).why

    with Server(mirror.config()) as server:
        assert reason("/%00") == snapshot("invalid path")
        assert reason("/", "PUT") == snapshot("PUT is not supported here")
        assert reason("/simple/-/") == snapshot("invalid project name")
        assert reason("/simple/other/") == snapshot("project other is not mirrored here")
        assert reason("/simple/demo/", Accept="image/png") == snapshot(
            "supported types: text/html, application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.latest+json, application/vnd.pypi.simple.v1+html, application/vnd.pypi.simple.latest+html"
        )
        assert reason("/packages/notes.txt") == snapshot("invalid filename")
        assert reason("/packages/other-1.0.zip") == snapshot("file not found")
        assert upload(server, "mine-1.0.zip").why == snapshot(
            "uploads are off; start the server with `minimirror serve --htpasswd FILE`"
        )


def test_rejected_uploads(mirror: Mirror) -> None:
    def reason(before: bytes = b"", after: bytes = b"", authorization: str = LOGIN["Authorization"]) -> str:
        body, content_type = form("mine-1.0.zip", archive("mine-1.0.zip"))
        headers = {"Authorization": authorization, "Content-Type": content_type}
        return server.ask("/", "POST", body.replace(before, after), headers).why

    with upload_server(mirror, projects=["*"]) as server:
        assert reason(authorization="Bearer x") == snapshot("uploads need a username and password")
        assert reason(authorization="Basic x") == snapshot("invalid Authorization header")
        assert reason(authorization="Basic YW5uOng=") == snapshot("wrong username or password")
        assert server.ask("/", "POST", b"x", LOGIN).why == snapshot("uploads must be multipart/form-data")
        assert reason(b"file_upload", b"remove_pkg") == snapshot("action 'remove_pkg' is not supported")
        assert reason(b'name="content"', b'name="other"') == snapshot(
            "the form has no file in field 'content'"
        )
        assert upload(server, "notes.txt").why == snapshot("'notes.txt' is not a valid distribution filename")
        assert upload(server, "demo-2.0.zip").why == snapshot(
            "demo is mirrored from an index and takes no local files; rename your project, or list demo under `projects` in the config"
        )
        assert upload(server, "mine-1.0.zip", b"x").why == snapshot(
            "mine-1.0.zip cannot be installed: it is not a zip archive: File is not a zip file; build and upload it again"
        )
        assert upload(server, "mine-1.0-py3-none-any.whl", archive("mine-1.0.zip")).why == snapshot(
            "mine-1.0-py3-none-any.whl cannot be installed: it has no PROJECT-VERSION.dist-info/METADATA files; build and upload it again"
        )
        assert server.ask("/simple/demo/", "POST").why.replace(server.url, "URL/") == snapshot(
            "POST is not supported here; upload to URL/"
        )
        assert upload(server, "mine-1.0.zip", sha256_digest="0").why == snapshot(
            "mine-1.0.zip does not match its sha256_digest; upload it again"
        )
        assert upload(server, "mine-1.0.zip").status == 200
        assert upload(server, "mine-1.0.zip", archive("mine-1.0.zip", padding=1)).why == snapshot(
            "mine-1.0.zip already exists with other content; files are never overwritten"
        )


def test_on_demand(mirror: Mirror, index: Index) -> None:
    lost = index.add_wheel("extra", "1.0", core_metadata=b"Metadata-Version: 2.1\n")
    index.add_sdist("source", "1.0")
    index.fault(f"{lost.filename}.metadata", Status(404), always=True)
    index.fault(lost.filename, Status(404), always=True)
    rules = {
        "exclude_projects": ["acme"],
        "package_types": ["bdist_wheel"],
        "connect_timeout": 2,
        "retries": 0,
    }
    with Server(mirror.config(**rules), "--on-demand") as server:
        assert server.ask("/simple/nowhere/").why == snapshot(
            "project nowhere is not here: its index has no such project"
        )
        assert server.ask("/simple/acme/").why == snapshot("project acme is not here: the config excludes it")
        assert server.ask("/simple/source/").why == snapshot(
            "project source is not here: its files are refused by rule: package_types 1"
        )
        assert server.ask(f"/packages/{lost.filename}").why == snapshot(
            "extra-1.0-py3-none-any.whl cannot be fetched from its index: HTTP 404"
        )
        assert server.ask(f"/packages/{lost.filename}.metadata").why == snapshot(
            "extra-1.0-py3-none-any.whl.metadata cannot be fetched from its index: HTTP 404"
        )
        index.close()
        assert server.ask("/simple/never/").why == snapshot(
            "project never is not here: its index cannot be reached"
        )
        assert server.ask("/packages/never-1.0.tar.gz").why == snapshot(
            "never-1.0.tar.gz is not here, and its index cannot be reached"
        )


def test_what_a_bucket_does_not_have(tmp_path: Path) -> None:
    def message(**keys: Any) -> str:
        config = Config(repository="s3://bucket/prefix", state=tmp_path, serve=keys)
        with pytest.raises(FolderError) as caught:
            serve(config, quiet=True, verbose=False, port=0)
        assert caught.value.exit_code == 2
        return str(caught.value)

    assert message(on_demand=True) == snapshot(
        "repository s3://bucket/prefix: `on_demand` needs a folder, not a bucket"
    )
    assert message(htpasswd=tmp_path / "users") == snapshot(
        "repository s3://bucket/prefix: uploads need a folder, not a bucket"
    )
