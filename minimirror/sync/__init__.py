"""The run and its steps; what it would do (``plan``), why (``explain``), and what came of it (``verify``).

Names are imported when they are asked for: a worker process needs few of them, and starts in half the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror._lazy import lazy

if TYPE_CHECKING:
    from minimirror.sync.explaining import Explanation, Need, explain
    from minimirror.sync.health import check_health
    from minimirror.sync.preview import PlannedFile, RunPlan, plan_run
    from minimirror.sync.running import RunInterrupted, run
    from minimirror.sync.verifying import Verification, mark_damage, verify

__all__ = [
    "Explanation",
    "Need",
    "PlannedFile",
    "RunInterrupted",
    "RunPlan",
    "Verification",
    "check_health",
    "explain",
    "mark_damage",
    "plan_run",
    "run",
    "verify",
]

__getattr__ = lazy(
    __name__,
    {
        "explaining": "Explanation Need explain",
        "health": "check_health",
        "preview": "PlannedFile RunPlan plan_run",
        "running": "RunInterrupted run",
        "verifying": "Verification mark_damage verify",
    },
)
