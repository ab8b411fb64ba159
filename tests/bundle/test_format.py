"""An export writes the format that docs/bundle.md describes."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from tests.helpers.running import SOURCES

if TYPE_CHECKING:
    from tests.helpers.bundles import Near


@pytest.fixture
def members(near: Near) -> dict[str, bytes]:
    """The members of a second export, which adds one file and removes another with its project."""
    near.put("other", "1.0", b"other", yanked="broken")
    near.export("1.tar")
    near.drop("demo-1.0-py3-none-any.whl")
    near.drop_project("demo")
    near.put("other", "2.0", b"new")
    (path,) = near.export("2.tar").paths
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def entries(members: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members["manifest.jsonl"].splitlines()]


def test_members(members: dict[str, bytes]) -> None:
    assert list(members) == snapshot(
        ["bundle.json", "manifest.jsonl", "files/other-2.0-py3-none-any.whl", "part.sha256"]
    )
    assert members["files/other-2.0-py3-none-any.whl"] == b"new"


def test_part_header(members: dict[str, bytes]) -> None:
    found = json.loads(members["bundle.json"])
    assert (found["minimirror_bundle"], found["number"], found["name"]) == (1, 2, "2.tar")
    assert list(found) == snapshot(
        [
            "minimirror_bundle",
            "number",
            "name",
            "part",
            "parts",
            "split",
            "manifest_size",
            "manifest_sha256",
            "signature_size",
        ]
    )


def test_manifest(members: dict[str, bytes]) -> None:
    header, *others = entries(members)
    assert (header["kind"], header["since"], header["files"], header["removed"]) == ("bundle", 1, 1, 1)
    assert list(header) == snapshot(
        ["kind", "mirror", "number", "mirrored", "since", "state", "files", "bytes", "removed", "exports"]
    )
    assert list(header["exports"][0]) == snapshot(["number", "state", "name", "run", "made"])
    assert [list(each) for each in others] == snapshot(
        [["kind", "carried", "row"], ["kind", "name"], ["kind", "name"]]
    )
    assert [each["kind"] for each in others] == snapshot(["file", "removed_project", "removed_file"])


def test_every_key_is_documented(members: dict[str, bytes]) -> None:
    text = SOURCES.joinpath("docs", "bundle.md").read_text()
    header, *others = entries(members)
    keys = {*json.loads(members["bundle.json"]), *header, *header["exports"][0]}
    keys |= {key for each in others for key in each}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
