"""The messages of the storage that a user can meet, one snapshot each."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import errno
import os
import re
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot
from obstore.exceptions import GenericError

from minimirror.storage import Catalog, CatalogError, FolderError, MirrorBucket, MirrorFolder, open_folder
from minimirror.storage.store_errors import explained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(repository: Path) -> MirrorFolder:
    folder = MirrorFolder(repository)
    folder.prepare()
    return folder


def message(function: Callable[[], object], tmp_path: Path) -> str:
    """Call a function that fails, and return its message with `DIR` for the test's folder."""
    with pytest.raises((CatalogError, FolderError, OSError)) as caught:
        function()
    return str(caught.value).replace(str(tmp_path), "DIR")


class TestCatalog:
    @pytest.mark.parametrize("read_only", [True, False])
    def test_not_a_database(self, tmp_path: Path, read_only: bool) -> None:
        path = tmp_path / "catalog.sqlite"
        path.write_bytes(b"garbage" * 1000)
        assert message(lambda: Catalog(path, read_only=read_only), tmp_path) == snapshot(
            "catalog DIR/catalog.sqlite: file is not a database"
        )

    def test_schema(self, tmp_path: Path) -> None:
        path = tmp_path / "catalog.sqlite"
        Catalog(path).close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
        assert message(lambda: Catalog(path), tmp_path) == snapshot(
            "catalog DIR/catalog.sqlite: written by a newer minimirror (schema 99, this one knows 1); update minimirror"
        )
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA application_id = 0")
        assert message(lambda: Catalog(path), tmp_path) == snapshot(
            "catalog DIR/catalog.sqlite: written by a development version of minimirror"
        )

    def test_folder_in_its_place(self, tmp_path: Path) -> None:
        assert message(lambda: Catalog(tmp_path), tmp_path) == snapshot(
            "catalog DIR: unable to open database file"
        )


class TestFolder:
    def test_file_in_its_place(self, repository: Path, tmp_path: Path) -> None:
        repository.touch()
        assert message(MirrorFolder(repository).prepare, tmp_path) == snapshot(
            "repository DIR/repository: Not a directory (DIR/repository/.minimirror/partial)"
        )

    def test_no_permission(
        self, folder: MirrorFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Root may write everywhere.
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert message(folder.prepare, tmp_path) == snapshot(
            "repository DIR/repository: no permission to read and write in it"
        )

    def test_disk_full(self, folder: MirrorFolder) -> None:
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "catalog.sqlite")
        assert str(folder.unusable(error)).partition(": ")[2] == snapshot(
            "No space left on device (catalog.sqlite)"
        )

    def test_busy(self, folder: MirrorFolder, tmp_path: Path) -> None:
        def lock() -> None:
            with folder.lock():
                pass

        with folder.lock():
            text = message(lock, tmp_path)
            (folder.state / "holder.json").write_text("{")
            assert message(lock, tmp_path) == snapshot("repository DIR/repository: locked by another run")
        text = re.sub(r"\d{4}-\d\d-\d\d.*", "TIME", text.replace(socket.gethostname(), "HOST"))
        assert text.replace(str(os.getpid()), "PID") == snapshot(
            "repository DIR/repository: locked by another run: process PID on HOST, since TIME"
        )

    def test_local_file_in_the_way(self, folder: MirrorFolder, tmp_path: Path) -> None:
        (folder.path / "foo-1.0.zip").write_bytes(b"local")
        (folder.partial / "foo.part").touch()
        place = message(lambda: folder.place("foo.part", "foo-1.0.zip", replace=False), tmp_path)
        assert place == snapshot(
            "[Errno 17] the folder has a file with this name that minimirror did not place"
        )


class TestObjectStore:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (
                "<Code>SlowDown</Code>",
                snapshot(
                    "repository s3://bucket/prefix: the store is overloaded (SlowDown) and asked for fewer requests; run again later"
                ),
            ),
            (
                "<Code>ExpiredToken</Code>",
                snapshot(
                    "repository s3://bucket/prefix: the credentials have expired; renew them, and run again"
                ),
            ),
            (
                "<Code>AccessDenied</Code>",
                snapshot(
                    "repository s3://bucket/prefix: access denied; check the credentials (S3: AWS_ACCESS_KEY_ID or AWS_PROFILE) and what they may do"
                ),
            ),
            (
                "<Code>NoSuchBucket</Code>",
                snapshot(
                    "repository s3://bucket/prefix: there is no such bucket; create it, or correct `repository`"
                ),
            ),
            (
                "<Code>QuotaExceeded</Code>",
                snapshot("repository s3://bucket/prefix: the bucket's quota is used up"),
            ),
            (
                "<Code>InternalError</Code><Message>Try again.</Message>",
                snapshot(
                    "repository s3://bucket/prefix: the store refused a request (InternalError): Try again."
                ),
            ),
            (
                "error sending request for http://127.0.0.1:9/",
                snapshot(
                    "repository s3://bucket/prefix: the store cannot be reached; check the network and its address (S3: AWS_ENDPOINT_URL)"
                ),
            ),
            (
                "http://169.254.169.254/latest/api/token",
                snapshot(
                    "repository s3://bucket/prefix: there are no credentials; set AWS_ACCESS_KEY_ID or AWS_PROFILE (s3), GOOGLE_APPLICATION_CREDENTIALS (gs) or AZURE_STORAGE_ACCOUNT_KEY (az), for example"
                ),
            ),
        ],
    )
    def test_answers(self, answer: str, text: str, tmp_path: Path) -> None:
        bucket = MirrorBucket("s3://bucket/prefix", tmp_path)

        def ask() -> None:
            with bucket.explained(), explained():
                raise GenericError(f"Generic S3 error: {answer}")

        assert message(ask, tmp_path) == text

    def test_a_command_that_needs_a_folder(self, tmp_path: Path) -> None:
        assert message(lambda: open_folder("s3://bucket/prefix", "requested"), tmp_path) == snapshot(
            "repository s3://bucket/prefix: `minimirror requested` needs a folder, not a bucket"
        )
