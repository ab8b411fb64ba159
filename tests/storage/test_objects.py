"""Addresses and credentials of object stores, without a server: an address is signed with them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from minimirror.storage import FolderError, MirrorBucket
from tests.helpers.running import DEADLINE, SOURCES

if TYPE_CHECKING:
    from pathlib import Path

FILE = "foo-1.0+cpu-py3-none-any.whl"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def signed(url: str, state: Path) -> tuple[str, str, dict[str, list[str]]]:
    """Return host, path and query of a signed address."""
    found = asyncio.run(MirrorBucket(url, state).file(FILE).presigned(timedelta(minutes=5)))
    parts = urlsplit(found)
    return parts.netloc, unquote(parts.path), parse_qs(parts.query)


def test_amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    host, path, query = signed("s3://amazon/pypi", tmp_path)
    assert (host, path) == ("s3.eu-west-1.amazonaws.com", f"/amazon/pypi/{FILE}")
    assert query["X-Amz-Credential"][0].startswith("key/")
    assert query["X-Amz-Expires"] == ["300"]


def test_azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "lab")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    host, path, query = signed("az://azure/pypi", tmp_path)
    assert (host, path) == ("lab.blob.core.windows.net", f"/azure/pypi/{FILE}")
    assert query["sp"] == ["r"]


def test_google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account",
        "client_email": "mirror@example.org",
        "private_key": key.decode(),
        "private_key_id": "1",
    }
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    host, path, query = signed("gs://google/pypi", tmp_path)
    assert (host, path) == ("storage.googleapis.com", f"/google/pypi/{FILE}")
    assert query["X-Goog-Credential"][0].startswith("mirror@example.org/")


def test_azure_without_an_account(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        MirrorBucket("az://nothing/pypi", tmp_path).filenames()


@pytest.mark.parametrize("repository", ["s3://amazon/pypi", "folder"])
def test_only_a_bucket_needs_obstore(tmp_path: Path, repository: str) -> None:
    """The error says how to install it."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"repository": repository, "projects": ["demo"]}))
    hidden = "import sys; sys.modules['obstore'] = None; from minimirror.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", hidden, "status", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
        cwd=SOURCES,
    )
    if repository == "folder":
        assert "obstore" not in result.stderr
    else:
        assert result.returncode == 2
        assert "obstore" in result.stderr
        assert f"pip install -e '{SOURCES}[s3]'" in result.stderr
