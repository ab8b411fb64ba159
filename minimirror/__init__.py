"""Mirror selected projects of a Python package index into one flat folder and keep it up to date.

::

    from minimirror import Config, run

    summary = run(Config(repository="packages", projects=["requests"]))
    print(summary.files_fetched, "fetched;", "complete" if summary.complete else summary.failures)

These names are public; ``docs/python.md`` shows them at work. All others may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror._version import __version__
from minimirror.common import lazy

if TYPE_CHECKING:
    from minimirror._api import export_bundle, import_bundle, load_config
    from minimirror.bundle import ExportResult, ImportResult
    from minimirror.common import Failure, MinimirrorError, Status, Summary
    from minimirror.config import Config, ConfigError
    from minimirror.publish.report import Report, report_page
    from minimirror.sync import (
        Explanation,
        RunInterrupted,
        RunPlan,
        Verification,
        explain,
        mirror_report,
        plan,
        run,
        verify,
    )

__all__ = [
    "Config",
    "ConfigError",
    "Explanation",
    "ExportResult",
    "Failure",
    "ImportResult",
    "MinimirrorError",
    "Report",
    "RunInterrupted",
    "RunPlan",
    "Status",
    "Summary",
    "Verification",
    "__version__",
    "explain",
    "export_bundle",
    "import_bundle",
    "load_config",
    "mirror_report",
    "plan",
    "report_page",
    "run",
    "verify",
]

# A worker process, which needs none of them, starts in half the time.
__getattr__ = lazy(
    __name__,
    {
        "_api": "export_bundle import_bundle load_config",
        "bundle": "ExportResult ImportResult",
        "common": "Failure MinimirrorError Status Summary",
        "config": "Config ConfigError",
        "publish.report": "Report report_page",
        "sync": "Explanation RunInterrupted RunPlan Verification explain mirror_report plan run verify",
    },
)


def __dir__() -> list[str]:
    return __all__
