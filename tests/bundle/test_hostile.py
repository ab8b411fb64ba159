"""Damaged and forged bundles: an error names the file, and nothing changes."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.bundle.layout import END, padding, tar_header
from minimirror.bundle.manifest import MAX_LINE
from minimirror.bundle.results import BundleError, BundleRequestError, DamagedError
from minimirror.common.errors import MinimirrorError
from minimirror.storage.catalog import EMPTY
from tests.helpers import distributions
from tests.helpers.bundles import Far, Near

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024
LOCAL = {"notes.txt": b"notes", "own-1.0.zip": b"local"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three bundles: one.tar, two.tar, and full.tar in parts."""
    folder = tmp_path_factory.mktemp("made")
    near = Near(folder / "near")
    near.put("amber", "1.0")
    near.export("one.tar")
    near.put("amber", "1.0", b"another amber")
    near.put("birch", "1.0", bytes(range(256)) * 600)
    near.put("cedar", "1.0")
    near.export("two.tar")
    near.export("full.tar", since="all", split=64 * KIB)
    return folder


@pytest.fixture
def far(made: Path, tmp_path: Path) -> Far:
    """A mirror with the first bundle and local files."""
    far = Far(tmp_path / "far")
    far.take(made / "one.tar")
    for name, data in LOCAL.items():
        (far.path / name).write_bytes(data)
    return far


def refused(far: Far, *paths: Path, kind: type[MinimirrorError] = DamagedError) -> str:
    """Import a bundle that must be refused; check that nothing changed, and return the message."""
    before = far.files(), far.rows(), sorted(far.path.parent.iterdir())
    with pytest.raises(kind) as caught:
        far.take(*paths)
    assert (far.files(), far.rows(), sorted(far.path.parent.iterdir())) == before
    assert far.left_over() == []
    return str(caught.value)


class TestDamaged:
    def test_truncated_anywhere(self, far: Far, made: Path, tmp_path: Path) -> None:
        data = (made / "two.tar").read_bytes()
        birch = data.index(b"files/birch")
        end = len(data)
        places = [0, 1, 511, 512, 513, 700, 1024, 1536, 2000, birch - 1, birch, birch + 300, birch + 512]
        places += [birch + 70_000, end - 2560, end - 2048, end - 1600, end - 1024, end - 512, end - 1]
        path = tmp_path / "cut.tar"
        for place in places:
            path.write_bytes(data[:place])
            assert f"{path}: " in refused(far, path)

    @pytest.mark.parametrize("seed", range(4))
    def test_one_bit_anywhere(self, far: Far, made: Path, tmp_path: Path, seed: int) -> None:
        chance = random.Random(seed)
        data = bytearray((made / "two.tar").read_bytes())
        interesting = [*range(4096), *range(len(data) - 4096, len(data))]
        path = tmp_path / "flipped.tar"
        for _ in range(25):
            place = chance.choice([chance.choice(interesting), chance.randrange(len(data))])
            bit = 1 << chance.randrange(8)
            data[place] ^= bit
            path.write_bytes(data)
            assert str(path) in refused(far, path, kind=BundleError), place
            data[place] ^= bit
        path.write_bytes(data)
        far.take(path)

    def test_the_damaged_part_is_named(self, far: Far, made: Path, tmp_path: Path) -> None:
        parts = [tmp_path / path.name for path in sorted(made.glob("full*.tar"))]
        for path in parts:
            path.write_bytes((made / path.name).read_bytes())
        for path in parts:
            right = path.read_bytes()
            path.write_bytes(right[:2600] + bytes([right[2600] ^ 1]) + right[2601:])
            assert refused(far, *parts).startswith(f"{path}: damaged")
            path.write_bytes(right)
        far.take(*parts)

    def test_data_after_the_end(self, far: Far, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "longer.tar"
        path.write_bytes((made / "two.tar").read_bytes() + b"\0")
        assert refused(far, path).startswith(f"{path}: damaged")

    @pytest.mark.parametrize("left_out", ["full.tar", "full.2.tar", "full.3.tar"])
    def test_a_missing_part_is_named(self, far: Far, made: Path, left_out: str) -> None:
        parts = [path for path in made.glob("full*.tar") if path.name != left_out]
        number = left_out.split(".")[1] if left_out != "full.tar" else "1"
        said = refused(far, *parts)
        assert f"part {number} of 3" in said
        assert said.endswith(left_out)

    def test_the_same_part_twice(self, far: Far, made: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.tar"
        copy.write_bytes((made / "full.2.tar").read_bytes())
        said = refused(far, copy, *made.glob("full*.tar"), kind=BundleRequestError)
        assert f"{copy} and " in said
        far.take(made / "full.2.tar", *made.glob("full*.tar"))

    def test_a_part_of_another_bundle(self, far: Far, made: Path, tmp_path: Path) -> None:
        other = Near(tmp_path / "other")
        other.put("big", "1.0", bytes(150_000))
        paths = other.export("full.tar", split=64 * KIB).paths
        said = refused(far, made / "full.tar", made / "full.3.tar", paths[1])
        assert "part 2 of 3" in said

    @pytest.mark.parametrize("data", [b"", b"text\n" * 500, bytes(5000), b"\x1f\x8b" + bytes(600)])
    def test_other_files(self, far: Far, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "other.tar"
        path.write_bytes(data)
        assert refused(far, path).startswith(f"{path}: ")

    def test_another_tar_archive(self, far: Far, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "other.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(made / "one.tar", "bundle.json")
        assert refused(far, path) == f"{path}: not a minimirror bundle"

    def test_a_newer_format(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "newer.tar"
        text = b'{"minimirror_bundle": 2, "something": "new"}'
        path.write_bytes(member("bundle.json", text) + END)
        assert "newer minimirror" in refused(far, path)


# Forged bundles: every checksum is correct, as a forger would make it.


def member(name: str, data: bytes, mtime: int = 0) -> bytes:
    return tar_header(name, len(data), mtime) + data + padding(len(data))


def compose(path: Path, manifest: bytes, files: bytes, **head: Any) -> Path:
    """Write a bundle of one part."""
    values = {
        "minimirror_bundle": 1, "number": 2, "name": path.name, "part": 1, "parts": 1, "split": None,
        "manifest_size": len(manifest), "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "signature_size": None, **head,
    }  # fmt: skip
    text = json.dumps(values).encode()
    data = member("bundle.json", text) + member("manifest.jsonl", manifest) + files
    data += member("part.sha256", f"{hashlib.sha256(data).hexdigest()}\n".encode()) + END
    path.write_bytes(data)
    return path


HEADER: dict[str, Any] = {
    "kind": "bundle", "mirror": "0" * 32, "number": 2, "mirrored": 0.0, "since": 1, "state": EMPTY,
    "files": 1, "bytes": 1, "removed": 0, "exports": [],
}  # fmt: skip
CONTENT = distributions.wheel("demo", "1.0")
ROW: dict[str, Any] = {
    "filename": "demo-1.0-py3-none-any.whl", "project": "demo", "version": "1.0", "size": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(), "upload_time": None, "requires_python": None,
    "yanked": None, "core_metadata": None, "url": "https://index.example.org/demo",
}  # fmt: skip


def lines(*entries: dict[str, Any] | bytes, **fields: Any) -> bytes:
    all_of_them = [{**HEADER, **fields}, *entries]
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in all_of_them
    )


def file(**columns: Any) -> dict[str, Any]:
    return {"kind": "file", "carried": True, "row": {**ROW, **columns}}


BAD_LINES: dict[str, dict[str, Any] | bytes] = {
    "a path upwards": file(filename="../demo-1.0-py3-none-any.whl"),
    "an absolute path": file(filename="/tmp/demo-1.0-py3-none-any.whl"),
    "a path downwards": file(filename="sub/demo-1.0-py3-none-any.whl"),
    "a backslash": file(filename="..\\demo-1.0-py3-none-any.whl"),
    "a hidden name": file(filename=".demo-1.0-py3-none-any.whl"),
    "minimirror's own": file(filename=".minimirror/catalog.sqlite"),
    "a null byte": file(filename="demo-1.0-py3-none-any.whl\0"),
    "a newline": file(filename="demo-1.0-py3-none-any.whl\n"),
    "no distribution": file(filename="demo"),
    "another project's": file(filename="own-1.0.zip"),
    "a long name": file(filename=f"demo-1.0+{'x' * 300}-py3-none-any.whl"),
    "a project name that is not normalized": file(project="Demo"),
    "a project name that is a path": file(project="../demo"),
    "a negative size": file(size=-1),
    "a huge size": file(size=2**63),
    "a size that is a string": file(size="12"),
    "a size that is true": file(size=True),
    "no digest": file(sha256=""),
    "half a digest": file(sha256="0" * 63),
    "no number": b'{"kind":"file","carried":true,"row":{"size":NaN}}\n',
    "infinity": file(upload_time=float("inf")),
    "a time out of range": file(upload_time=1e300),
    "an unknown column": file(setuid=1),
    "an unknown kind": {"kind": "script", "name": "rm"},
    "no kind": {"name": "demo"},
    "a second header": HEADER,
    "a list": b"[]\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "half a line": b'{"kind":"removed_file","name":"de',
    "no UTF-8": b"\xff\xfe\n",
    "half a character": b'{"kind":"removed_file","name":"\\ud800"}\n',
    "an endless line": b'{"kind":"removed_file","name":"' + b"x" * MAX_LINE + b'"}\n',
    "an empty line": b"\n",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_an_invalid_line(far: Far, tmp_path: Path, line: dict[str, Any] | bytes) -> None:
    path = compose(tmp_path / "forged.tar", lines(line), member("files/demo-1.0-py3-none-any.whl", CONTENT))
    said = refused(far, path)
    assert said.startswith(f"{path}: ")
    assert "line 2: " in said
    assert said.isprintable()
    assert len(said) < 500


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ([file(), file()], ROW["filename"]),
        ([file(), file(carried=False)], "line 3"),
        ([file(), {"kind": "removed_file", "name": ROW["filename"]}], ROW["filename"]),
        ([{"kind": "removed_project", "name": "demo"}] * 2, "demo"),
        ([file(sha256="0" * 64)], "state"),
        ([file()], "state"),
    ],
)
def test_contradicting_lines(far: Far, tmp_path: Path, entries: list[dict[str, Any]], cause: str) -> None:
    manifest = lines(*entries, since=None)
    path = compose(tmp_path / "forged.tar", manifest, member(f"files/{ROW['filename']}", CONTENT))
    with pytest.raises(DamagedError, match=cause):
        far.take(path, replace=True)
    assert far.files().keys() == {"amber-1.0-py3-none-any.whl", *LOCAL}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "no digest"}, {"number": 0}, {"number": 3}, {"mirror": "../.."}, {"mirrored": -1.0},
        {"files": -1}, {"exports": [{"number": 1}]}, {"extra": 1}, {"since": 0}, {"number": 2**63},
        {"kind": "file"},
    ],
)  # fmt: skip
def test_an_invalid_first_line(far: Far, tmp_path: Path, fields: dict[str, Any]) -> None:
    path = compose(tmp_path / "forged.tar", lines(**fields), b"")
    assert "invalid manifest" in refused(far, path)


def link(name: str, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info.tobuf(tarfile.PAX_FORMAT)


def pax(records: bytes, size: int | None = None) -> bytes:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, len(records) if size is None else size
    return info.tobuf(tarfile.USTAR_FORMAT) + records + padding(len(records))


NAME = f"files/{ROW['filename']}"
RIGHT = member(NAME, CONTENT)
BAD_MEMBERS: dict[str, bytes] = {
    "none": b"",
    "a symbolic link": link(NAME, tarfile.SYMTYPE),
    "a hard link": link(NAME, tarfile.LNKTYPE),
    "a device": link(NAME, tarfile.CHRTYPE),
    "a pipe": link(NAME, tarfile.FIFOTYPE),
    "a folder": link(NAME, tarfile.DIRTYPE),
    "an absolute path": member("/tmp/evil", CONTENT),
    "a path upwards": member("../../../evil", CONTENT),
    "a path upwards in an extended header": pax(b"19 path=../../evil\n") + RIGHT,
    "a huge extended header": pax(b"", 8 * 10**9),
    "another name": member("files/evil-1.0-py3-none-any.whl", CONTENT),
    "other bytes": member(NAME, CONTENT[::-1]),
    "fewer bytes": member(NAME, CONTENT[:-1]),
    "more bytes": member(NAME, CONTENT + b"!"),
    "the same twice": RIGHT + RIGHT,
    "one more": RIGHT + member("files/evil-1.0-py3-none-any.whl", CONTENT),
    "a link before it": link("files", tarfile.SYMTYPE) + RIGHT,
    "a second manifest": member("manifest.jsonl", b"{}\n") + RIGHT,
    "a set-uid bit": RIGHT.replace(b"0000644\0", b"0004755\0", 1),
}


@pytest.fixture
def twin(made: Path, tmp_path: Path) -> Near:
    """A mirror with the state of the far side."""
    twin = Near(tmp_path / "twin" / "twin")
    twin.path.parent.mkdir()
    Far(twin.path).take(made / "one.tar")
    return twin


def state_with_demo(twin: Near) -> str:
    """Return the state of the far side with the forged file."""
    name = twin.put("demo", "1.0", CONTENT, upload_time=None)
    assert name == ROW["filename"]
    twin.drop_project("demo")
    return twin.export("state.tar").state


@pytest.fixture
def promised(twin: Near) -> str:
    return state_with_demo(twin)


def test_a_correct_forgery_is_imported(far: Far, tmp_path: Path, promised: str) -> None:
    """Only a signature prevents it. Without this test, the next ones would prove nothing."""
    far.take(compose(tmp_path / "forged.tar", lines(file(), state=promised), RIGHT))
    assert far.files()[ROW["filename"]] == CONTENT


@pytest.mark.parametrize("files", BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_members_that_the_manifest_does_not_list(
    far: Far, tmp_path: Path, promised: str, files: bytes
) -> None:
    path = compose(tmp_path / "forged.tar", lines(file(), state=promised), files)
    assert f"{path}: damaged or modified at " in refused(far, path)
    assert not (tmp_path.parent / "evil").exists()


def test_local_files_cannot_be_deleted(far: Far, tmp_path: Path, twin: Near) -> None:
    """A manifest has no effect on names that the catalog does not have."""
    (tmp_path / "notes").write_text("notes")
    names = [*LOCAL, "../notes", str(tmp_path / "notes"), ".minimirror/catalog.sqlite"]
    removed = [{"kind": "removed_file", "name": name} for name in names]
    path = compose(tmp_path / "forged.tar", lines(*removed, file(), state=state_with_demo(twin)), RIGHT)
    (found,) = far.take(path)
    assert (found.changed, found.removed) == (True, 0)
    assert LOCAL.items() <= far.files().items()
    assert (tmp_path / "notes").exists()


def test_a_local_file_cannot_pass_for_a_mirrored_one(far: Far, tmp_path: Path, twin: Near) -> None:
    """Otherwise the next bundle could delete it."""
    name, data = "demo-1.0-py3-none-any.whl", CONTENT
    row = {**file(), "carried": False}
    path = compose(tmp_path / "forged.tar", lines(row, state=state_with_demo(twin)), b"")
    (far.path / name).write_bytes(data)
    assert "state" in refused(far, path)


class TestBombs:
    def test_a_file_that_does_not_fit(self, far: Far, tmp_path: Path, promised: str) -> None:
        path = compose(tmp_path / "forged.tar", lines(file(size=10**17), state=promised), RIGHT)
        assert "100000 TB" in refused(far, path, kind=MinimirrorError)

    @pytest.mark.parametrize(
        "head",
        [
            {"manifest_size": 2**62}, {"signature_size": 2**16}, {"parts": 2**62}, {"split": 1},
            {"split": 2**70}, {"part": 2}, {"parts": 0}, {"number": -1}, {"signature_size": 10**9},
            {"name": "x" * 1000},
            {"manifest_sha256": "0" * 64}, {"manifest_size": 0}, {"manifest_size": 10}, {"name": 5},
        ],
    )  # fmt: skip
    def test_a_false_part_header(self, far: Far, tmp_path: Path, head: dict[str, Any]) -> None:
        path = compose(tmp_path / "forged.tar", lines(file()), RIGHT, **head)
        assert refused(far, path).startswith(f"{path}: ")

    def test_a_long_part_header(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "forged.tar"
        path.write_bytes(member("bundle.json", b"{" + b" " * 5000) + END)
        assert refused(far, path) == f"{path}: not a minimirror bundle"


def test_standard_tools_read_a_bundle(made: Path, tmp_path: Path) -> None:
    """tar extracts the members; `cat` joins the pieces of a cut file."""
    near = Near(made / "near")
    found: dict[str, bytes] = {}
    for path in sorted(made.glob("full*.tar"), key=lambda path: (len(path.name), path.name)):
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
            for info in archive:
                stream = archive.extractfile(info)
                assert stream
                name = info.name.partition("~")[0].removeprefix("files/")
                found[name] = found.get(name, b"") + stream.read()
    assert near.files().items() <= found.items()
    assert found.keys() - near.files().keys() == {"bundle.json", "manifest.jsonl", "part.sha256"}
