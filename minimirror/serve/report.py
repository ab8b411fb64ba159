"""The page at ``/report``: what the mirror holds, in pictures."""

from __future__ import annotations

from importlib.util import find_spec

from minimirror.config import Config
from minimirror.publish.report import report_page
from minimirror.sync import mirror_report

__all__ = ["can_report", "make_page"]


def can_report() -> bool:
    """Return whether the extra ``report`` is installed."""
    return find_spec("plotly") is not None


def make_page(config: Config) -> bytes:
    """Return the page.

    :raises MinimirrorError: the catalog cannot be read, or plotly is not installed
    """
    return report_page(mirror_report(config)).encode()
