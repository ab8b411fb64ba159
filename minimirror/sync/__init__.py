"""The run and its steps: scope → changes → plans → results → applied.

``running`` takes the steps, which share a ``session``. ``scope`` finds what is selected. ``changes`` finds
what has changed: ``lists`` reads the lists of projects, and ``page_checks`` asks an index without serials.
``planner`` turns pages into plans, with ``project_plan``, ``held_files`` for the files that are here, and
``page_notes`` for what to say. ``workers/`` fetch. ``apply`` is the only writer: ``placement`` has its order
of durable steps, and ``removals`` knows what is too much to delete. ``last_config`` knows whose folder it is.

``preview`` and ``explaining`` (with ``asked_name``) take the first steps and write nothing. ``overview``,
``verifying``, ``health``, ``status`` and ``reporting`` look at the result. ``on_demand`` asks indexes for
what clients of a server want, ``arriving`` places it, and ``demanded`` is what a run knows of that.

Names are imported when they are asked for: a worker process needs few of them, and starts in half the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror.common import lazy

if TYPE_CHECKING:
    from minimirror.sync.arriving import place_on_demand
    from minimirror.sync.demanded import Requested, requested
    from minimirror.sync.explaining import Explanation, Need, explain
    from minimirror.sync.health import check_health, freshness
    from minimirror.sync.last_config import OtherConfigError
    from minimirror.sync.on_demand import IndexQuestions, OfferedPage
    from minimirror.sync.overview import count_projects, mirrored_files
    from minimirror.sync.placement import Deletion, Placement, StagedFile
    from minimirror.sync.preview import PlannedFile, RunPlan, plan
    from minimirror.sync.project_plan import file_row
    from minimirror.sync.reporting import mirror_report
    from minimirror.sync.running import RunInterrupted, run
    from minimirror.sync.status import Holding, MirrorStatus, mirror_status
    from minimirror.sync.verifying import Verification, mark_damage, verify
    from minimirror.sync.workers.jobs import SelectedFile

__all__ = [
    "Deletion",
    "Explanation",
    "Holding",
    "IndexQuestions",
    "MirrorStatus",
    "Need",
    "OfferedPage",
    "OtherConfigError",
    "Placement",
    "PlannedFile",
    "Requested",
    "RunInterrupted",
    "RunPlan",
    "SelectedFile",
    "StagedFile",
    "Verification",
    "check_health",
    "count_projects",
    "explain",
    "file_row",
    "freshness",
    "mark_damage",
    "mirror_report",
    "mirror_status",
    "mirrored_files",
    "place_on_demand",
    "plan",
    "requested",
    "run",
    "verify",
]

__getattr__ = lazy(
    __name__,
    {
        "arriving": "place_on_demand",
        "demanded": "Requested requested",
        "explaining": "Explanation Need explain",
        "health": "check_health freshness",
        "last_config": "OtherConfigError",
        "overview": "count_projects mirrored_files",
        "on_demand": "IndexQuestions OfferedPage",
        "placement": "Deletion Placement StagedFile",
        "preview": "PlannedFile RunPlan plan",
        "project_plan": "file_row",
        "reporting": "mirror_report",
        "running": "RunInterrupted run",
        "status": "Holding MirrorStatus mirror_status",
        "verifying": "Verification mark_damage verify",
        "workers.jobs": "SelectedFile",
    },
)
