"""The rules: which files of a project page are wanted, each with its reason.

Pure functions: the same page, rules and time give the same answer. The rules are applied in this order, which
is that of :data:`RULES`, and the first that refuses a file is its reason; of a project that
``exclude_projects`` names no page is read:

1. the file's own: its name, ``package_types``, ``extensions``, ``python_versions``, ``platforms``,
   ``exclude_files``, ``targets``, ``yanked``, ``max_file_size``, ``uploaded_before``, ``min_age``;
2. the project's: ``project_status``, ``min_releases``;
3. the release's: whether the project is listed, and its version specifier, ``prereleases``, ``vulnerable``;
4. what is kept of the rest: the newest ``releases``, of those that have a file left, and as many of them as
   ``max_project_size`` has room for;
5. the folder's: one file of a name.

Where there are targets, each has the pre-releases and the newest releases of what it accepts. A release that
a target needs is wanted for it whatever the rules say of projects and releases, and though it be yanked: only
the other rules of files, and ``project_status``, refuse it.
"""

from __future__ import annotations

from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.patterns import project_patterns
from minimirror.selection.pins import unmet
from minimirror.selection.projects import ProjectRules
from minimirror.selection.releases import Release, release_of
from minimirror.selection.requests import PinnedRelease, ProjectRequest
from minimirror.selection.rules import RULES, Rules
from minimirror.selection.selection import select

__all__ = [
    "RULES",
    "Decision",
    "PinnedRelease",
    "ProjectRequest",
    "ProjectRules",
    "Refusal",
    "Release",
    "Rules",
    "project_patterns",
    "release_of",
    "select",
    "unmet",
]
