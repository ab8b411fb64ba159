"""The report: what a mirror holds.

``model`` has its values, which :mod:`minimirror.sync` finds; ``tables`` and ``figures`` make them readable,
and ``page`` is both in one file of HTML, with ``page.css`` and ``page.js``.
"""

from minimirror.publish.report.model import (
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
from minimirror.publish.report.page import MissingPlotlyError, report_page
from minimirror.publish.report.tables import Column, Table, facts, report_tables

__all__ = [
    "Behind",
    "Column",
    "Growth",
    "MissingPlotlyError",
    "OnDemand",
    "Outdated",
    "Project",
    "Release",
    "Report",
    "Share",
    "Table",
    "TargetShare",
    "Vulnerable",
    "Year",
    "facts",
    "report_page",
    "report_tables",
]
