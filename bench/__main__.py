"""``python -m bench``: measure minimirror beside bandersnatch and curl."""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import report
from bench.cases import CASES
from bench.catalog import CHANGEABLE
from bench.errors import BenchError
from bench.lab import Lab, Row
from bench.peers import install_bandersnatch
from bench.running import free_port
from bench.server import Nginx, find_nginx

_TMPFS = Path("/dev/shm")
_SPACE = 5e9


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure minimirror beside bandersnatch and curl on one index on loopback.",
    )
    # Not `choices`: with them argparse before 3.14 refuses to take no case at all.
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all if left out")
    parser.add_argument("--dir", type=Path, help="a folder on a tmpfs with 5 GB of room (default: /dev/shm)")
    parser.add_argument("--seed", type=int, default=1, help="of the catalog (default: 1)")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each tool; the best one counts (default: 3)"
    )
    parser.add_argument("--processes", type=int, default=2, help="minimirror's worker processes (default: 2)")
    parser.add_argument(
        "--minimirror", type=Path, help="its command (default: the one beside this Python, or on the path)"
    )
    parser.add_argument("--bandersnatch-python", type=Path, help="a Python 3.12 or later to install it with")
    parser.add_argument(
        "--without", action="append", default=[], choices=("curl", "bandersnatch", "minimirror")
    )
    parser.add_argument(
        "--served", type=int, default=100_000, metavar="FILES", help="of the case serve (default: 100000)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--remove", action="store_true", help="leave nothing behind, no catalog either")
    parsed = parser.parse_args(arguments)
    if unknown := set(parsed.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))} (there are {', '.join(CASES)})")
    if not 1 <= parsed.repeat <= CHANGEABLE // 100:
        parser.error(f"--repeat takes 1 to {CHANGEABLE // 100}")
    return parsed


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _work_folder(given: Path | None) -> Iterator[Path]:
    """Give the benchmark's own folder, for one benchmark at a time."""
    parent = given or (_TMPFS if _TMPFS.is_dir() else Path(tempfile.gettempdir()))
    work = parent.absolute() / f"minimirror-bench-{os.getuid()}"
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    if work.is_symlink() or work.stat().st_uid != os.getuid():
        raise BenchError(f"{work} belongs to another user")
    if not _on_tmpfs(work):
        _tell(f"{work} is not on a tmpfs: the disk's write-back would distort the figures")
    if shutil.disk_usage(work).free < _SPACE:
        _tell(f"{work} has less than {_SPACE / 1e9:.0f} GB of room")
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BenchError(f"another benchmark uses {work}") from None
        try:
            yield work
        finally:
            for name in ("runs", "site", "nginx", "nginx-tls"):
                shutil.rmtree(work / name, ignore_errors=True)


def _on_tmpfs(folder: Path) -> bool:
    """Tell by the longest mount point that holds *folder*."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return False
    holding = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return bool(holding) and max(holding, key=lambda mount: len(mount[1]))[2] == "tmpfs"


def _find_minimirror(given: Path | None) -> tuple[Path, str | None]:
    """Return minimirror's command, and what is wrong with it."""
    beside = Path(sys.executable).with_name("minimirror")
    found = given or (beside if beside.exists() else Path(shutil.which("minimirror") or beside))
    return found.absolute(), None if found.exists() else f"not installed: no {found.name} beside this Python"


def _lab(options: argparse.Namespace, work: Path) -> Lab:
    """Bring together all that the cases need; a tool that is not to be had is left out, with the reason."""
    find_nginx()
    missing = dict.fromkeys(options.without, "left out")
    if shutil.which("curl") is None:
        missing.setdefault("curl", "not installed")
    minimirror, problem = _find_minimirror(options.minimirror)
    if problem:
        missing.setdefault("minimirror", problem)
    bandersnatch = work / "bandersnatch"
    if "bandersnatch" not in missing:
        try:
            bandersnatch = install_bandersnatch(work, options.bandersnatch_python)
        except BenchError as error:
            missing["bandersnatch"] = str(error)
    for name, reason in missing.items():
        _tell(f"{name}: {reason}")
    nginx = Nginx(work / "nginx", free_port())
    return Lab(
        work,
        nginx,
        options.seed,
        options.repeat,
        options.processes,
        minimirror,
        bandersnatch,
        missing,
        _tell,
        options.served,
    )


def _take(lab: Lab, case: str) -> None:
    """Measure one case; what only this one lacks does not end the others."""
    try:
        CASES[case](lab)
    except BenchError as error:
        _tell(f"{case}: {error}")
        lab.rows.append(Row(case, "", problem=f"void: {error}"))


def _measure(options: argparse.Namespace, work: Path) -> int:
    lab = _lab(options, work)
    try:
        for name in options.cases or CASES:
            _take(lab, name)
    finally:
        print(report.as_text(lab), flush=True)
        if options.json:
            options.json.write_text(json.dumps(report.as_json(lab), indent=2) + "\n", encoding="utf-8")
    void = any((row.problem or "").startswith("void") for row in lab.rows)
    return 1 if void else 0


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 0, or 1 where a figure is void, or 2 where nothing could be measured."""
    options = _arguments(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with _work_folder(options.dir) as work:
            status = _measure(options, work)
        if options.remove:
            shutil.rmtree(work, ignore_errors=True)
        else:
            _tell(f"{work} keeps the catalogs for the next time; --remove leaves nothing")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
