"""The rules: which files of a project page are wanted, and why.

Pure functions: the same page, rules and time give the same answer. The rules apply in the order of
:data:`RULES`; the first one that refuses a file is its reason. If ``exclude_projects`` matches a project, its
page is not even read.

1. Rules of a file: its name, ``package_types``, ``extensions``, ``python_versions``, ``platforms``,
   ``exclude_files``, ``targets``, ``yanked``, ``max_file_size``, ``uploaded_before``, ``min_age``.
2. Rules of the project: ``project_status``, ``min_releases``.
3. Rules of a release: whether the project is listed, and its version specifier, ``prereleases``,
   ``vulnerable``.
4. Which of the remaining releases are kept: the newest ``releases`` that have a file left, for each entry
   that lists the project; as many as ``max_project_size`` has room for. Builds that differ only in their
   local version are one release.
5. One file per name, since the folder is flat.

With targets, each target gets the pre-releases and the newest releases of the files that it accepts. A
release that a target needs is wanted whatever the rules of projects and releases say, and even if it is
yanked: only ``project_status`` and the other rules of files can refuse it.

``selection.py`` applies all of this to a page. ``rules.py`` has the rules that are the same for every
project, ``projects.py`` those that differ. ``files.py`` (with ``compatibility.py`` for targets),
``releases.py`` and ``pins.py`` decide, ``decision.py`` is the result, ``patterns.py`` matches globs and
regular expressions, ``words.py`` finds what matches nothing, ``newest.py`` what the index has that is newer.
"""

from __future__ import annotations

from minimirror.selection.compatibility import Compatibility
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.files import decide_file
from minimirror.selection.newest import Newest, newest_release
from minimirror.selection.patterns import project_patterns
from minimirror.selection.pins import unmet
from minimirror.selection.projects import ON_DEMAND, IndexRules, PinnedRelease, ProjectRequest, ProjectRules
from minimirror.selection.releases import Release, counted_release, release_of
from minimirror.selection.rules import RULES, Rules
from minimirror.selection.selection import select
from minimirror.selection.words import UnmatchedPatterns, UnmatchedWords, Word

__all__ = [
    "ON_DEMAND",
    "RULES",
    "Compatibility",
    "Decision",
    "IndexRules",
    "Newest",
    "PinnedRelease",
    "ProjectRequest",
    "ProjectRules",
    "Refusal",
    "Release",
    "Rules",
    "UnmatchedPatterns",
    "UnmatchedWords",
    "Word",
    "counted_release",
    "decide_file",
    "newest_release",
    "project_patterns",
    "release_of",
    "select",
    "unmet",
]
