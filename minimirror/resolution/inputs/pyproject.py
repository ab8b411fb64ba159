"""Check that a pyproject.toml has the requested requirements. The resolver reads them itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from minimirror.common import nearest, quoted
from minimirror.resolution.inputs.entries import Input
from minimirror.resolution.inputs.files import RequirementsError, display_path, parse_toml

__all__ = ["check_pyproject"]


def check_pyproject(given: Input) -> None:
    """Check that a pyproject.toml states the requested project, extras or group (PEP 621, PEP 735).

    :raises RequirementsError: the file cannot be read, a table, an extra or the group is missing, or the
        dependencies are dynamic
    """
    document = parse_toml(given.path)
    try:
        if given.group is None:
            _check_project(document, given.extras)
        else:
            _check_group(document, given.group)
    except ValueError as error:
        raise RequirementsError(f"{display_path(given.path)}: {error}") from None


def _check_group(document: Mapping[str, Any], group: str) -> None:
    cause = f"no [dependency-groups] table (PEP 735), so no group {quoted(group)}"
    _check_name("group", group, _table(document, "dependency-groups", cause))


def _check_project(document: Mapping[str, Any], extras: tuple[str, ...]) -> None:
    project = _table(
        document,
        "project",
        "no [project] table (PEP 621); state the dependencies there, name a group of [dependency-groups] as"
        ' "pyproject.toml:group", or use a requirement or lock file',
    )
    optional = project.get("optional-dependencies", {})
    for value, kind, cause in (
        (project.get("dynamic", []), list, "project.dynamic must be a list of names"),
        (project.get("dependencies", []), list, "project.dependencies must be a list of requirements"),
        (optional, dict, "project.optional-dependencies must be a table of lists"),
    ):
        if not isinstance(value, kind):
            raise ValueError(f"{cause} (PEP 621)")  # noqa: TRY004 - the mistake is in the file
    for key in ("dependencies", "optional-dependencies")[: 2 if extras else 1]:
        if key in project.get("dynamic", []):
            raise ValueError(
                f"its {key} are dynamic: only a build can determine them; state them in [project], or use a"
                " requirement or lock file"
            )
    for extra in extras:
        _check_name("extra", extra, optional)


def _table(document: Mapping[str, Any], key: str, cause: str) -> dict[str, Any]:
    table = document.get(key)
    if isinstance(table, dict):
        return table
    raise ValueError(cause)


def _check_name(what: str, name: str, defined: Iterable[str]) -> None:
    known = {canonicalize_name(each): each for each in defined}
    if name not in known:
        available = f"; available: {', '.join(sorted(known))}" if known else "; it defines none"
        raise ValueError(f"no {what} {quoted(name)}{nearest(name, known) or available}")
