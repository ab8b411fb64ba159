"""The report: what a mirror holds. ``model`` has its values, which :mod:`minimirror.sync` finds."""

from minimirror.publish.report.model import (
    Growth,
    Outdated,
    Project,
    Release,
    Report,
    Share,
    TargetShare,
    Year,
)

__all__ = ["Growth", "Outdated", "Project", "Release", "Report", "Share", "TargetShare", "Year"]
