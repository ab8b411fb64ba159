"""Mirror selected projects of a Python package index into one flat folder and keep it up to date.

::

    from minimirror import Config, run

    if __name__ == "__main__":
        summary = run(Config(repository="packages", projects=["requests"]))
        print(summary.files_fetched, "fetched;", "complete" if summary.complete else summary.failures)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror._lazy import lazy
from minimirror._version import __version__

if TYPE_CHECKING:
    from minimirror.common import Failure, MinimirrorError, Status, Summary
    from minimirror.config import Config
    from minimirror.sync import RunInterrupted, run

__all__ = [
    "Config",
    "Failure",
    "MinimirrorError",
    "RunInterrupted",
    "Status",
    "Summary",
    "__version__",
    "run",
]

# A worker process, which needs none of them, starts in half the time.
__getattr__ = lazy(
    __name__,
    {"common": "Failure MinimirrorError Status Summary", "config": "Config", "sync": "RunInterrupted run"},
)
