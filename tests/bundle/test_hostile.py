"""Damaged and forged bundles: an error names the file, and nothing changes."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from minimirror.bundle.layout import END, HEADER_SIZE, padding, tar_header
from minimirror.bundle.manifest import MAX_LINE
from minimirror.bundle.results import BundleError, BundleRequestError, DamagedError
from minimirror.common.errors import MinimirrorError
from tests.helpers import distributions
from tests.helpers.bundles import Far, Near

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
    near.export("whole.tar", since="all")
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

    def test_the_same_file_twice(self, far: Far, made: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.tar"
        link.symlink_to(made / "full.2.tar")
        assert len(far.take(made / "full.2.tar", link, *made.glob("full*.tar"))) == 1

    @pytest.mark.parametrize("name", ["", ".", "/", "../..", "a/b/", "lab.tar\0", "\x1b]0;lab.tar"])
    def test_a_missing_part_of_a_bundle_with_an_odd_name(self, far: Far, tmp_path: Path, name: str) -> None:
        path = compose(tmp_path / "forged.tar", lines(), b"", name=name, parts=2)
        said = refused(far, path)
        assert "part 2 of 2" in said
        assert said.isprintable()

    def test_a_pipe(self, far: Far, made: Path) -> None:
        """A shell makes one of `<(command)`; what is read from it cannot be read again."""
        with subprocess.Popen(["cat", made / "two.tar"], stdout=subprocess.PIPE) as command:
            assert command.stdout
            path = Path(f"/dev/fd/{command.stdout.fileno()}")
            assert "regular file" in refused(far, path)

    def test_a_part_of_another_bundle(self, far: Far, made: Path, tmp_path: Path) -> None:
        other = Near(tmp_path / "other")
        other.put("big", "1.0", bytes(150_000))
        paths = other.export("full.tar", split=64 * KIB).paths
        said = refused(far, made / "full.tar", made / "full.3.tar", paths[1], kind=BundleError)
        assert "part 2 of 3" in said

    @pytest.mark.parametrize("data", [b"", b"text\n" * 500, bytes(5000), b"\x1f\x8b" + bytes(600)])
    def test_other_files(self, far: Far, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "other.tar"
        path.write_bytes(data)
        assert refused(far, path).startswith(f"{path}: ")

    def test_another_tar_archive(self, far: Far, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "other.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(made / "one.tar", "part.json")
        assert refused(far, path) == f"{path}: not a minimirror bundle"

    def test_a_newer_format(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "newer.tar"
        path.write_bytes(part_header({"minimirror_bundle": 2, "something": "new"}) + END)
        assert "newer minimirror" in refused(far, path)


# Forged bundles: every checksum is correct, as a forger would make it.


def member(name: str, data: bytes, mtime: int = 0) -> bytes:
    return tar_header(name, len(data), mtime) + data + padding(len(data))


def part_header(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, indent=1, separators=(",", ": ")).encode()
    return member("part.json", text.ljust(HEADER_SIZE - 513) + b"\n")


def compose(path: Path, manifest: bytes, files: bytes, *, packed: bytes | None = None, **head: Any) -> Path:
    """Write a bundle of one part."""
    packed = gzip.compress(manifest, mtime=0) if packed is None else packed
    values = {
        "minimirror_bundle": 1, "number": 2, "name": "forged.tar", "part": 1, "parts": 1,
        "manifest_size": len(packed), "manifest_sha256": hashlib.sha256(packed).hexdigest(),
        "signature_size": None, "signature_sha256": None, "sha256": None, **head,
    }  # fmt: skip
    path.write_bytes(part_header(values) + member("manifest.jsonl.gz", packed) + files + END)
    return path


HEADER: dict[str, Any] = {
    "mirror": "0" * 32, "number": 2, "name": "forged.tar", "state": "0" * 64, "files": 1, "bytes": 1,
}  # fmt: skip
CONTENT = distributions.wheel("demo", "1.0")
ROW: dict[str, Any] = {
    "filename": "demo-1.0-py3-none-any.whl", "project": "demo", "version": "1.0", "size": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(), "url": "https://index.example.org/demo",
}  # fmt: skip


def lines(*entries: dict[str, Any] | bytes, **fields: Any) -> bytes:
    all_of_them = [{"bundle": {**HEADER, **fields}}, *entries]
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in all_of_them
    )


def file(*, carried_by: int = 2, local: bool = False, **columns: Any) -> dict[str, Any]:
    return {"file": {**ROW, **columns}, "carried_by": carried_by, "local": local}


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
    "digests that are no JSON": file(digests="md5"),
    "digests that are a list": file(digests='["md5"]'),
    "digests that are no text": file(digests='{"md5": 1}'),
    "no number": b'{"file": {"size": NaN}, "carried_by": 2}\n',
    "infinity": file(upload_time=float("inf")),
    "a time out of range": file(upload_time=1e300),
    "an unknown column": file(setuid=1),
    "an unknown kind": {"script": {"name": "rm"}},
    "two kinds": {**file(), "project": {"name": "demo"}},
    "no carrier": {"file": ROW},
    "a carrier out of range": file(carried_by=0),
    "a second header": {"bundle": HEADER},
    "a list": b"[]\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "half a line": b'{"project": {"name": "de',
    "no UTF-8": b"\xff\xfe\n",
    "half a character": b'{"project": {"name": "\\ud800"}}\n',
    "an endless line": b'{"project": {"name": "' + b"x" * MAX_LINE + b'"}}\n',
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
        ([file(), file(carried_by=1)], ROW["filename"]),
        ([file(), file(local=True)], ROW["filename"]),
        ([{"project": {"name": "demo"}}] * 2, "demo"),
        ([{"export": {"number": 1, "name": "1.tar", "made": 1.0}}] * 2, "1 is listed twice"),
        ([file(sha256="0" * 64)], ROW["filename"]),
    ],
)
def test_contradicting_lines(far: Far, tmp_path: Path, entries: list[dict[str, Any]], cause: str) -> None:
    path = compose(tmp_path / "forged.tar", lines(*entries), RIGHT)
    with pytest.raises(DamagedError, match=cause):
        far.take(path, replace=True)
    assert far.files().keys() == {"amber-1.0-py3-none-any.whl", *LOCAL}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "no digest"}, {"number": 0}, {"number": 3}, {"mirror": "../.."}, {"mirrored": 1e300},
        {"files": -1}, {"extra": 1}, {"number": 2**63}, {"name": "other.tar"}, {"name": 5},
    ],
)  # fmt: skip
def test_an_invalid_first_line(far: Far, tmp_path: Path, fields: dict[str, Any]) -> None:
    path = compose(tmp_path / "forged.tar", lines(**fields), b"")
    assert "invalid manifest" in refused(far, path)


@pytest.mark.parametrize(
    "packed",
    [
        b"", b"text", gzip.compress(b"", mtime=0), gzip.compress(lines(file()), mtime=0)[:-9],
        gzip.compress(lines(), mtime=0)[:-1] + b"x",
    ],
    ids=["nothing", "none", "of nothing", "truncated", "with another checksum"],
)  # fmt: skip
def test_an_invalid_compression(far: Far, tmp_path: Path, packed: bytes) -> None:
    path = compose(tmp_path / "forged.tar", b"", RIGHT, packed=packed)
    assert refused(far, path).startswith(f"{path}: ")


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
def mirror(made: Path) -> str:
    """Return what identifies the exported mirror, so that its bundles can be forged."""
    with tarfile.open(made / "one.tar") as archive:
        packed = archive.extractfile("manifest.jsonl.gz")
        assert packed
        first = json.loads(gzip.decompress(packed.read()).splitlines()[0])
    return str(first["bundle"]["mirror"])


def test_a_correct_forgery_is_imported(far: Far, tmp_path: Path, mirror: str) -> None:
    """Only a signature prevents it. Without this test, the next ones would prove nothing."""
    far.take(compose(tmp_path / "forged.tar", lines(file(), mirror=mirror), RIGHT))
    assert far.files() == {**LOCAL, ROW["filename"]: CONTENT}


@pytest.mark.parametrize("files", BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_members_that_the_manifest_does_not_list(far: Far, tmp_path: Path, mirror: str, files: bytes) -> None:
    path = compose(tmp_path / "forged.tar", lines(file(), mirror=mirror), files)
    assert f"{path}: damaged or modified " in refused(far, path)
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("local", [False, True])
def test_local_files_cannot_be_replaced(far: Far, tmp_path: Path, mirror: str, local: bool) -> None:
    """Whatever the manifest says of them."""
    (far.path / ROW["filename"]).write_bytes(b"local")
    manifest = lines(file(local=local), mirror=mirror)
    assert ROW["filename"] in refused(
        far, compose(tmp_path / "forged.tar", manifest, RIGHT), kind=BundleError
    )


@pytest.mark.parametrize("local", [False, True])
def test_local_files_cannot_be_deleted(far: Far, tmp_path: Path, mirror: str, local: bool) -> None:
    """A bundle that lists a local file of the far side as it is does not make it the bundle's."""
    (far.path / ROW["filename"]).write_bytes(CONTENT)
    listed = lines(file(carried_by=1, local=local), mirror=mirror)
    far.take(compose(tmp_path / "forged.tar", listed, b""))
    far.take(compose(tmp_path / "forged.tar", lines(mirror=mirror, number=3), b"", number=3))
    assert (ROW["filename"] in far.files()) == local
    assert LOCAL.items() <= far.files().items()


class TestBombs:
    def test_a_file_that_does_not_fit(self, far: Far, tmp_path: Path, mirror: str) -> None:
        path = compose(tmp_path / "forged.tar", lines(file(size=10**17), mirror=mirror), RIGHT)
        assert "100000 TB" in refused(far, path, kind=MinimirrorError)

    @pytest.mark.parametrize(
        "head",
        [
            {"manifest_size": 2**62}, {"signature_size": 2**16}, {"parts": 2**62}, {"part": 2}, {"parts": 0},
            {"number": -1}, {"signature_size": 10**9}, {"name": "x" * 1000}, {"sha256": "0" * 64},
            {"manifest_sha256": "0" * 64}, {"manifest_size": 0}, {"manifest_size": 10}, {"name": 5},
        ],
    )  # fmt: skip
    def test_a_false_part_header(self, far: Far, tmp_path: Path, mirror: str, head: dict[str, Any]) -> None:
        path = compose(tmp_path / "forged.tar", lines(file(), mirror=mirror), RIGHT, **head)
        assert refused(far, path).startswith(f"{path}: ")

    def test_a_long_part_header(self, far: Far, tmp_path: Path) -> None:
        path = tmp_path / "forged.tar"
        path.write_bytes(member("part.json", b"{" + b" " * 5000) + END)
        assert refused(far, path) == f"{path}: not a minimirror bundle"


def test_standard_tools_read_a_bundle(made: Path, tmp_path: Path) -> None:
    """tar extracts a bundle, and one in parts after `tail` has joined these."""
    near = Near(made / "near")
    parts = [made / name for name in ("full.tar", "full.2.tar", "full.3.tar")]
    joined = subprocess.run(["tail", "-qc", f"+{HEADER_SIZE + 1}", *parts], check=True, capture_output=True)
    for folder, options in (("whole", ["-f", str(made / "whole.tar")]), ("joined", [])):
        (tmp_path / folder).mkdir()
        extract = ["tar", "-x", "-C", str(tmp_path / folder), *options]
        subprocess.run(extract, check=True, input=joined.stdout, capture_output=True)
        assert {
            path.name: path.read_bytes() for path in (tmp_path / folder / "files").iterdir()
        } == near.files()
