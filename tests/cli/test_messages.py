"""What commands print for people. ``pytest --inline-snapshot=fix`` updates the texts."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from minimirror import Failure, Status, Summary
from minimirror.bundle import ExportResult, ImportResult
from minimirror.cli.extras import MissingExtraError, needs_extra
from minimirror.cli.output.bundle import export_lines, import_lines, list_lines
from minimirror.cli.output.display import status_line
from minimirror.cli.output.index import index_lines, removal_lines
from minimirror.cli.output.plan import as_lines as plan_lines
from minimirror.cli.output.push import missing_lines, push_lines
from minimirror.cli.output.report import as_lines as report_lines
from minimirror.cli.output.requested import as_lines as requested_lines
from minimirror.cli.output.run import summary_lines
from minimirror.cli.output.screen import Screen, broken
from minimirror.cli.output.status import as_lines as status_lines
from minimirror.cli.output.verify import verification_lines
from minimirror.cli.timer import NextRun
from minimirror.publish.push import PushResult
from minimirror.publish.push.model import PushFile
from minimirror.publish.static import BuiltIndex
from minimirror.storage import DemandedFile, ExportRow, MissedProject, RunRow
from minimirror.sync import Holding, MirrorStatus, PlannedFile, Requested, RunPlan, Verification
from tests.helpers.reports import a_report
from tests.helpers.running import SOURCES, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Iterable

# ruff: noqa: E501 - messages stay on the line on which the user reads them

LOST = Failure("lost", "lost-1.0-py3-none-any.whl", "HTTP 404")
URL = "https://index.example.org/"
PIPE = Screen()


def text(lines: Iterable[str], screen: Screen = PIPE) -> str:
    """Return lines as a screen shows them."""
    return "\n".join(part for line in lines for part in broken(line, screen.width))


class TestRun:
    def test_complete(self) -> None:
        summary = Summary(
            projects_wanted=2, projects_read=1, bytes_fetched=10**6, seconds=2, notes=["a note"]
        )
        summary.files_wanted, summary.files_fetched = 9, 4
        summary.files_present, summary.files_removed = 5, 3
        assert text(summary_lines(summary)) == snapshot("""\
Complete.
  projects  2 selected; 1 read, 0 deleted
  files     9 selected; 4 fetched (1.0 MB), 5 already here, 3 deleted
  time      2.0 s (500 kB/s)
note: a note\
""")

    def test_incomplete(self) -> None:
        summary = Summary(files_wanted=1, files_failed=1, files_adopted=2, failures=[LOST])
        assert text(summary_lines(summary)) == snapshot("""\
Incomplete: 1 failed.
  projects  0 selected; 0 read, 0 deleted
  files     1 selected; 0 fetched (0 B), 2 adopted, 0 already here, 0 deleted, 1 failed
  time      0.0 s
failed: lost-1.0-py3-none-any.whl: HTTP 404\
""")

    def test_withheld(self) -> None:
        withheld = [f"demo-{number}.0.tar.gz" for number in range(22)]
        summary = Summary(files_wanted=1, lost=Counter(yanked=2, unlisted=20), withheld=withheld)
        lines = list(summary_lines(summary))
        assert [lines[0], *lines[4:6], *lines[-2:]] == snapshot(
            [
                "The index offers far fewer files than before; no file that it dropped was deleted.",
                "not deleted: 22 files that the index no longer offers (unlisted 20, yanked 2), more than `max_delete` allows:",
                "  demo-0.0.tar.gz",
                "  and 2 more (`--json` lists all)",
                "If the index is right, `minimirror run --allow-delete` deletes them.",
            ]
        )

    def test_many_failures_for_one_cause(self) -> None:
        names = [f"demo-{number}.0.tar.gz" for number in range(8600)]
        failures = [LOST, *(Failure("demo", name, "the connection failed") for name in names)]
        lines = list(summary_lines(Summary(files_wanted=1, failures=failures, passes=True)))
        assert lines[4:] == snapshot(
            [
                "failed: lost-1.0-py3-none-any.whl: HTTP 404",
                "failed: 8,600 files: the connection failed",
                "  demo-0.0.tar.gz, demo-1.0.tar.gz, demo-2.0.tar.gz and 8,597 more (`--json` lists all)",
                "Run again to retry what failed; `minimirror status` shows what is missing.",
            ]
        )

    def test_deselected(self) -> None:
        summary = Summary(files_wanted=1, deselected=["demo-1.0.tar.gz"])
        lines = list(summary_lines(summary))
        assert [lines[0], *lines[4:]] == snapshot(
            [
                "The config selects far fewer files than before; no file that it dropped was deleted.",
                "not deleted: 1 file that the config no longer selects, more than half of the mirror:",
                "  demo-1.0.tar.gz",
                "If the config is right, `minimirror run --allow-delete` deletes them.",
            ]
        )

    def test_other_headlines(self) -> None:
        summaries = (
            Summary(interrupted=True),
            Summary(interrupted=True, files_fetched=12, files_unfinished=3, bytes_unfinished=24 * 10**6),
            Summary(files_wanted=1),
            Summary(unmatched={"python_versions": 6284, "yanked": 1}),
            Summary(unmatched={"projects": 0, "exclude_projects": 0}),
            Summary(),
        )
        assert [next(summary_lines(summary)) for summary in summaries] == snapshot(
            [
                "Interrupted; 0 files done; run again to continue.",
                "Interrupted; 12 files done, 3 unfinished kept (24.0 MB); run again to continue.",
                "Complete; nothing had changed.",
                "No file matches your config (6,284 files: python_versions, 1 file: yanked).",
                "No project matches your config (projects, exclude_projects).",
                "Complete; no file is selected.",
            ]
        )


class TestPlan:
    def test_changes(self) -> None:
        file = PlannedFile("demo", "demo-1.0-py3-none-any.whl", 2000, "bdist_wheel", "py3", ("any",))
        plan = RunPlan(
            fetch=[file],
            remove=[file],
            withheld=["old-1.0.tar.gz"],
            on_demand=["new-1.0.tar.gz"],
            summary=Summary(
                projects_wanted=2,
                projects_read=1,
                refused=Counter(yanked=1),
                notes=["a note"],
                failures=[LOST],
            ),
            free=10**9,
            seconds=51.6,
        )
        assert text(plan_lines(plan, Screen())) == snapshot("""\
A run would make these changes (nothing is changed yet):
  projects  2 selected; 1 new or changed
  fetch     1 file, 2.0 kB
  delete    1 file, 2.0 kB
  on demand 1 file that clients use; a run keeps them
  disk      1.0 GB free: it fits
  time      about 52 s (from previous runs)
biggest projects      size  files
  demo              2.0 kB      1  ████████████████
types            size  files
  bdist_wheel  2.0 kB      1  ████████████████
python tags      size  files
  py3          2.0 kB      1  ████████████████
platforms      size  files
  any        2.0 kB      1  ████████████████
skipped by rule: yanked 1
not deleted: 1 file that the index no longer offers (`max_delete`)
note: a note
failed: lost-1.0-py3-none-any.whl: HTTP 404\
""")

    def test_unknown_sizes_that_do_not_fit(self) -> None:
        sizes = (2000, None)
        files = [PlannedFile("demo", "demo-1.0.tar.gz", size, "sdist", "source", ()) for size in sizes]
        assert list(plan_lines(RunPlan(fetch=files), Screen()))[2:5] == snapshot(
            [
                "  fetch     2 files, at least 2.0 kB (1 of unknown size)",
                "  delete    0 files, 0 B",
                "  disk      0 B free: it does NOT fit",
            ]
        )

    @pytest.mark.parametrize("width", [40, 60, 80])
    def test_tables_fit_the_screen(self, width: int) -> None:
        names = ["a", "a-very-long-name-of-a-project-that-is-long-" * 3]
        files = [PlannedFile(name, f"{name}.zip", 10**11, "sdist", "source", ()) for name in names * 1000]
        lines = list(plan_lines(RunPlan(fetch=files), Screen(width)))
        table = lines[[line[:16] for line in lines].index("biggest projects") :]
        assert max(map(len, table)) <= width
        assert names[1] in "".join("".join(table).split())

    def test_other_headlines(self) -> None:
        unmatched = Summary(unmatched={"python_versions": 6284})
        plans = (RunPlan(summary=Summary(failures=[LOST])), RunPlan(summary=unmatched), RunPlan())
        assert [next(plan_lines(plan, Screen())) for plan in plans] == snapshot(
            [
                "A run would change nothing, and would not be complete:",
                "No file matches your config (6,284 files: python_versions).",
                "Nothing to do.",
            ]
        )


HOUR = 3600.0


def past(hours_ago: float, **counts: Any) -> RunRow:
    """Return a run of a minute."""
    ended = time.time() - hours_ago * HOUR
    files = {"fetched": 12, "removed": 3}
    return RunRow(1, ended - 65, ended, {"files": files, "seconds": 65, **counts})


class TestReport:
    def test_wide(self) -> None:
        assert text(report_lines(a_report(), Screen())) == snapshot("""\
  folder       /srv/lab
  state        as of 2025-12-31 00:00 UTC
  projects     3 selected; 1 not up to date
  newer        1 project with a newer release on the index
  vulnerable   1 release with known vulnerabilities
  files        4 (4.0 MB), of 3 releases
  local files  2 (2.0 kB), in none of the tables
  missing      1

Projects
The biggest first.
  project    size  files  releases  newest here  last upload  status
  demo     3.0 MB      3         2  2.0          2025-12-22   deprecated  ████████████████
  other    1.0 MB      1         1  1.0                                   █████

Package types
  package type    size  files
  bdist_wheel   3.5 MB      3  ████████████████
  sdist         500 kB      1  ██

Python tags
  python tag    size  files
  py3         3.5 MB      3  ████████████████
  source      500 kB      1  ██

Platforms
  platform    size  files
  any       3.5 MB      3  ████████████████
  source    500 kB      1  ██

Targets
What each can install. A file may be in several rows.
  target                             size  files  projects  missing
  cp3.12 on manylinux_2_28_x86_64  4.0 MB      4         2        1  ████████████████

Growth
Runs and imports, the newest first, and what the mirror held after each.
  started (UTC)       held  files  fetched  deleted  missing  outcome
  2025-12-31 00:00  4.0 MB      4   500 kB        0        1  incomplete  ████████████████
  2025-12-30 00:00  3.5 MB      3   3.5 MB        0        0  complete    ██████████████

Age
By the year in which a release's last file was uploaded. A project is in the year of its newest.
  year       size  files  releases  projects
  2025     2.5 MB      2         1         1  ████████████████
  2023     500 kB      1         1         0  ███
  unknown  1.0 MB      1         1         1  ██████

Not up to date
Projects that were not up to date with the index when the last run ended.
  project  newest here  why
  lost     none         never mirrored to the end

Newer on the index
The index has a newer release than the mirror. The rules that refuse it are named. Not known for 1 project whose page no run has read.
  project  newest here  on the index  uploaded    refused by
  demo     2.0          3.0           2025-12-27  min_age, platforms

Known vulnerabilities
Releases that are here and have known vulnerabilities. 1 project could not be checked.
  project  release  vulnerabilities
  demo     1.0      PYSEC-2025-7, GHSA-xxxx-yyyy-zzzz

Missing, by cause
What the last run could not mirror, and mirrored files that are lost or damaged.
  cause     missing
  HTTP 404        1  ████████████████

Missing
Each with its cause.
  project  file                       cause
  lost     lost-1.0-py3-none-any.whl  HTTP 404

Not found
Projects that clients asked the server for and did not get, the most wanted first.
  project  requests  last        why
  wanted         12  2025-12-31  the index has no such project  ████████████████

On demand
Files that came because a client asked for them. They are in the other tables, too.
  project    size  files  uses  last use
  other    1.0 MB      1     7  2025-12-31  ████████████████\
""")

    def test_narrow(self) -> None:
        screen = Screen(40, unicode=False)
        assert text(report_lines(a_report(), screen), screen) == snapshot("""\
  folder       /srv/lab
  state        as of
               2025-12-31 00:00 UTC
  projects     3 selected; 1 not up to
               date
  newer        1 project with a newer
               release on the index
  vulnerable   1 release with known
               vulnerabilities
  files        4 (4.0 MB), of 3 releases
  local files  2 (2.0 kB), in none of
               the tables
  missing      1

Projects
The biggest first.
  project    size  files
  demo     3.0 MB      3
  other    1.0 MB      1

Package types
  package type    size  files
  bdist_wheel   3.5 MB      3
  sdist         500 kB      1

Python tags
  python tag    size  files
  py3         3.5 MB      3
  source      500 kB      1

Platforms
  platform    size  files
  any       3.5 MB      3
  source    500 kB      1

Targets
What each can install. A file may be in
  several rows.
  target            size  files  missing
  cp3.12 on manylinux_2_28_x86_64
                  4.0 MB      4        1

Growth
Runs and imports, the newest first, and
  what the mirror held after each.
  started (UTC)       held  outcome
  2025-12-31 00:00  4.0 MB  incomplete
  2025-12-30 00:00  3.5 MB  complete

Age
By the year in which a release's last
  file was uploaded. A project is in the
  year of its newest.
  year       size  files  releases
  2025     2.5 MB      2         1
  2023     500 kB      1         1
  unknown  1.0 MB      1         1

Not up to date
Projects that were not up to date with
  the index when the last run ended.
  project  why
  lost     never mirrored to the end

Newer on the index
The index has a newer release than the
  mirror. The rules that refuse it are
  named. Not known for 1 project whose
  page no run has read.
  project  on the index  refused by
  demo     3.0           min_age,
                         platforms

Known vulnerabilities
Releases that are here and have known
  vulnerabilities. 1 project could not
  be checked.
  project  release  vulnerabilities
  demo     1.0      PYSEC-2025-7,
                    GHSA-xxxx-yyyy-zzzz

Missing, by cause
What the last run could not mirror, and
  mirrored files that are lost or
  damaged.
  cause     missing
  HTTP 404        1  ################

Missing
Each with its cause.
  project  file                 cause
  lost
    lost-1.0-py3-none-any.whl
                                HTTP 404

Not found
Projects that clients asked the server
  for and did not get, the most wanted
  first.
  project  requests  why
  wanted         12  the index has no
                     such project

On demand
Files that came because a client asked
  for them. They are in the other
  tables, too.
  project    size  files  uses
  other    1.0 MB      1     7\
""")

    def test_nothing(self) -> None:
        fields = "projects types pythons platforms targets years growth outdated behind vulnerable missing"
        fields += " demanded missed"
        nothing: dict[str, Any] = {**dict.fromkeys(fields.split(), ()), "files": 0, "bytes": 0, "releases": 0}
        nothing |= {"unread": 0, "unadvised": 0}
        assert text(report_lines(a_report(**nothing, as_of=None), Screen())) == snapshot("""\
  folder       /srv/lab
  state        no run has completed yet
  projects     3 selected; all up to date
  files        0 (0 B), of 0 releases
  local files  2 (2.0 kB), in none of the tables
  missing      nothing

Projects
The mirror holds no file.

Growth
No run is recorded.

Not up to date
All projects were up to date with the index when the last run ended.

Missing, by cause
Nothing is missing.\
""")


class TestStatus:
    def shown(self, screen: Screen = PIPE, next_run: NextRun | None = None, **values: Any) -> str:
        found = MirrorStatus(Path("/srv/lab"), **{"exists": True, "free": 120 * 10**9, **values})
        shown = text(status_lines(found, next_run, Path("lab.json"), screen), screen)
        return re.sub(r"\d{4}-\d\d-\d\d\s+\d\d:\d\d UTC", "TIME", shown)

    def test_all_is_well(self) -> None:
        runs = [past(51, complete=True, bytes_fetched=10**6), past(3.5, complete=True)]
        assert self.shown(
            next_run=NextRun(time.time() + 20.5 * HOUR + 30, "minimirror.timer"),
            projects=2,
            files=36,
            bytes=420_000_000,
            biggest=[Holding("numpy", 24, 410_000_000), Holding("requests", 12, 10_000_000)],
            runs=runs,
            last_complete=runs[-1],
        ) == snapshot("""\
OK: last complete run 3 h 30 min ago (TIME)
  folder    /srv/lab (120 GB free)
  projects  2 selected; all up to date
  files     36 (420 MB)
  last run  12 fetched (0 B), 3 deleted; 1 min 05 s
  next run  in 20 h 30 min (TIME, minimirror.timer)
last 2 runs, bytes fetched (most 1.0 MB):
  █▁
biggest projects       size  files
  numpy              410 MB     24  ████████████████
  requests          10.0 MB     12  █\
""")

    def incomplete(self, width: int) -> str:
        target = Holding("cp3.12 on manylinux_2_28_x86_64", 900, 3 * 10**9, {"numpy"}, missing=5)
        runs = [
            past(73, complete=True, bytes_fetched=10**6),
            past(49, error="index https://example.org/simple/: HTTP 503"),
            past(25, interrupted=True, bytes_fetched=10**8),
            past(1, bytes_fetched=10**5, failures=6),
        ]
        names = [f"demo-{number}.0.tar.gz" for number in range(5)]
        causes = ["HTTP 403", "HTTP 404", "HTTP 500", "HTTP 501", "HTTP 502"]
        return self.shown(
            Screen(width, unicode=width == 80),
            projects=300,
            outdated=2,
            files=1204,
            bytes=3_900_000_000,
            biggest=[Holding(f"project-{number}", 9, 10**8 - number) for number in range(9)]
            + [Holding("a-project-with-a-very-long-name-of-its-own", 1, 10)],
            targets=[target, Holding("cp3.12 on win_amd64", 300, 10**9, {"numpy", "demo"})],
            runs=runs,
            last_complete=runs[0],
            missing=[
                *(Failure("demo", name, "the connection failed") for name in names),
                *(Failure(f"lost-{number}", None, cause) for number, cause in enumerate(causes)),
            ],
        )

    def test_missing(self) -> None:
        assert self.incomplete(80) == snapshot("""\
Incomplete: 10 missing.
  folder    /srv/lab (120 GB free)
  projects  300 selected; 2 not up to date
  files     1,204 (3.9 GB)
  last run  1 h 00 min ago; 12 fetched (100 kB), 3 deleted; 1 min 05 s
  state     last complete run 3 d 01 h ago (TIME)
last 4 runs, bytes fetched (most 100 MB):
  ▄▁█▂
   x!!  ! incomplete, x failed
biggest projects      size  files
  project-0         100 MB      9  ████████████████
  project-1         100 MB      9  ████████████████
  project-2         100 MB      9  ████████████████
  project-3         100 MB      9  ████████████████
  project-4         100 MB      9  ████████████████
targets                              size  files  missing
  cp3.12 on manylinux_2_28_x86_64  3.0 GB    900        5  ████████████████
  cp3.12 on win_amd64              1.0 GB    300           █████
missing: 5 files: the connection failed
  demo-0.0.tar.gz, demo-1.0.tar.gz, demo-2.0.tar.gz and 2 more (`--json` lists
    all)
missing: lost-0: HTTP 403
missing: lost-1: HTTP 404
missing: lost-2: HTTP 500
  and 2 more (`--json` lists all)
next: `minimirror run --config lab.json` tries again\
""")
        assert self.incomplete(40) == snapshot("""\
Incomplete: 10 missing.
  folder    /srv/lab (120 GB free)
  projects  300 selected; 2 not up to
            date
  files     1,204 (3.9 GB)
  last run  1 h 00 min ago; 12 fetched
            (100 kB), 3 deleted; 1 min
            05 s
  state     last complete run 3 d 01 h
            ago (TIME)
last 4 runs, bytes fetched (most
  100 MB):
  -_#.
   x!!  ! incomplete, x failed
biggest projects      size  files
  project-0         100 MB      9
  project-1         100 MB      9
  project-2         100 MB      9
  project-3         100 MB      9
  project-4         100 MB      9
targets             size  files  missing
  cp3.12 on manylinux_2_28_x86_64
                  3.0 GB    900        5
  cp3.12 on win_amd64
                  1.0 GB    300
missing: 5 files: the connection failed
  demo-0.0.tar.gz, demo-1.0.tar.gz,
    demo-2.0.tar.gz and 2 more (`--json`
    lists all)
missing: lost-0: HTTP 403
missing: lost-1: HTTP 404
missing: lost-2: HTTP 500
  and 2 more (`--json` lists all)
next: `minimirror run --config lab.json`
  tries again\
""")

    def test_import(self) -> None:
        row = past(
            2, complete=True, bundle="lab-3.tar", mirrored=time.time() - 26 * HOUR, bytes_fetched=10**6
        )
        absent = [Failure("demo", "demo-1.0.tar.gz", "not in the folder any more")]
        values: dict[str, Any] = {
            "files": 4,
            "bytes": 10**6,
            "projects": 1,
            "runs": [row],
            "last_complete": row,
        }
        assert [self.shown(**values), self.shown(**values, absent=absent)] == snapshot(
            [
                """\
OK: imported lab-3.tar 2 h 00 min ago (TIME); its mirror was complete 26 h 00 min ago (TIME)
  folder    /srv/lab (120 GB free)
  projects  1 selected; all up to date
  files     4 (1.0 MB)
  import    12 fetched (1.0 MB), 3 deleted; 1 min 05 s
last 1 run, bytes fetched (most 1.0 MB):
  █\
""",
                """\
Incomplete: 1 missing.
  folder    /srv/lab (120 GB free)
  projects  1 selected; all up to date
  files     4 (1.0 MB)
  import    12 fetched (1.0 MB), 3 deleted; 1 min 05 s
last 1 run, bytes fetched (most 1.0 MB):
  █
missing: demo-1.0.tar.gz: not in the folder any more
next: import a full bundle (`minimirror export --since all`), which restores these files\
""",
            ]
        )

    def test_other_states(self) -> None:
        good, killed = past(26, complete=True), RunRow(2, time.time() - HOUR, None, {})
        states: dict[str, dict[str, Any]] = {
            "nothing yet": {"exists": False},
            "running": {"runs": [good, killed], "last_complete": good, "running": "process 7 on lab"},
            "killed": {"runs": [killed]},
            "interrupted": {"runs": [past(1, interrupted=True)], "unfinished": (2, 10**6)},
            "failed": {"runs": [past(1, error="the disk is full")]},
            "withheld": {"runs": [past(1, withheld=3)]},
            "damaged": {"problem": "catalog PATH: file is not a database", "damaged": True},
            "newer": {"problem": "catalog PATH: written by a newer minimirror; update minimirror"},
        }
        shown = {name: self.shown(**values).splitlines() for name, values in states.items()}
        assert {name: [lines[0], *lines[2:]] for name, lines in shown.items()} == snapshot(
            {
                "nothing yet": [
                    "Nothing is mirrored yet.",
                    "next: `minimirror plan --config lab.json` shows what a run would download; `minimirror run --config lab.json` downloads it",
                ],
                "running": [
                    "A run is in progress: process 7 on lab",
                    "  projects  0 selected; all up to date",
                    "  files     0 (0 B)",
                    "  state     last complete run 26 h 00 min ago (TIME)",
                    "last 2 runs, bytes fetched (most 0 B):",
                    "  ▁▁",
                    "   >  > running",
                ],
                "killed": [
                    "The last run was killed; its results are kept.",
                    "  projects  0 selected; all up to date",
                    "  files     0 (0 B)",
                    "  last run  started 1 h 00 min ago and did not finish",
                    "  state     no run has completed yet",
                    "last 1 run, bytes fetched (most 0 B):",
                    "  ▁",
                    "  x  x failed",
                    "next: `minimirror run --config lab.json` tries again",
                ],
                "interrupted": [
                    "The last run was interrupted; its results are kept.",
                    "  projects  0 selected; all up to date",
                    "  files     0 (0 B); 2 unfinished (1.0 MB)",
                    "  last run  1 h 00 min ago; 12 fetched (0 B), 3 deleted; 1 min 05 s",
                    "  state     no run has completed yet",
                    "last 1 run, bytes fetched (most 0 B):",
                    "  ▁",
                    "  !  ! incomplete",
                    "next: `minimirror run --config lab.json` tries again",
                ],
                "failed": [
                    "The last run failed: the disk is full",
                    "  projects  0 selected; all up to date",
                    "  files     0 (0 B)",
                    "  last run  1 h 00 min ago; 12 fetched (0 B), 3 deleted; 1 min 05 s",
                    "  state     no run has completed yet",
                    "last 1 run, bytes fetched (most 0 B):",
                    "  ▁",
                    "  x  x failed",
                    "next: `minimirror run --config lab.json` tries again",
                ],
                "withheld": [
                    "Some files are kept until you confirm their deletion.",
                    "  projects  0 selected; all up to date",
                    "  files     0 (0 B)",
                    "  last run  1 h 00 min ago; 12 fetched (0 B), 3 deleted; 1 min 05 s",
                    "  state     no run has completed yet",
                    "last 1 run, bytes fetched (most 0 B):",
                    "  ▁",
                    "  !  ! incomplete",
                    "next: `minimirror run --config lab.json` lists these files and shows how to delete them",
                ],
                "damaged": [
                    "Cannot read the mirror: catalog PATH: file is not a database",
                    "next: `minimirror run --config lab.json` rebuilds the catalog; if you import bundles, import a full one",
                ],
                "newer": [
                    "Cannot read the mirror: catalog PATH: written by a newer minimirror; update minimirror"
                ],
            }
        )
        assert shown["nothing yet"][1] == snapshot("  folder    /srv/lab (does not exist, 120 GB free)")


class TestVerify:
    def test_ok(self) -> None:
        found = Verification(files=3, bytes=4000, hashed=True, projects=2, seconds=0.5)
        assert text(verification_lines(found)) == snapshot("""\
OK: the mirror is complete and intact.
  files     3 mirrored (4.0 kB); read every byte in 0.5 s
  projects  2 selected; all up to date\
""")

    def test_problems(self) -> None:
        found = Verification(
            files=3,
            missing=["a.whl"],
            truncated=["b.whl"],
            altered=["c.whl"],
            pages=["demo"],
            metadata=["d.whl"],
            wanted=[LOST],
            unknown=["local.zip"],
            unread=1,
            on_demand=["e.whl"],
        )
        assert text(verification_lines(found)) == snapshot("""\
Problems found:
  files     3 mirrored (0 B); compared names and sizes in 0.0 s
  on demand 1 of these files
  projects  0 selected; 1 not up to date
missing: a.whl
truncated: b.whl
altered: c.whl
missing or outdated: simple/demo
missing or altered: d.whl.metadata
unavailable: lost-1.0-py3-none-any.whl: HTTP 404
note: 1 local file, left alone:
  local.zip
`minimirror verify --repair` repairs them.\
""")

    def test_not_checked(self) -> None:
        found = Verification(hashed=True, unchecked=[LOST])
        assert list(verification_lines(found))[-2:] == snapshot(
            ["not checked: lost-1.0-py3-none-any.whl: HTTP 404", "Run `minimirror verify --hash` again."]
        )

    def test_incomplete(self) -> None:
        assert list(verification_lines(Verification(unread=1)))[-1] == snapshot(
            "`minimirror run` fetches what is missing."
        )


class TestIndex:
    def test_written(self) -> None:
        made = BuiltIndex(Path("/data/simple"), 2, 1, 0.5, Summary(notes=["a note"], failures=[LOST]))
        assert text(index_lines(made)) == snapshot("""\
/data/simple: 2 projects, 1 page written in 0.5 s
note: a note
failed: lost-1.0-py3-none-any.whl: HTTP 404\
""")

    def test_removed(self) -> None:
        assert text(removal_lines(Path("/data/simple"), will_return=True)) == snapshot("""\
/data/simple: removed
The next run creates it again, because the config has "simple": true.\
""")
        assert text(removal_lines(None, will_return=False)) == snapshot(
            "There is no static index made by minimirror."
        )


class TestPush:
    def test_uploaded(self) -> None:
        pushed = PushResult(URL, URL, files=3, uploaded=2, present=1, bytes_uploaded=2000, notes=["a note"])
        assert text(push_lines(pushed)) == snapshot("""\
Everything is uploaded to https://index.example.org/
  files   3 selected; 2 uploaded (2.0 kB), 1 already there
  time    0.0 s
note: a note\
""")

    def test_failures(self) -> None:
        pushed = PushResult(URL, URL, files=1, failures=[LOST, LOST], altered=["a.whl"], passes=True)
        assert text(push_lines(pushed)) == snapshot("""\
Incomplete: 2 not uploaded to https://index.example.org/
  files   1 selected; 0 uploaded (0 B), 0 already there, 2 failed
  time    0.0 s
not uploaded: lost-1.0-py3-none-any.whl: HTTP 404
not uploaded: lost-1.0-py3-none-any.whl: HTTP 404
`minimirror verify --hash --repair` fetches altered and missing files again.
Push again to continue and to retry what failed.\
""")

    def test_dry_run(self) -> None:
        file = PushFile("demo", "demo-1.0.tar.gz", Path("demo-1.0.tar.gz"), 2000, "0" * 64)
        pushed = PushResult(URL, URL, dry_run=True, files=1, missing=[file])
        assert text([*missing_lines(pushed), *push_lines(pushed)]) == snapshot("""\
would upload: demo-1.0.tar.gz (2.0 kB)
Dry run: nothing was uploaded to https://index.example.org/
  files   1 selected; 1 missing (2.0 kB), 0 already there
  time    0.0 s\
""")

    def test_other_headlines(self) -> None:
        results = (PushResult(URL, URL, interrupted=True), PushResult(URL, URL))
        assert [next(push_lines(pushed)) for pushed in results] == snapshot(
            [
                "Interrupted; uploaded files stay at https://index.example.org/",
                "The mirror has no files yet, so there is nothing to push.",
            ]
        )


class TestBundles:
    STATE = "0123456789abcdef"

    def test_export(self) -> None:
        found = ExportResult([Path("a.tar"), Path("a.2.tar")], 2, 1, self.STATE, 5, 3, 1, bytes=5000)
        found = replace(found, removed=1, signed=True, missing=2)
        assert text(export_lines(found)) == snapshot("""\
Export 2: a.tar
          a.2.tar
  lists   5 files, 1 of them local; 1 removed since the last export
  carries 3 files; 5.0 kB, signed, 0.0 s
  needs   the other files, from bundles up to export 1
  state   0123456789ab
note: the last run could not fetch 2 files; see `minimirror verify`\
""")
        found = ExportResult([Path("a.tar")], 1, None, self.STATE, 5, 5, without_local=2)
        assert text(export_lines(found)) == snapshot("""\
Export 1: a.tar
  lists   5 files
  carries 5 files; 0 B, 0.0 s
  needs   nothing (full bundle; works on any folder)
  state   0123456789ab
note: 2 local files left out (--without-local)\
""")

    def test_nothing_to_export(self) -> None:
        assert [text(export_lines(ExportResult(number=number))) for number in (2, 0)] == snapshot(
            [
                "Nothing has changed since export 2: no bundle was made.",
                "Nothing is mirrored yet: no bundle was made.",
            ]
        )
        assert text(list_lines([], PIPE)) == snapshot("No exports yet.")

    def test_list(self) -> None:
        exports = [
            ExportRow(1, 1.7e9, 7, None, self.STATE, "lab-1.tar", 1, 50, 2_000_000),
            ExportRow(2, 1.8e9, None, 1, self.STATE, "lab-of-the-second-floor-2.tar", 3, 1250, 70_000),
        ]
        narrow, wide = Screen(width=40), Screen(width=80)
        assert text(list_lines(exports, narrow)) == snapshot("""\
  no.  date (UTC)  files    bytes  file
    1  2023-11-14
       22:13          50   2.0 MB
    lab-1.tar
    2  2027-01-15
       08:00       1,250  70.0 kB
    lab-of-the-second-floor-2.tar +2\
""")
        assert text(list_lines(exports, wide)) == snapshot("""\
  no.  date (UTC)        run  since  files    bytes  file
    1  2023-11-14 22:13    7    all     50   2.0 MB  lab-1.tar
    2  2027-01-15 08:00           1  1,250  70.0 kB
    lab-of-the-second-floor-2.tar +2\
""")

    def test_import(self) -> None:
        found = ImportResult("a.tar", 2, self.STATE, 1.7e9, added=3, present=1, local=1, signer="ann")
        assert text(import_lines(found)) == snapshot("""\
Export 2 (a.tar) is imported.
  files   3 added (0 B), 1 already here, 1 local, 0 deleted; 0.0 s
  state   0123456789ab, mirrored 2023-11-14 22:13 UTC
  signed  by ann\
""")
        found.checked = True
        assert text(import_lines(found)).splitlines()[0] == snapshot("Export 2 (a.tar) can be imported.")
        found.restored = True
        restorable = text(import_lines(found)).splitlines()[0]
        found.checked = False
        assert [restorable, text(import_lines(found)).splitlines()[0]] == snapshot(
            [
                "Export 2 (a.tar) can restore lost files; a newer export stays imported.",
                "Export 2 (a.tar) has restored lost files; a newer export stays imported.",
            ]
        )

    def test_nothing_to_import(self) -> None:
        assert text(import_lines(ImportResult("a.tar", 2, why_not="it is here already"))) == snapshot(
            "Export 2 (a.tar): nothing to do, it is here already."
        )


class TestErrors:
    def run(self, *arguments: str) -> str:
        return minimirror_command(*arguments).stderr

    def test_missing_extra(self) -> None:
        with pytest.raises(MissingExtraError) as caught, needs_extra("push", {"twine"}):
            raise ModuleNotFoundError(name="twine.commands")
        assert str(caught.value).replace(str(SOURCES), "CLONE") == snapshot(
            "`minimirror push` needs twine, which is not installed: pip install -e 'CLONE[push]'"
        )

    def test_init(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        option = ("--config", "lab.json")
        assert self.run("init", *option) == snapshot(
            "error: not a terminal, so minimirror cannot ask: pass --repository FOLDER\n"
        )
        assert self.run("init", *option, "--repository", "~/packages") == snapshot("""\
lab.json: written
It selects every project on the index. To mirror only some:
  minimirror config set --config lab.json projects requests,flask
`minimirror plan --config lab.json` shows what a run would download; `minimirror run --config lab.json` starts it.
""")
        assert self.run("init", *option, "--repository", "~/packages") == snapshot(
            "error: lab.json already exists: edit it with `minimirror config edit --config lab.json`, or overwrite it with --force\n"
        )

    def test_edit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("lab.json", "other.json"):
            Path(name).write_text(f'{{"repository": "{name}"}}')
        Path("race.sh").write_text("cp other.json lab.json; sed s/lab/edited/ -i $1")
        found = []
        for editor in ("false", "no-such-editor", "sed -i s/repository/repo/", "sh race.sh"):
            monkeypatch.setenv("EDITOR", editor)
            found.append(self.run("config", "edit", "--config", "lab.json").partition("; your")[0])
        assert found == snapshot(
            [
                "error: the editor failed (false: Editing failed): set EDITOR to another\n",
                "error: the editor failed (no-such-editor: Editing failed: [Errno 2] No such file or directory: 'no-such-editor'): set EDITOR to another\n",
                """\
error: found 2 errors:
  lab.json:1: repo: unknown key; did you mean "repository"?
  lab.json: repository: is required: add it, for example "repository": "~/minirepo"
nothing was changed\
""",
                """\
error: lab.json was changed by another program meanwhile
nothing was changed\
""",
            ]
        )

    def test_set(self) -> None:
        assert self.run("config", "set", "releases").splitlines()[0] == snapshot(
            "error: give one VALUE, in quotes if it has spaces, perhaps after += or -=; or give --unset."
        )


def test_progress_in_a_log() -> None:
    status = Status(9, 3, 20, 5, 10**6, 10**5, 1, {})
    assert status_line(status, 2.0) == snapshot(
        "read 3 of 9 projects, fetched 5 of 20 files, 100 kB (50.0 kB/s), 1 failed"
    )


def test_requested() -> None:
    day = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1))
    missed = [
        MissedProject("numpy", 1200, day, day, "it is not mirrored"),
        MissedProject("nunpy", 1, day, day, "its index has no such project"),
    ]
    came = [
        DemandedFile("idna-3.6.tar.gz", "idna", "3.6", day, day, 1),
        DemandedFile("idna-3.7.tar.gz", "idna", "3.7", day, day, 30),
    ]
    assert [*requested_lines(Requested([], [], []))] == snapshot(
        ["Clients of `minimirror serve` have requested only what is mirrored."]
    )
    assert [*requested_lines(Requested(missed, came, ["idna-3.6.tar.gz"]))] == snapshot(
        [
            "2 projects that clients requested but did not get:",
            "  1,200  numpy (last 2026-01-31 12:00 UTC): it is not mirrored",
            "      1  nunpy (last 2026-01-31 12:00 UTC): its index has no such project",
            "`minimirror add numpy` mirrors the most requested.",
            "2 files fetched on demand, with the number of downloads:",
            "  30  idna-3.7.tar.gz (last 2026-01-31 12:00 UTC)",
            "   1  idna-3.6.tar.gz (last 2026-01-31 12:00 UTC; the next run deletes it)",
        ]
    )
