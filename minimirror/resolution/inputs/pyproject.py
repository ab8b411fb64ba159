"""A pyproject.toml: whether it has the requirements that are wanted of it. The resolver reads them itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from minimirror.common import nearest, quoted
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import parse_toml, shown
from minimirror.resolution.inputs.inputs import Input

__all__ = ["check_pyproject"]


def check_pyproject(given: Input) -> None:
    """Check that the project, the extras or the group that are wanted are stated (PEP 621, PEP 735).

    :raises RequirementsError: it cannot be read, has no such table or extra or group, or says that its
        dependencies are known only to its build backend
    """
    document = parse_toml(given.path)
    cause = (
        _cause_of_group(document, given.group)
        if given.group is not None
        else _cause_of_project(document, given.extras)
    )
    if cause is not None:
        raise RequirementsError(f"{shown(given.path)}: {cause}")


def _cause_of_group(document: Mapping[str, object], group: str) -> str | None:
    groups = document.get("dependency-groups")
    if not isinstance(groups, dict):
        return f"has no [dependency-groups] table (PEP 735), so no group {quoted(group)}"
    return _cause_of_missing("group", group, groups)


def _cause_of_project(document: Mapping[str, object], extras: Iterable[str]) -> str | None:
    project = document.get("project")
    if not isinstance(project, dict):
        return (
            "has no [project] table (PEP 621): state the dependencies there, name a group of"
            ' [dependency-groups] as "pyproject.toml:group", or give a requirement or lock file'
        )
    dynamic = project.get("dynamic", [])
    if not isinstance(dynamic, list):
        return "project.dynamic must be a list of names (PEP 621)"
    for key, asked in (("dependencies", True), ("optional-dependencies", bool(list(extras)))):
        if asked and key in dynamic:
            return (
                f"its {key} are dynamic, so that only a build would tell them: state them in [project], or"
                " give a requirement or lock file"
            )
    if not isinstance(project.get("dependencies", []), list):
        return "project.dependencies must be a list of requirements (PEP 621)"
    optional = project.get("optional-dependencies", {})
    if not isinstance(optional, dict):
        return "project.optional-dependencies must be a table of lists (PEP 621)"
    causes = (_cause_of_missing("extra", extra, optional) for extra in extras)
    return next((cause for cause in causes if cause is not None), None)


def _cause_of_missing(what: str, name: str, there: Iterable[str]) -> str | None:
    known = {canonicalize_name(each): each for each in there}
    if name in known:
        return None
    near = nearest(name, known) or (f"; there are {', '.join(sorted(known))}" if known else "; there is none")
    return f"has no {what} {quoted(name)}{near}"
