"""Reports of mirrors that need no mirror."""

from __future__ import annotations

from typing import Any

from minimirror.common import Failure
from minimirror.publish.report import (
    Behind,
    Growth,
    OnDemand,
    Outdated,
    Project,
    Release,
    Report,
    Share,
    TargetShare,
    Vulnerable,
    Year,
)
from minimirror.storage import MissedProject

__all__ = ["MADE", "a_report"]

MADE = 1_767_225_600.0
"""The first second of 2026."""

DAY = 86400.0


def a_report(**values: Any) -> Report:
    """Return a report of two projects and two runs, with other values for some of its fields."""
    demo = Project(
        "demo",
        3,
        3_000_000,
        MADE - 10 * DAY,
        "deprecated",
        (
            Release("2.0", 2, 2_500_000, MADE - 10 * DAY, None),
            Release("1.0", 1, 500_000, MADE - 900 * DAY, ""),
        ),
    )
    other = Project("other", 1, 1_000_000, None, None, (Release("1.0", 1, 1_000_000, None, None),))
    about: dict[str, Any] = {
        "repository": "/srv/lab",
        "made": MADE,
        "as_of": MADE - DAY,
        "selected": 3,
        "files": 4,
        "bytes": 4_000_000,
        "releases": 3,
        "local": Share("local", 2, 2000),
        "projects": (demo, other),
        "types": (Share("bdist_wheel", 3, 3_500_000), Share("sdist", 1, 500_000)),
        "pythons": (Share("py3", 3, 3_500_000), Share("source", 1, 500_000)),
        "platforms": (Share("any", 3, 3_500_000), Share("source", 1, 500_000)),
        "targets": (TargetShare("cp3.12 on manylinux_2_28_x86_64", 4, 4_000_000, 2, 1),),
        "years": (
            Year("2025", 2, 2_500_000, 1, 1),
            Year("2023", 1, 500_000, 1, 0),
            Year("unknown", 1, 10**6, 1, 1),
        ),
        "growth": (
            Growth(MADE - 2 * DAY, MADE - 2 * DAY + 60, "complete", 3, 0, 0, 3_500_000, 3, 3_500_000),
            Growth(MADE - DAY, MADE - DAY + 60, "incomplete", 1, 0, 1, 500_000, 4, 4_000_000),
        ),
        "outdated": (Outdated("lost", None, None, "never mirrored to the end"),),
        "behind": (Behind("demo", "2.0", "3.0", MADE - 5 * DAY, ("min_age", "platforms")),),
        "unread": 1,
        "vulnerable": (Vulnerable("demo", "1.0", "PYSEC-2025-7, GHSA-xxxx-yyyy-zzzz"),),
        "unadvised": 1,
        "missing": (Failure("lost", "lost-1.0-py3-none-any.whl", "HTTP 404"),),
        "demanded": (OnDemand("other", 1, 1_000_000, 7, MADE - DAY),),
        "missed": (MissedProject("wanted", 12, MADE - 3 * DAY, MADE - DAY, "the index has no such project"),),
    }
    return Report(**{**about, **values})
