"""The requirements of a pyproject.toml (PEP 621, PEP 735) or a script (PEP 723), with uv's settings in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.errors import ExceptionGroup
from packaging.utils import canonicalize_name

from minimirror.common import quoted
from minimirror.resolution.inputs.collector import Collector, list_of, table
from minimirror.resolution.inputs.entries import Input, find_part
from minimirror.resolution.inputs.files import (
    RequirementsError,
    decode,
    display_path,
    load_toml,
    parse_toml,
    read_bytes,
)
from minimirror.resolution.inputs.outside import Needs, OutsideProject, check_marker
from minimirror.resolution.inputs.requirements import Requirements

__all__ = ["read_pyproject", "read_script"]

_CHOICES = {
    "prerelease": ("allow", "disallow", "if-necessary", "explicit", "if-necessary-or-explicit"),
    "resolution": ("highest", "lowest", "lowest-direct"),
}
_FOLLOWED = frozenset(f"{each}-dependencies" for each in ("constraint", "override", "exclude", "dev")) | {
    "environments",
    "sources",
    "workspace",
    *_CHOICES,
}
_OF_UV_ALONE = re.compile(
    "add-bounds|allow-insecure-host|audit|build-backend|(no-)?cache.*|check-url|compile-bytecode|concurrent-.*"
    "|conflicts|default-groups|dependency-groups|fork-strategy|(http|https|no)-proxy|keyring-provider|link-mode"
    "|managed|native-tls|offline|package|pip|preview.*|publish-url|pypy-install-mirror|python-.*|reinstall.*"
    "|required-.*|system-certs|trusted-publishing|upgrade.*"
)
"""Keys of ``[tool.uv]`` that do not change what a target needs."""

_METADATA = re.compile(r"^# /// script *$\n((?:#(?: .*)?\n)*?)# /// *$", re.MULTILINE)
"""The comment with a script's metadata."""

_INSTEAD = {
    "index-url": "index_url",
    **dict.fromkeys(("index", "extra-index-url", "find-links"), "indexes"),
    "exclude-newer": "uploaded_before",
    "no-binary": "package_types",
    "no-build": "build",
}
"""The key of the config that does what a key of uv does."""


def read_pyproject(given: Input) -> Requirements:
    """Read the requirements of the project, or of the requested extras or group.

    :raises RequirementsError: the file cannot be read, a table, an extra or the group is missing, the
        dependencies are dynamic, or a requirement is invalid
    """
    document = parse_toml(given.path)
    try:
        return _read(given, document, _requested(document, given), is_script=False)
    except ValueError as error:
        raise RequirementsError(f"{display_path(given.path)}: {error}") from None


def read_script(given: Input) -> Requirements:
    """Read the requirements in the metadata of a script.

    :raises RequirementsError: the file cannot be read, or has no valid metadata
    """
    text = decode(read_bytes(given.path), given.path)
    try:
        document = load_toml(_metadata(text))
        return _read(given, document, list_of(document, "dependencies"), is_script=True)
    except ValueError as error:
        raise RequirementsError(f"{display_path(given.path)}: {error}") from None


def _metadata(text: str) -> str:
    """Return the TOML of a script's metadata (PEP 723).

    :raises ValueError: the script has no metadata, or more than one
    """
    blocks = _METADATA.findall("\n".join(text.splitlines()))
    if len(blocks) != 1:
        what = "several blocks of metadata" if blocks else "no metadata (PEP 723)"
        raise ValueError(
            f"{what}; a script states its dependencies in one block that begins with `# /// script`"
        )
    return "\n".join(line[2:] for line in blocks[0].splitlines())


def _read(given: Input, document: dict[str, Any], texts: Iterable[str], *, is_script: bool) -> Requirements:
    """Collect requirements, with what uv's settings say about them.

    :raises ValueError: a requirement or a setting is invalid
    """
    place, folder = display_path(given.path), given.path.parent.resolve()
    collector = Collector({*given.extras, *([given.group] if given.group else [])})
    root, root_document = collector.take_sources(folder, document, is_script=is_script)
    if "name" in table(document, "project"):
        # A group may name it, and the index's project of this name is another one.
        collector.add(collector.folder(folder))
    settings = table(root_document, "tool", "uv")
    needs, constraints, overrides = Needs(), Needs(), Needs()
    for each in list_of(settings, "exclude-dependencies"):
        collector.add(OutsideProject(canonicalize_name(each)))
    for wanted, into, base in (
        (texts, needs, folder),
        (list_of(settings, "constraint-dependencies"), constraints, root),
        (list_of(settings, "override-dependencies"), overrides, root),
    ):
        for text in wanted:
            collector.take(text, into, place, base)
    notes = [] if is_script else list(_notes_on_file(root))
    return Requirements(
        given.name,
        given.full_name,
        needs,
        constraints.requirements,
        overrides.requirements,
        outside=collector.outside,
        choices=_choices(settings),
        environments=_environments(settings),
        notes=[f"{place}: {each}" for each in (*_notes(settings, document), *notes)],
    )


def _requested(document: Mapping[str, Any], given: Input) -> list[str]:
    if given.group is not None:
        return _group(document, given.group)
    project = document.get("project")
    if not isinstance(project, dict):
        raise ValueError(  # noqa: TRY004 - the mistake is in the file
            "no [project] table (PEP 621); state the dependencies there, name a group of [dependency-groups]"
            ' as "pyproject.toml:group", or use a requirement or lock file'
        )
    dynamic = list_of(document, "project", "dynamic")
    for key in ("dependencies", "optional-dependencies")[: 2 if given.extras else 1]:
        if key in dynamic:
            raise ValueError(
                f"its {key} are dynamic: only a build can determine them; state them in [project], or use a"
                " requirement or lock file"
            )
    optional = table(document, "project", "optional-dependencies")
    found = list(list_of(document, "project", "dependencies"))
    for extra in given.extras:
        found += list_of(document, "project", "optional-dependencies", find_part("extra", extra, optional))
    return found


def _group(document: Mapping[str, Any], group: str) -> list[str]:
    """Return the requirements of a group and of those that it includes (PEP 735)."""
    groups = table(document, "dependency-groups")
    legacy = list_of(document, "tool", "uv", "dev-dependencies")
    if not groups and not legacy:
        raise ValueError(f"no [dependency-groups] table (PEP 735), so no group {quoted(group)}")
    if legacy and isinstance(groups.setdefault("dev", []), list):
        groups["dev"] = [*groups["dev"], *legacy]
    name = find_part("group", canonicalize_name(group), groups)
    try:
        return list(resolve_dependency_groups(groups, name))
    except ExceptionGroup as error:
        mistakes = "; ".join(str(each) for each in error.exceptions)
        raise ValueError(f"invalid [dependency-groups] (PEP 735): {mistakes}") from None


def _choices(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that are one of a few words."""
    for key, words in _CHOICES.items():
        if settings.get(key, words[0]) not in words:
            raise ValueError(f"tool.uv.{key} must be one of {', '.join(words)}")
    return {key: settings[key] for key in _CHOICES if key in settings}


def _environments(settings: Mapping[str, Any]) -> list[str]:
    value = settings.get("environments", [])
    markers = list_of({"environments": [value] if isinstance(value, str) else value}, "environments")
    for marker in markers:
        check_marker(marker)
    return markers


def _notes(settings: Mapping[str, Any], document: Mapping[str, Any]) -> Iterable[str]:
    """Name the settings that change what uv would choose, but are not followed."""
    for key in _others(settings.keys() - _FOLLOWED):
        instead = f"; the config's `{_INSTEAD[key]}` does this" if key in _INSTEAD else ""
        yield f"tool.uv.{key} is not followed{instead}"
    for name, value in table(document, "tool", "uv", "sources").items():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and "index" in entry:
                index = quoted(str(entry["index"]))
                yield (
                    f"tool.uv.sources.{name} is not followed: it names the index {index}; name the project in"
                    " `indexes` of the config"
                )


def _notes_on_file(root: Path) -> Iterable[str]:
    """Name the settings in a uv.toml, which take the place of those in the pyproject.toml beside it."""
    path = root / "uv.toml"
    if path.is_file() and (keys := _others(parse_toml(path))):
        yield f"{display_path(path)} is not followed ({', '.join(keys)}); state these in [tool.uv]"


def _others(keys: Iterable[str]) -> list[str]:
    return sorted(key for key in keys if not _OF_UV_ALONE.fullmatch(key))
