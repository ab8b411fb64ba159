"""An export writes the format that docs/bundle.md describes: the code there reads it."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from minimirror.storage import FileRow, ProjectRow
from tests.bundle.test_signature import new_key
from tests.helpers.running import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.bundles import Near

DOCUMENT = SOURCES.joinpath("docs", "bundle.md").read_text()


@pytest.fixture
def near(near: Near) -> Near:
    """A mirror before its second export, which adds one file and removes another with its project."""
    near.put("other", "1.0", b"other", yanked="broken")
    near.export("1.tar")
    near.drop("demo-1.0-py3-none-any.whl")
    near.drop_project("demo")
    near.put("other", "2.0", b"new")
    near.put_local("own", "1.0", padding=100_000)
    return near


@pytest.fixture
def members(near: Near) -> dict[str, bytes]:
    """The members of the second export."""
    (path,) = near.export("2.tar").paths
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def entries(members: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(members["manifest.jsonl.gz"]).splitlines()]


@pytest.mark.parametrize("split", [None, 64 * 1024])
def test_the_documented_code_reads_it(near: Near, tmp_path: Path, split: int | None) -> None:
    code = re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert code
    assert len(code[1].splitlines()) <= 65
    names: dict[str, Any] = {"__name__": "documented"}
    exec(code[1], names)
    paths = near.export("lab.tar", since="all", split=split, sign=new_key(tmp_path / "key")).paths
    (tmp_path / "to").mkdir()
    manifest = names["read_bundle"](paths[::-1], tmp_path / "to")
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == near.files()
    assert {each["file"]["filename"] for each in manifest if "file" in each} == near.files().keys()


def test_members(members: dict[str, bytes]) -> None:
    assert list(members) == snapshot(
        ["part.json", "manifest.jsonl.gz", "files/other-2.0-py3-none-any.whl", "files/own-1.0.zip"]
    )
    assert members["files/other-2.0-py3-none-any.whl"] == b"new"


def test_part_header(members: dict[str, bytes]) -> None:
    found = json.loads(members["part.json"])
    assert (found["minimirror_bundle"], found["number"], found["name"]) == (1, 2, "2.tar")
    assert list(found) == snapshot(
        [
            "minimirror_bundle",
            "number",
            "name",
            "part",
            "parts",
            "manifest_size",
            "manifest_sha256",
            "signature_size",
            "signature_sha256",
            "sha256",
        ]
    )


def test_manifest(members: dict[str, bytes]) -> None:
    """It lists the whole mirror; what the first bundle carried is not carried again."""
    header, *others = entries(members)
    assert (header["bundle"]["number"], header["bundle"]["files"]) == (2, 2)
    assert [next(iter(each)) for each in others] == snapshot(["export", "project", "file", "file", "file"])
    assert {each["file"]["filename"]: each["carried_by"] for each in others if "file" in each} == snapshot(
        {"other-1.0-py3-none-any.whl": 1, "other-2.0-py3-none-any.whl": 2, "own-1.0.zip": 2}
    )
    assert [each["file"]["filename"] for each in others if each.get("local")] == ["own-1.0.zip"]


def test_every_key_is_documented(members: dict[str, bytes]) -> None:
    found = entries(members)
    keys = {*json.loads(members["part.json"]), *FileRow._fields, *ProjectRow._fields, "mirrored"}
    keys |= {key for each in found for key in (*each, *next(iter(each.values())))}
    assert [key for key in sorted(keys) if not re.search(f'[`"]{key}[`"]', DOCUMENT)] == []
