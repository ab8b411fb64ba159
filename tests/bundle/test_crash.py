"""Imports and exports that are killed at any operation, or cannot write their files."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror.bundle.results import MissingBytesError
from tests.helpers.bundles import Far, Near
from tests.helpers.namespaces import Mounts
from tests.helpers.recorder import Event, events, watching
from tests.helpers.running import DEADLINE, SOURCES, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def command(*arguments: str | Path, watcher: Path | None = None, within: Sequence[str] = ()) -> Command:
    """Run the command to its end, under a recorder if one is given."""
    with Command(*arguments, within=within, paths=[watcher] if watcher else []) as done:
        done.end()
        return done


@pytest.fixture
def near(tmp_path: Path) -> Near:
    """A mirror with two exports; the second adds, replaces and removes files, local ones too."""
    near = Near(tmp_path / "near")
    for name in ("amber", "birch", "cedar", "delta"):
        near.put(name, "1.0")
    for name in ("gone", "mine"):
        near.put_local(name, "1.0")
    near.export("1.tar")
    (near.path / "gone-1.0.zip").unlink()
    near.put_local("mine", "1.0", padding=10)
    near.put_local("mine", "2.0")
    near.put("amber", "2.0")
    near.put("birch", "1.0", b"other bytes")
    content = (near.path / "cedar-1.0-py3-none-any.whl").read_bytes()
    near.put("cedar", "1.0", content[::-1])
    near.drop("amber-1.0-py3-none-any.whl", "delta-1.0-py3-none-any.whl")
    near.put("ember", "1.0")
    near.export("2.tar")
    return near


@pytest.fixture
def far(near: Near, tmp_path: Path) -> Far:
    """A mirror with the first export and a local file."""
    far = Far(tmp_path / "far")
    far.take(tmp_path / "1.tar")
    (far.path / "own-1.0.zip").write_bytes(b"local")
    return far


def recorded(far: Far, bundle: Path, tmp_path: Path) -> list[Event]:
    """Return the operations of a complete import."""
    copy = Far(tmp_path / "recorded")
    shutil.copytree(far.path, copy.path)
    watcher = watching(tmp_path / "watcher", copy.path)
    done = command("import", "--config", copy.config_file(), bundle, watcher=watcher)
    assert done.process.returncode == 0, done.stderr
    return events(watcher)


def is_placed(name: str) -> bool:
    return "/" not in name and not name.startswith(".")


_KILLER = """
import os, signal, sys
from pathlib import Path
from minimirror import Config
from minimirror.bundle import import_bundles
from tests.helpers.recorder import install

for at, place in enumerate(sys.argv[2:], 1):
    child = os.fork()
    if child == 0:
        install("/nowhere", place, at, is_run=True)
        list(import_bundles(Config(repository=place), [Path(sys.argv[1])]))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"operation {at}"
"""
"""Imports into one place after another, each killed one operation later. Forking is faster than starting."""


def test_killed_at_every_operation(near: Near, far: Far, tmp_path: Path) -> None:
    """Each file is always the old or the new one, complete; the same bundle again completes the import."""
    bundle = tmp_path / "2.tar"
    known = {name: {data} for name, data in far.files().items()}
    for name, data in near.files().items():
        known.setdefault(name, set()).add(data)
    count = len(recorded(far, bundle, tmp_path))

    assert count > 12
    places = [tmp_path / f"far-{at}" for at in range(1, count + 1)]
    for place in places:
        shutil.copytree(far.path, place)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLER, bundle, *places],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert killed.returncode == 0, killed.stderr
    for at, place in enumerate(places, 1):
        mine = Far(place)
        files = mine.files()
        assert all(data in known[name] for name, data in files.items()), f"operation {at}"
        old = far.files().keys() <= files.keys()
        assert old or near.files().items() <= files.items(), f"operation {at}: neither old nor new"
        for row in mine.known():
            # Servers offer what is not invalid. What the bundle removes may be deleted before its row is.
            if row.filename in mine.invalid() or not (row.filename in files or row.filename in near.files()):
                continue
            data = files.get(row.filename, b"")
            assert hashlib.sha256(data).hexdigest() == row.sha256, f"operation {at}: {row.filename}"
        mine.take(bundle)
        assert {**near.files(), "own-1.0.zip": b"local"} == mine.files(), f"operation {at}"
        assert mine.rows() == near.rows(), f"operation {at}"
        assert mine.left_over() == []
        (again,) = mine.take(bundle)
        assert not again.changed


def test_each_step_is_synced_before_the_next(far: Far, tmp_path: Path) -> None:
    """New files are synced and recorded before they are placed, and placed and synced before others go."""
    done = recorded(far, tmp_path / "2.tar", tmp_path)
    kinds = [
        "place" if each.kind == "rename" and is_placed(each.paths[1])
        else "delete" if each.kind == "remove" and is_placed(each.paths[0])
        else each.kind
        for each in done
        if not any(path.startswith(".minimirror/") and each.kind == "remove" for path in each.paths)
        # Tried before each deletion; it fails because the folder is not served.
        and not any(path.startswith(".minimirror/retired/") for path in each.paths)
    ]  # fmt: skip
    first, last = kinds.index("place"), len(kinds) - kinds[::-1].index("place") - 1
    gone, end = kinds.index("delete"), len(kinds) - kinds[::-1].index("delete") - 1
    assert kinds.count("place") == 6
    assert kinds.count("delete") == 3
    assert kinds[:first][-3:] == ["sync", "synced", "commit"]
    assert kinds[last + 1 : gone] == ["sync", "synced", "commit"]
    assert kinds[end + 1 :] == ["sync", "synced", "commit"]


def test_a_newer_bundle_needs_what_an_interrupted_import_did_not_place(
    near: Near, far: Far, tmp_path: Path
) -> None:
    near.put("fjord", "1.0")
    near.export("3.tar")
    placing = [each.kind for each in recorded(far, tmp_path / "2.tar", tmp_path)].index("rename") + 2
    watcher = watching(tmp_path / "killer", far.path, kill_at=placing)
    done = command("import", "--config", far.config_file(), tmp_path / "2.tar", watcher=watcher)
    assert done.process.returncode == -signal.SIGKILL
    with pytest.raises(MissingBytesError, match=r"2\.tar"):
        far.take(tmp_path / "3.tar")
    far.take(tmp_path / "3.tar", tmp_path / "2.tar")
    assert far.rows() == near.rows()


def test_a_full_bundle_replaces_an_interrupted_import(near: Near, tmp_path: Path) -> None:
    far = Far(tmp_path / "far")
    far.path.mkdir()
    placing = [each.kind for each in recorded(far, tmp_path / "1.tar", tmp_path)].index("rename") + 2
    watcher = watching(tmp_path / "killer", far.path, kill_at=placing)
    done = command("import", "--config", far.config_file(), tmp_path / "1.tar", watcher=watcher)
    assert done.process.returncode == -signal.SIGKILL
    assert far.files()
    far.take(*near.export("3.tar", since="all").paths)
    assert far.equals(near)


@pytest.mark.parametrize("moment", ["rename", "commit"])
def test_a_killed_export_is_repeated(near: Near, tmp_path: Path, moment: str) -> None:
    """An export counts once the catalog has recorded it; until then, the next one is the same."""
    near.put("fjord", "1.0")
    made = tmp_path / "made"
    made.mkdir()
    watched, at = (made, 2) if moment == "rename" else (near.path, 1)
    watcher = watching(tmp_path / "killer", watched, kill_at=at)
    done = command("export", "--config", near.config_file(), "--to", made / "3.tar", watcher=watcher)
    assert done.process.returncode == -signal.SIGKILL
    there = [each.name for each in made.iterdir()]
    assert there == ([".3.tar.partial"] if moment == "rename" else ["3.tar"])
    before = (made / there[0]).read_bytes()
    again = near.export("made/3.tar", force=True)
    assert (again.number, again.files) == (3, 1)
    assert [each.name for each in made.iterdir()] == ["3.tar"]
    assert (made / "3.tar").read_bytes() == before
    assert near.left_over() == []


LIMITED = ("prlimit", "--fsize=2000000")
"""Before a command that may not write larger files, in bytes."""


def test_an_export_that_cannot_be_written(near: Near, tmp_path: Path) -> None:
    near.put("big", "1.0", bytes(3_000_000))
    before = sorted(tmp_path.iterdir())
    done = command("export", "--config", near.config_file(), "--to", tmp_path / "3.tar", within=LIMITED)
    assert done.process.returncode == 1
    assert "3.tar" in done.stderr
    assert os.strerror(errno.EFBIG) in done.stderr
    assert sorted(each for each in tmp_path.iterdir() if each.suffix != ".json") == before
    assert near.export("3.tar").number == 3


def test_an_import_that_cannot_be_written(near: Near, far: Far, tmp_path: Path) -> None:
    near.put("big", "1.0", bytes(3_000_000))
    near.export("3.tar")
    far.take(tmp_path / "2.tar")
    before = far.files(), far.rows()
    done = command("import", "--config", far.config_file(), tmp_path / "3.tar", within=LIMITED)
    assert done.process.returncode == 2
    assert os.strerror(errno.EFBIG) in done.stderr
    assert (far.files(), far.rows(), far.left_over()) == (*before, [])


def test_too_little_disk_space(near: Near, tmp_path: Path) -> None:
    """Either side reports it before it writes anything."""
    near.put("big", "1.0", bytes(3_000_000))
    (path,) = near.export("3.tar", since="all").paths
    disk = tmp_path / "disk"
    disk.mkdir()
    far = Far(disk / "far")
    with Mounts(tmp_path / "entering") as mounts:
        mounts.sh(f"mount -t tmpfs -o size=2m tmpfs {disk}; mkdir {far.path}")
        said = mounts.command(
            "export", "--config", near.config_file(), "--to", disk / "4.tar", "--since", "all", exit_code=1
        )
        assert re.search(r"4\.tar: .*3\.0 MB.* 2\.\d MB", said)
        config = tmp_path / "far.json"
        config.write_text(f'{{"repository": "{far.path}"}}')
        other = tmp_path / "other.tar"
        other.write_bytes(b"other")
        said = mounts.command("import", "--config", config, path, other, exit_code=1)
        assert re.search(r"3\.tar.* 3\.0 MB.* \d\.\d MB", said)
        assert f"{other}: " in said
        assert mounts.sh(f"ls -A {disk} {far.path}/.minimirror/partial").split() == [
            f"{disk}:", "far", f"{far.path}/.minimirror/partial:",
        ]  # fmt: skip


_PEAK = """
import re, sys
from pathlib import Path
from minimirror.cli import main

try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(*arguments: str | Path) -> int:
    """Return the peak memory of a command in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *arguments, "--quiet"],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


def both_peaks(folder: Path, fill: Callable[[Near], object], *options: str) -> tuple[int, int]:
    """Return the peak memory of an export and of its import."""
    near, far = Near(folder / "near"), Far(folder / "far")
    folder.mkdir()
    fill(near)
    exporting = peak("export", "--config", near.config_file(), "--to", folder / "1.tar", *options)
    return exporting, peak("import", "--config", far.config_file(), *sorted(folder.glob("*.tar")))


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """It grows neither with the files nor with the manifest."""
    of_little = both_peaks(tmp_path / "little", lambda near: near.put("demo", "1.0"))
    fills: dict[str, Callable[[Near], object]] = {
        "a big file": lambda near: near.put("big", "1.0", os.urandom(1 << 20) * 30),
        "a long manifest": lambda near: near.put_many("demo", 500, yanked="x" * 40_000),
    }
    for what, fill in fills.items():
        of_much = both_peaks(tmp_path / what, fill, "--split", "20MB")
        # Buffers and SQLite's cache have a constant size.
        assert all(b - a < 10 << 20 for a, b in zip(of_little, of_much, strict=True)), (
            what,
            of_little,
            of_much,
        )
