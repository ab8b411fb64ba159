"""The messages of exports and imports, one snapshot each."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from inline_snapshot import snapshot

from minimirror import MinimirrorError
from minimirror.bundle import list_exports
from tests.bundle.test_hostile import RIGHT, compose, file, lines, part_header
from tests.bundle.test_signature import allow, new_key
from tests.helpers.bundles import Far, Near

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Disk(NamedTuple):
    """What :func:`shutil.disk_usage` returns."""

    total: int = 4000
    used: int = 3900
    free: int = 100


@pytest.fixture
def message(tmp_path: Path) -> Callable[..., str]:
    """Call a function that fails, and return its message with `DIR` for the test's folder."""

    def call(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
        with pytest.raises(MinimirrorError) as caught:
            function(*arguments, **options)
        text = str(caught.value).replace(str(tmp_path), "DIR")
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", text)

    return call


def test_export_to(
    near: Near, tmp_path: Path, message: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert message(near.export, "") == snapshot("DIR: is a folder; add a file name, such as DIR/lab-1.tar")
    assert message(near.export, "no/1.tar") == snapshot("DIR/no/1.tar: the folder DIR/no does not exist")
    assert message(near.export, "near/1.tar") == snapshot(
        "DIR/near/1.tar: is inside the repository; write the bundle somewhere else"
    )
    near.export("1.tar")
    assert message(near.export, "1.tar", since="all") == snapshot(
        "DIR/1.tar: already exists; --force overwrites it"
    )
    (tmp_path / "link.tar").symlink_to("/dev/stdout")
    assert message(near.export, "link.tar", since="all", force=True) == snapshot(
        "DIR/link.tar: is a link or a special file; choose another name"
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk())
    assert message(near.export, "2.tar", since="all") == snapshot(
        "DIR/2.tar: the bundle needs 923 B, but only 100 B are free"
    )


def test_export_options(near: Near, message: Callable[..., str]) -> None:
    assert message(near.export, "1.tar", split=1000) == snapshot(
        "--split 1000: too small: a part has at least 65536 bytes"
    )
    assert message(near.export, "1.tar", since="yesterday") == snapshot(
        '--since yesterday: must be "last", "all", the number of a run, a date such as 2026-01-31, a time such as 2026-01-31T18:00, or an export such as export:3 (`minimirror export --list` shows them)'
    )
    assert message(near.export, "1.tar", since="20260131") == snapshot(
        "--since 20260131: there was no such run"
    )
    assert message(near.export, "1.tar", since="export:7") == snapshot(
        "--since export:7: there is no such export; `minimirror export --list` shows all, --since all makes a full bundle"
    )


def test_export_of_a_wrong_folder(near: Near, tmp_path: Path, message: Callable[..., str]) -> None:
    assert message(list_exports, Far(tmp_path / "empty").config()) == snapshot(
        "repository DIR/empty: no catalog found; run `minimirror run` first"
    )
    (near.path / "demo-1.0-py3-none-any.whl").write_bytes(b"changed")
    assert message(near.export, "1.tar") == snapshot(
        "repository DIR/near: demo-1.0-py3-none-any.whl is missing or was changed after it was mirrored; no bundle was created. `minimirror verify --hash --repair` finds and repairs such files"
    )


def test_sign(
    near: Near, tmp_path: Path, message: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = message(near.export, "1.tar", sign=tmp_path / "key")
    assert said.partition(": ")[0] == snapshot("could not sign the bundle with DIR/key")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert message(near.export, "1.tar", sign=tmp_path / "key") == snapshot(
        "could not run ssh-keygen, which signs and verifies bundles (No such file or directory); install the OpenSSH client"
    )


def test_signature(near: Near, tmp_path: Path, message: Callable[..., str]) -> None:
    far = Far(tmp_path / "far", allowed_signers=str(tmp_path / "allowed"))
    (unsigned,) = near.export("unsigned.tar").paths
    assert message(far.take, unsigned) == snapshot(
        "DIR/unsigned.tar: not signed, but `allowed_signers` in the config requires a signature"
    )
    (signed,) = near.export("signed.tar", since="all", sign=new_key(tmp_path / "key")).paths
    assert message(far.take, signed) == snapshot(
        "DIR/signed.tar: allowed_signers: DIR/allowed does not exist"
    )
    allow(tmp_path / "allowed", ("me", new_key(tmp_path / "other")))
    said = message(far.take, signed)
    assert said.rpartition(": ")[0] == snapshot(
        "DIR/signed.tar: not signed by an allowed signer of DIR/allowed"
    )


def test_parts(near: Near, far: Far, tmp_path: Path, message: Callable[..., str]) -> None:
    near.put("big", "1.0", bytes(100_000))
    first, second = near.export("1.tar", split=64 * 1024).paths
    copy = tmp_path / "copy.tar"
    copy.write_bytes(second.read_bytes())
    assert message(far.take, tmp_path / "no.tar") == snapshot(
        "DIR/no.tar: cannot be read: No such file or directory"
    )
    assert message(far.take, second) == snapshot(
        "DIR/1.2.tar: part 1 of 2 of this bundle is missing; also pass 1.tar"
    )
    assert message(far.take, first, second, copy) == snapshot(
        "DIR/1.2.tar and DIR/copy.tar are the same part of a bundle; pass only one of them"
    )


def test_damaged(near: Near, far: Far, tmp_path: Path, message: Callable[..., str]) -> None:
    right = near.export("right.tar").paths[0].read_bytes()
    path = tmp_path / "1.tar"

    def message_of(data: bytes) -> str:
        path.write_bytes(data)
        return message(far.take, path)

    assert message_of(b"text" * 1000) == snapshot("DIR/1.tar: not a minimirror bundle")
    assert message_of(right[:-3000]) == snapshot("DIR/1.tar: truncated; copy it again")
    assert message_of(right.replace(b"files/demo", b"files/evil")) == snapshot(
        "DIR/1.tar: damaged or modified at files/demo-1.0-py3-none-any.whl; copy it again"
    )
    assert message_of(right.replace(b"manifest.jsonl.gz", b"manifest.jsonl.xz")) == snapshot(
        "DIR/1.tar: damaged or modified at manifest.jsonl.gz; copy it again"
    )
    assert message_of(right + b"!") == snapshot(
        "DIR/1.tar: damaged or modified (data after its end); copy it again"
    )
    assert message_of(part_header({"minimirror_bundle": 2})) == snapshot(
        "DIR/1.tar: made by a newer minimirror (bundle format 2, this version reads 1); update minimirror here"
    )
    assert message_of(part_header({"minimirror_bundle": 1})) == snapshot(
        "DIR/1.tar: damaged or modified at part.json; copy it again"
    )
    near.put("big", "1.0", bytes(100_000))
    first, second = near.export("2.tar", since="all", split=64 * 1024).paths
    first.write_bytes(first.read_bytes()[:-1] + b"!")
    assert message(far.take, first, second) == snapshot(
        "DIR/2.tar: damaged, modified or truncated; copy it again"
    )


def test_forged(far: Far, tmp_path: Path, message: Callable[..., str]) -> None:
    path = tmp_path / "1.tar"

    def message_of(manifest: bytes, files: bytes = RIGHT, **header: Any) -> str:
        return message(far.take, compose(path, manifest, files, **header))

    assert message_of(lines(file(project="Demo"))) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: 'Demo' is not a normalized project name); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(size=-1))) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: demo-1.0-py3-none-any.whl: invalid size or sha256); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(size=2**63))) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: number out of range); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(upload_time=1e300))) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: time out of range); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(setuid=1))) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: file.setuid: Extra inputs are not permitted); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(b'{"project": {"name": "de')) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: too long, or incomplete); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(), number=3)) == snapshot(
        "DIR/1.tar: invalid manifest (it belongs to another export); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(b"") == snapshot(
        "DIR/1.tar: invalid manifest (it is empty); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(b'{"script": 1}\n')) == snapshot(
        "DIR/1.tar: invalid manifest (line 2: script: Extra inputs are not permitted); the bundle was modified, or made by a newer minimirror"
    )
    assert message_of(lines(file(), file())) == snapshot(
        "DIR/1.tar: invalid manifest (demo-1.0-py3-none-any.whl is listed twice); the bundle was modified, or made by a newer minimirror"
    )


class TestChain:
    @pytest.fixture
    def paths(self, near: Near) -> list[Path]:
        for number in range(1, 5):
            near.put("demo", f"{number}.0")
            near.export(f"{number}.tar")
        return [near.path.parent / f"{number}.tar" for number in range(1, 5)]

    def test_missing(self, far: Far, paths: list[Path], message: Callable[..., str]) -> None:
        assert message(far.take, paths[1]) == snapshot(
            "DIR/2.tar: the bytes of 1 file are neither in this bundle nor in the folder: demo-1.0-py3-none-any.whl (in 1.tar, export 1 of TIME). Import that bundle first, or create a bundle with `minimirror export --since all`; nothing was changed"
        )
        far.take(paths[0])
        assert message(far.take, paths[3]) == snapshot(
            "DIR/4.tar: the bytes of 2 files are neither in this bundle nor in the folder: demo-2.0-py3-none-any.whl (in 2.tar, export 2 of TIME); demo-3.0-py3-none-any.whl (in 3.tar, export 3 of TIME). Import those bundles first, or create a bundle with `minimirror export --since export:1`; nothing was changed"
        )

    def test_older(self, far: Far, paths: list[Path], message: Callable[..., str]) -> None:
        far.take(*paths[:2])
        assert message(far.take, paths[0]) == snapshot(
            "DIR/1.tar: the newer export 2 (2.tar) is already imported; --replace goes back to export 1"
        )
        assert [each.why_not for each in far.take(*paths[:2])] == snapshot(
            ["a newer export is already imported", "already imported"]
        )

    def test_interrupted(self, far: Far, paths: list[Path], message: Callable[..., str]) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("minimirror.storage.MirrorFolder.place", fail)
            said = message(far.take, paths[0])
        assert said == snapshot(
            "repository DIR/far: demo-1.0-py3-none-any.whl cannot be placed: No space left on device. Fix this and import DIR/1.tar again to complete the import"
        )


def test_another_mirror(near: Near, far: Far, tmp_path: Path, message: Callable[..., str]) -> None:
    other = Near(tmp_path / "other")
    other.put("other", "1.0")
    far.take(*other.export("other.tar").paths)
    assert message(far.take, *near.export("1.tar").paths) == snapshot(
        "DIR/1.tar: comes from another mirror than the last import, other.tar; --replace deletes what earlier imports brought and this bundle does not list"
    )


def test_unreadable_local_file(near: Near, message: Callable[..., str]) -> None:
    (near.path / "own-1.0.zip").symlink_to("/proc/self/mem")
    assert message(near.export, "1.tar") == snapshot(
        "repository DIR/near: these local files are damaged or cannot be read: own-1.0.zip; no bundle was created. Delete them, or leave out all local files with --without-local"
    )


def test_local_files(near: Near, far: Far, message: Callable[..., str]) -> None:
    (path,) = near.export("1.tar").paths
    far.path.mkdir()
    name = "demo-1.0-py3-none-any.whl"
    (far.path / name).write_bytes(b"local")
    assert message(far.take, path) == snapshot(
        "DIR/1.tar: the folder has other files with these names, which no import placed: demo-1.0-py3-none-any.whl. Move them away; nothing was changed"
    )
    (far.path / name).rename(far.path / "demo-0.1.tar.gz")
    assert message(far.take, path) == snapshot(
        "DIR/1.tar: adds files of demo, but the folder has a local file of that project: demo-0.1.tar.gz. Delete it if you do not need it, add demo to `projects` in the config here to have both, or exclude the project where you export; nothing was changed"
    )


def test_disk(near: Near, far: Far, message: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    near.put("big", "1.0", bytes(100_000))
    (path,) = near.export("1.tar").paths
    far.repository.prepare()
    (far.repository.partial / "big-1.0-py3-none-any.whl.import").mkdir()
    assert message(far.take, path) == snapshot(
        "repository DIR/far: big-1.0-py3-none-any.whl.import cannot be written: File exists; nothing was changed"
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk())
    assert message(far.take, path) == snapshot(
        "repository DIR/far: DIR/1.tar needs 101 kB, but only 100 B are free; nothing was changed"
    )


def test_damaged_catalog(near: Near, far: Far, message: Callable[..., str]) -> None:
    (path,) = near.export("1.tar").paths
    far.take(path)
    far.repository.catalog.write_bytes(b"damaged" * 1000)
    said = re.sub(r"damaged-\d+", "damaged-NUMBER", message(far.take, path))
    assert said == snapshot(
        "catalog DIR/far/.minimirror/catalog.sqlite: file is not a database; the damaged file is kept as catalog.damaged-NUMBER.sqlite. Import a full bundle (`minimirror export --since all`), or the same bundle again: it adopts the files that are in the folder already"
    )
