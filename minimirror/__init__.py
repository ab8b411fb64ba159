"""Copy the part of a Python package index that you need into one flat folder, and keep it true.

::

    from minimirror import Config, run

    if __name__ == "__main__":
        summary = run(Config(repository="packages", projects=["requests"]))
        print(summary.files_fetched, "fetched;", "complete" if summary.complete else summary.failures)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minimirror._version import __version__

if TYPE_CHECKING:
    from minimirror.config import Config
    from minimirror.errors import MinimirrorError
    from minimirror.mirror import RunInterrupted, run
    from minimirror.summary import Failure, Status, Summary

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

_HOMES = {
    "Config": "minimirror.config",
    "Failure": "minimirror.summary",
    "MinimirrorError": "minimirror.errors",
    "RunInterrupted": "minimirror.mirror",
    "Status": "minimirror.summary",
    "Summary": "minimirror.summary",
    "run": "minimirror.mirror",
}


def __getattr__(name: str) -> Any:
    # Imported when they are asked for: a worker process, which needs none of them, starts in half the time.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name]), name)
