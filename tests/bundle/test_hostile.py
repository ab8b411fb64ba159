"""Bundles that are damaged or forged: an error that names the file, and nothing is changed."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.bundle.results import BundleError, BundleRequestError, DamagedError
from minimirror.bundle.layout import END, padding, tar_header
from minimirror.bundle.manifest import MAX_LINE
from minimirror.common.errors import MinimirrorError
from minimirror.storage.catalog import EMPTY, Catalog
from tests.helpers import distributions
from tests.helpers.bundles import Far, Near

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024
OWN = {"notes.txt": b"notes", "own-1.0.zip": b"somebody's own"}


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
    """A mirror that has the first bundle, and files of somebody's own."""
    far = Far(tmp_path / "far")
    far.take(made / "one.tar")
    for name, data in OWN.items():
        (far.path / name).write_bytes(data)
    return far


def refuse(far: Far, *paths: Path, kind: type[MinimirrorError] = DamagedError) -> str:
    """Import, find it refused and nothing changed; answer the message."""
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
            assert f"{path}: " in refuse(far, path)

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
            assert str(path) in refuse(far, path, kind=BundleError), place
            data[place] ^= bit
        path.write_bytes(data)
        far.take(path)

    def test_a_part_is_named(self, far: Far, made: Path, tmp_path: Path) -> None:
        parts = [tmp_path / path.name for path in sorted(made.glob("full*.tar"))]
        for path in parts:
            path.write_bytes((made / path.name).read_bytes())
        for path in parts:
            right = path.read_bytes()
            path.write_bytes(right[:2600] + bytes([right[2600] ^ 1]) + right[2601:])
            assert refuse(far, *parts).startswith(f"{path}: damaged, or tampered with, at ")
            path.write_bytes(right)
        far.take(*parts)

    def test_something_behind_the_end(self, far: Far, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "longer.tar"
        path.write_bytes((made / "two.tar").read_bytes() + b"\0")
        assert refuse(far, path) == f"{path}: damaged, or tampered with: something is behind its end"

    @pytest.mark.parametrize("left_out", ["full.tar", "full.2.tar", "full.3.tar"])
    def test_a_missing_part_is_named(self, far: Far, made: Path, left_out: str) -> None:
        parts = [path for path in made.glob("full*.tar") if path.name != left_out]
        number = left_out.split(".")[1] if left_out != "full.tar" else "1"
        said = refuse(far, *parts)
        assert said.endswith(f": part {number} of 3 of its bundle is missing: name {left_out}, too")

    def test_the_same_part_twice(self, far: Far, made: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.tar"
        copy.write_bytes((made / "full.2.tar").read_bytes())
        said = refuse(far, copy, *made.glob("full*.tar"), kind=BundleRequestError)
        assert "are the same part of one bundle: name one of them" in said
        far.take(made / "full.2.tar", *made.glob("full*.tar"))

    def test_a_part_of_another_bundle(self, far: Far, made: Path, tmp_path: Path) -> None:
        other = Near(tmp_path / "other")
        other.put("big", "1.0", bytes(150_000))
        paths = other.export("full.tar", split=64 * KIB).paths
        said = refuse(far, made / "full.tar", made / "full.3.tar", paths[1])
        assert "part 2 of 3 of its bundle is missing" in said

    @pytest.mark.parametrize("data", [b"", b"text\n" * 500, bytes(5000), b"\x1f\x8b" + bytes(600)])
    def test_no_bundle_at_all(self, far: Far, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "other.tar"
        path.write_bytes(data)
        assert refuse(far, path).startswith(f"{path}: ")

    def test_some_other_tar(self, far: Far, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "other.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(made / "one.tar", "bundle.json")
        assert refuse(far, path) == f"{path}: not a bundle of minimirror"

    def test_of_a_newer_minimirror(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "newer.tar"
        text = b'{"minimirror_bundle": 2, "something": "new"}'
        path.write_bytes(member("bundle.json", text) + END)
        assert refuse(far, path).endswith("made by a newer minimirror (format 2, this one knows 1): update"
                                          " minimirror here")  # fmt: skip


# Forged: every sum is right, since whoever forges a bundle makes it right.


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
    "a project that is no name": file(project="Demo"),
    "a project that is a path": file(project="../demo"),
    "a negative size": file(size=-1),
    "a huge size": file(size=2**63),
    "a size that is a text": file(size="12"),
    "a size that is true": file(size=True),
    "no digest": file(sha256=""),
    "half a digest": file(sha256="0" * 63),
    "no number": b'{"kind":"file","carried":true,"row":{"size":NaN}}\n',
    "infinity": file(upload_time=float("inf")),
    "a time beyond all times": file(upload_time=1e300),
    "an unknown column": file(setuid=1),
    "an unknown kind": {"kind": "script", "name": "rm"},
    "no kind": {"name": "demo"},
    "a second header": HEADER,
    "a list": b"[]\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "half a line": b'{"kind":"removed_file","name":"de',
    "no text": b"\xff\xfe\n",
    "half a character": b'{"kind":"removed_file","name":"\\ud800"}\n',
    "a line without end": b'{"kind":"removed_file","name":"' + b"x" * MAX_LINE + b'"}\n',
    "an empty line": b"\n",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_line_that_no_export_writes(far: Far, tmp_path: Path, line: dict[str, Any] | bytes) -> None:
    path = compose(tmp_path / "forged.tar", lines(line), member("files/demo-1.0-py3-none-any.whl", CONTENT))
    said = refuse(far, path)
    assert said.startswith(f"{path}: its manifest makes no sense here (line 2: ")
    assert said.isprintable()
    assert len(said) < 500


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ([file(), file()], "is in it twice"),
        ([file(), file(carried=False)], "line 3"),
        ([file(), {"kind": "removed_file", "name": ROW["filename"]}], "both comes and goes"),
        ([{"kind": "removed_project", "name": "demo"}] * 2, "is in it twice"),
        ([file(sha256="0" * 64)], "does not lead to the state that it promises"),
        ([file()], "does not lead to the state that it promises"),
    ],
)
def test_lines_that_do_not_go_together(
    far: Far, tmp_path: Path, entries: list[dict[str, Any]], cause: str
) -> None:
    manifest = lines(*entries, since=None)
    path = compose(tmp_path / "forged.tar", manifest, member(f"files/{ROW['filename']}", CONTENT))
    with pytest.raises(DamagedError, match=cause):
        far.take(path, replace=True)
    assert far.files().keys() == {"amber-1.0-py3-none-any.whl", *OWN}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "no digest"}, {"number": 0}, {"number": 3}, {"mirror": "../.."}, {"mirrored": -1.0},
        {"files": -1}, {"exports": [{"number": 1}]}, {"extra": 1}, {"since": 0}, {"number": 2**63},
        {"kind": "file"},
    ],
)  # fmt: skip
def test_a_first_line_that_no_export_writes(far: Far, tmp_path: Path, fields: dict[str, Any]) -> None:
    path = compose(tmp_path / "forged.tar", lines(**fields), b"")
    assert "its manifest makes no sense here" in refuse(far, path)


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
    """A mirror in the state of the far side."""
    twin = Near(tmp_path / "twin" / "twin")
    twin.path.parent.mkdir()
    Far(twin.path).take(made / "one.tar")
    return twin


def state_with_demo(twin: Near) -> str:
    """Its state once the forged file is there."""
    name = twin.put("demo", "1.0", CONTENT, upload_time=None)
    assert name == ROW["filename"]
    with Catalog(twin.repository.catalog) as catalog:
        catalog.forget_projects(["demo"])
        catalog.commit()
    return twin.export("state.tar").state


@pytest.fixture
def promised(twin: Near) -> str:
    return state_with_demo(twin)


def test_what_is_forged_right_is_taken(far: Far, tmp_path: Path, promised: str) -> None:
    """Or the next test would show nothing. Only a signature tells who made a bundle."""
    far.take(compose(tmp_path / "forged.tar", lines(file(), state=promised), RIGHT))
    assert far.files()[ROW["filename"]] == CONTENT


@pytest.mark.parametrize("files", BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_members_that_are_not_the_manifests(far: Far, tmp_path: Path, promised: str, files: bytes) -> None:
    path = compose(tmp_path / "forged.tar", lines(file(), state=promised), files)
    assert f"{path}: damaged, or tampered with, at " in refuse(far, path)
    assert not (tmp_path.parent / "evil").exists()


def test_files_that_are_not_minimirrors_cannot_be_removed(far: Far, tmp_path: Path, twin: Near) -> None:
    """Whatever a manifest says: names that the catalog does not know mean nothing."""
    (tmp_path / "notes").write_text("notes")
    names = [*OWN, "../notes", str(tmp_path / "notes"), ".minimirror/catalog.sqlite"]
    removed = [{"kind": "removed_file", "name": name} for name in names]
    path = compose(tmp_path / "forged.tar", lines(*removed, file(), state=state_with_demo(twin)), RIGHT)
    (found,) = far.take(path)
    assert (found.changed, found.removed) == (True, 0)
    assert OWN.items() <= far.files().items()
    assert (tmp_path / "notes").exists()


def test_a_file_of_somebodys_own_cannot_pass_for_minimirrors(far: Far, tmp_path: Path, twin: Near) -> None:
    """Or the next bundle could remove it."""
    name, data = "demo-1.0-py3-none-any.whl", CONTENT
    row = {**file(), "carried": False}
    path = compose(tmp_path / "forged.tar", lines(row, state=state_with_demo(twin)), b"")
    (far.path / name).write_bytes(data)
    assert "does not lead to the state that it promises" in refuse(far, path)


class TestBombs:
    def test_a_file_that_does_not_fit(self, far: Far, tmp_path: Path, promised: str) -> None:
        path = compose(tmp_path / "forged.tar", lines(file(size=10**17), state=promised), RIGHT)
        assert "needs 100000 TB, and there are" in refuse(far, path, kind=MinimirrorError)

    @pytest.mark.parametrize(
        "head",
        [
            {"manifest_size": 2**62}, {"signature_size": 2**16}, {"parts": 2**62}, {"split": 1},
            {"split": 2**70}, {"part": 2}, {"parts": 0}, {"number": -1}, {"signature_size": 10**9},
            {"name": "x" * 1000},
            {"manifest_sha256": "0" * 64}, {"manifest_size": 0}, {"manifest_size": 10}, {"name": 5},
        ],
    )  # fmt: skip
    def test_a_head_that_lies(self, far: Far, tmp_path: Path, head: dict[str, Any]) -> None:
        path = compose(tmp_path / "forged.tar", lines(file()), RIGHT, **head)
        assert refuse(far, path).startswith(f"{path}: ")

    def test_a_head_that_is_long(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "forged.tar"
        path.write_bytes(member("bundle.json", b"{" + b" " * 5000) + END)
        assert refuse(far, path) == f"{path}: not a bundle of minimirror"


def test_standard_tools_read_it(made: Path, tmp_path: Path) -> None:
    """What is whole in a part comes out as it was; `cat` puts cut files together."""
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
