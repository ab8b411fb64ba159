"""The case ``bundle``: an export and an import, beside tar and one sha256 over the archive."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.lab import Lab, Row, Verdict
from bench.measure import Run, count_files, last_line, measure

__all__ = ["bundle"]

FILES = 100_000
FEW_FILES = 10_000
SIZE = 500_000_000
"""Bytes of all files."""

RATIO = 1.3
MEMORY_NOISE = 16.0
"""MB by which the memory of two like processes may differ."""

_MAKE_TAR = 'tar -C "$1" --exclude=.minimirror -cf "$2" . && sha256sum "$2"'
_UNPACK_TAR = 'sha256sum "$1" && tar -C "$2" -xf "$1"'


class _Bundles:
    """A mirror that is exported, and imported again and again."""

    def __init__(self, lab: Lab, files: int) -> None:
        self._lab = lab
        self._work = lab.fresh(f"bundle-{files}")
        self._near, self._far = self._work / "near", self._work / "far"
        self._bundle, self._tar = self._work / "1.tar", self._work / "plain.tar"
        script = Path(__file__).with_name("bundle_folder.py")
        self._measure([lab.minimirror_python, script, self._near, str(files), str(SIZE)])
        self._expected = count_files(self._near)

    def export(self, *, watch: bool = False) -> Run:
        """Write a full bundle."""
        options = ("--to", self._bundle, "--since", "all", "--force")
        return self._minimirror("export", self._near, *options, watch=watch)

    def take(self, *, watch: bool = False) -> Run:
        """Import the bundle into an empty folder."""
        self._empty()
        run = self._minimirror("import", self._far, self._bundle, watch=watch)
        self._check()
        return run

    def make_tar(self) -> Run:
        """Write the same files with tar, and hash the archive."""
        self._tar.unlink(missing_ok=True)
        return self._measure(["sh", "-c", _MAKE_TAR, "sh", self._near, self._tar])

    def unpack_tar(self) -> Run:
        """Hash tar's archive, and unpack it into an empty folder."""
        self._empty()
        run = self._measure(["sh", "-c", _UNPACK_TAR, "sh", self._tar, self._far])
        self._check()
        return run

    def _empty(self) -> None:
        shutil.rmtree(self._far, ignore_errors=True)
        self._far.mkdir()

    def _check(self) -> None:
        if (found := count_files(self._far)) != self._expected:
            raise BenchError(f"{found[0]:,} files of {found[1]:,} bytes came, not {self._expected}")

    def _minimirror(self, command: str, folder: Path, *options: str | Path, watch: bool = False) -> Run:
        config = self._work / f"{command}.json"
        config.write_text(f'{{"repository": "{folder}"}}', encoding="utf-8")
        program = self._lab.minimirror_program
        return self._measure([program, command, "--config", config, "--quiet", *options], watch=watch)

    def _measure(self, command: Sequence[str | Path], *, watch: bool = False) -> Run:
        log = self._work / "log"
        run = measure(command, log, watch=watch)
        if run.status != 0:
            raise BenchError(f"{Path(command[0]).name} exited with {run.status}: {last_line(log)}")
        return run


def _peaks(lab: Lab, files: int) -> tuple[float, float]:
    """Return the peak memory of an export and of an import, in MB."""
    bundles = _Bundles(lab, files)
    runs = bundles.export(watch=True), bundles.take(watch=True)
    exporting, importing = (max(run.peaks.values()) / 1e6 for run in runs)
    shutil.rmtree(lab.work / "runs", ignore_errors=True)
    lab.tell(f"bundle, {files:,} files: {exporting:.0f} MB, {importing:.0f} MB")
    return exporting, importing


def bundle(lab: Lab) -> None:
    """Export 100,000 files of 500 MB and import them; compare the memory with that for 10,000 files."""
    tools = ("tar, sha256", "minimirror")
    rows = {(case, tool): Row(f"bundle, {case}", tool) for case in ("export", "import") for tool in tools}
    lab.rows += rows.values()
    if problem := lab.missing.get("minimirror"):
        for row in rows.values():
            row.problem = problem
        return
    bundles = _Bundles(lab, FILES)
    for _ in range(lab.repeat):
        steps = (bundles.make_tar, bundles.export, bundles.unpack_tar, bundles.take)
        for row, step in zip(rows.values(), steps, strict=True):
            row.runs.append(step())
            lab.tell(f"{row.case}: {row.tool}: {row.runs[-1].seconds:.2f} s, CPU {row.runs[-1].cpu:.2f} s")
    few, many = _peaks(lab, FEW_FILES), _peaks(lab, FILES)
    for number, case in enumerate(("export", "import")):
        lab.ratio(rows[case, "minimirror"], rows[case, "tar, sha256"], RATIO)
        grown = many[number] - few[number]
        rows[
            case, "minimirror"
        ].remark = f"peak {many[number]:.0f} MB; {FEW_FILES:,} files: {few[number]:.0f} MB"
        what = f"memory more than for {FEW_FILES:,} files"
        lab.verdicts.append(Verdict(f"bundle, {case}", what, grown, MEMORY_NOISE, unit="MB"))
