"""The figures as a table for people and as JSON for programs."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.lab import Lab, Row, Verdict

__all__ = ["as_json", "as_text", "machine"]


def _first_line(command: Sequence[str | Path]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return "not there"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "does not tell its version"


def _model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.processor()


def machine(lab: Lab) -> dict[str, str]:
    """Return what the figures depend on besides the code."""
    return {
        "cores": f"{len(os.sched_getaffinity(0))} x {_model()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nginx": _first_line([lab.nginx.program, "-v"]).removeprefix("nginx version: "),
        "curl": _first_line(["curl", "--version"]).split(" (", maxsplit=1)[0],
        "bandersnatch": lab.missing.get("bandersnatch")
        or _first_line([lab.bandersnatch_program, "--version"]),
        "minimirror": lab.missing.get("minimirror") or _first_line([lab.minimirror_program, "--version"]),
    }


def _columns(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(row: Row) -> list[str]:
    seconds, cpu = row.seconds, row.cpu
    if seconds is None or cpu is None:
        problem = " ".join((row.problem or "not run").split())
        return [row.case, row.tool, "-", "-", "", problem]
    every = " ".join(f"{run.seconds:.2f}" for run in row.runs)
    return [row.case, row.tool, f"{seconds:.2f}", f"{cpu:.2f}", every, row.remark]


def _verdict(verdict: Verdict) -> list[str]:
    unit = f" {verdict.unit}".rstrip()
    measured = "-" if verdict.value is None else f"{verdict.value:.2f}{unit}"
    bound = "at least" if verdict.at_least else "at most"
    met = {None: "not measured", True: "met", False: "MISSED"}[verdict.met]
    return [verdict.case, verdict.what, measured, f"{bound} {verdict.aim:g}{unit}", met]


def as_text(lab: Lab) -> str:
    """Return the table: seconds, then the figures beside their aims, then the machine."""
    heads = ["case", "tool", "best s", "CPU s", "every run", ""]
    parts = _columns([heads, *map(_row, lab.rows)], {2, 3})
    if lab.verdicts:
        heads = ["case", "compared", "measured", "aim", ""]
        parts += ["", *_columns([heads, *map(_verdict, lab.verdicts)], {2})]
    parts += ["", *_columns([[name, value] for name, value in machine(lab).items()], set())]
    return "\n".join(parts)


def as_json(lab: Lab) -> dict[str, object]:
    """Return every figure, for ``--json``."""
    return {
        "machine": machine(lab),
        "seed": lab.seed,
        "rows": [
            {
                "case": row.case,
                "tool": row.tool,
                "seconds": [run.seconds for run in row.runs],
                "cpu": [run.cpu for run in row.runs],
                "peak_bytes": [list(run.peaks.values()) for run in row.runs],
                "problem": row.problem,
            }
            for row in lab.rows
        ],
        "verdicts": [
            {
                "case": verdict.case,
                "compared": verdict.what,
                "value": verdict.value,
                "aim": verdict.aim,
                "at_least": verdict.at_least,
                "unit": verdict.unit,
                "met": verdict.met,
            }
            for verdict in lab.verdicts
        ],
    }
