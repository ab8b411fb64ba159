"""Collect the requirements of one input, and read the local projects that they name.

As uv does, this follows ``[tool.uv.sources]`` and workspaces of a ``pyproject.toml``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from minimirror.common import MinimirrorError, mask_credentials, quoted
from minimirror.distributions import read_filename, read_wheel_metadata
from minimirror.resolution.inputs.addresses import (
    Address,
    kind_of_address,
    kind_of_url,
    name_like,
    parse_requirement,
)
from minimirror.resolution.inputs.files import RequirementsError, display_path, parse_toml
from minimirror.resolution.inputs.outside import Needs, OutsideProject, check_marker, file_at

__all__ = ["Collector", "list_of", "table"]

_NO_DIGEST = "add #sha256=… to the URL to mirror its file"
_UNSTATED = "its dependencies are not stated (PEP 621)"


def table(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return a nested table of a TOML document; empty if it has none.

    :raises ValueError: one of the keys has another value
    """
    found: Any = document
    for key in keys:
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise ValueError(f"{'.'.join(keys)} must be a table")  # noqa: TRY004 - the mistake is in the file
    return dict(found)


def list_of(document: Mapping[str, Any], *keys: str) -> list[str]:
    """Return a nested list of texts of a TOML document; empty if it has none.

    :raises ValueError: one of the keys has another value
    """
    found = table(document, *keys[:-1]).get(keys[-1], [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{'.'.join(keys)} must be a list of texts")
    return found


def _line(name: str, extras: Collection[str], marker: str) -> str:
    """Return a requirement (PEP 508) of any version."""
    text = f"{name}[{','.join(sorted(extras))}]" if extras else name
    return f"{text}; {marker}" if marker else text


class Collector:
    """The requirements of one input."""

    def __init__(self, asked: Collection[str] = ()) -> None:
        """Begin with none.

        :param asked: the extras and the group of a pyproject.toml that are requested
        """
        self.outside: dict[str, list[OutsideProject]] = {}
        """Projects that do not come from the index, by normalized name. The first that applies counts."""
        self._asked = {"", *asked}
        self._folders: dict[Path, OutsideProject] = {}
        self._documents: dict[Path, dict[str, Any]] = {}

    def take(  # noqa: PLR0913 - only the first four are required
        self,
        text: str,
        needs: Needs,
        place: str,
        folder: Path,
        kind: str | None = None,
        *,
        shown: str | None = None,
        pinned: Collection[str] = (),
    ) -> str:
        """Add a requirement, and return its normalized project.

        :param place: the file, and the line if it has lines, for messages
        :param folder: where relative paths start
        :param kind: the kind of address, if it must be one
        :param pinned: digests such as ``sha256:…``; its file must have one of them
        :param shown: the text for messages, without the values of variables: they may be secrets
        :raises ValueError: it is invalid
        """
        text = text.replace("{root:uri}", folder.absolute().as_uri())
        kind = kind or kind_of_address(text)
        requirement = None if kind else parse_requirement(text)
        if requirement is not None and requirement.url is None:
            name: str = canonicalize_name(requirement.name)
            extras: frozenset[str] = frozenset(map(canonicalize_name, requirement.extras))
            known = self.outside.get(name, ())
            if any(not each.marker for each in known):
                # Its version is whatever it is.
                requirement.specifier = SpecifierSet()
            line, told = str(requirement), [each for each in known if each.cause]
        else:
            address = Address.of(requirement) if requirement else Address.parse(text)
            project = self._at(address, folder, requirement.name if requirement else None, pinned)
            self.add(project)
            name, extras = project.name, address.extras
            line = _line(name, extras, address.marker) if project.is_known else ""
            told = [] if project.file else [replace(project, cause=kind or kind_of_url(address.url))]
        needs.requirements += [line] * bool(line)
        needs.projects.append((name, extras))
        for each in told:
            sentence = f"cannot mirror {quoted(shown or text, 200)}: {each.describe()}"
            needs.problems[f"{place}: {sentence}"] = name
        return name

    def add(self, project: OutsideProject) -> None:
        """Add a project that does not come from the index.

        :raises ValueError: its marker is invalid
        """
        if project.marker:
            check_marker(project.marker)
        known = self.outside.setdefault(project.name, [])
        if project not in known:
            known.append(project)

    def _at(
        self, address: Address, folder: Path, given: str | None = None, pinned: Collection[str] = ()
    ) -> OutsideProject:
        """Return the project at an address."""
        kind, name = kind_of_address(address.url), canonicalize_name(given or address.project)
        found = OutsideProject(name, marker=address.marker)
        if kind == "a URL":
            digests = pinned or address.pinned
            file = file_at(address.url, name, digests)
            if not file or not digests:
                return replace(found, unknown=_NO_DIGEST if file else "")
            return replace(found, version=str(read_filename(file.filename, name).release()), file=file)
        if kind != "a version control URL":
            with suppress(OSError, ValueError, MinimirrorError):
                path = address.path(folder)
                if path.is_dir():
                    project = self.folder(path)
                    return replace(project, marker=address.marker, name=name if given else project.name)
                version = str(read_filename(path.name, name).release())
                with path.open("rb") as wheel:
                    return replace(found, version=version, content=read_wheel_metadata(wheel, path.name))
        return found

    def folder(self, path: Path) -> OutsideProject:
        """Read the project in a folder, and with it its sources and its workspace."""
        real = Path(os.path.realpath(path))
        if real in self._folders:
            return self._folders[real]
        document = self._document(real)
        found = OutsideProject(name_like(real.name), unknown=_UNSTATED, needs={})
        self._folders[real] = found
        with suppress(ValueError):
            project = table(document, "project")
            found.name = canonicalize_name(str(project.get("name", found.name)), validate=True)
            with suppress(InvalidVersion):
                found.version = str(Version(str(project.get("version"))))
            with suppress(InvalidSpecifier):
                found.requires_python = str(SpecifierSet(str(project.get("requires-python", ""))))
            is_static = bool(project) and "dependencies" not in list_of(document, "project", "dynamic")
            if is_static:
                found.needs[""] = Needs()
            self.take_sources(real, document)
            if is_static:
                self._take_project(found, document, real)
        return found

    def _take_project(self, found: OutsideProject, document: dict[str, Any], folder: Path) -> None:
        optional = ("project", "optional-dependencies")
        place = display_path(folder / "pyproject.toml")
        try:
            stated = {"": list_of(document, "project", "dependencies")}
            stated |= {extra: list_of(document, *optional, extra) for extra in table(document, *optional)}
            for extra, texts in stated.items():
                needs = found.needs.setdefault(extra and canonicalize_name(extra), Needs())
                for text in texts:
                    self.take(text, needs, place, folder)
        except ValueError as error:
            found.needs.clear()
            found.unknown = f"{place}: {error}"

    def take_sources(
        self, folder: Path, document: dict[str, Any], *, is_script: bool = False
    ) -> tuple[Path, dict[str, Any]]:
        """Add the projects that a pyproject.toml takes from elsewhere, and the members of its workspace.

        :param folder: the folder of the pyproject.toml, absolute
        :param is_script: the document is the metadata of a script, which has no workspace
        :returns: the root of the workspace, and the pyproject.toml there
        :raises ValueError: the sources are invalid
        """
        root, root_document, members = folder, document, dict[str, Path]()
        if not is_script:
            root, root_document, members = self._workspace(folder, document)
        for base, each in {folder: document, root: root_document}.items():
            for name, value in table(each, "tool", "uv", "sources").items():
                entries = value if isinstance(value, list) else [value]
                known = self.outside.get(canonicalize_name(name))
                for entry in () if known else entries:
                    if not isinstance(entry, dict):
                        raise ValueError(f"tool.uv.sources.{name} must be a table, or a list of tables")  # noqa: TRY004
                    part = canonicalize_name(str(entry.get("extra") or entry.get("group") or ""))
                    if part in self._asked and (found := self._source(name, entry, base, root, members)):
                        self.add(found)
        for name, path in members.items():
            if name not in self.outside:
                self.add(replace(self.folder(path), name=name))
        return root, root_document

    def _source(
        self, name: str, entry: Mapping[str, Any], base: Path, root: Path, members: Mapping[str, Path]
    ) -> OutsideProject | None:
        """Return the project of a source; None if it comes from an index."""
        name, marker = canonicalize_name(name), str(entry.get("marker", ""))
        if "index" in entry:
            return None
        if "git" in entry or "url" in entry:
            url = str(entry.get("git") or entry.get("url"))
            kind = "a version control URL" if "git" in entry else "a URL"
            found = OutsideProject(name) if "git" in entry else self._at(Address.parse(url), base, name)
            cause = "" if found.file else f"{kind} ({mask_credentials(url)})"
            return replace(found, cause=cause, marker=marker)
        path = members.get(name) if "workspace" in entry else None
        if isinstance(entry.get("path"), str):
            path = base / entry["path"]
        if path is None:
            return OutsideProject(name, "of an unknown source", marker)
        found = self._at(Address(str(path)), base, name)
        is_inside = found.is_known and Path(os.path.realpath(path)).is_relative_to(root)
        return replace(found, marker=marker, cause="" if is_inside else f"a local path ({path})")

    def _workspace(
        self, folder: Path, document: dict[str, Any]
    ) -> tuple[Path, dict[str, Any], dict[str, Path]]:
        """Find the workspace that a project is a member of.

        :returns: its root, the pyproject.toml there, and the folders of its members by normalized name; the
            project's own folder and pyproject.toml if it has no workspace
        """
        for root in (folder, *folder.parents):
            found = document if root == folder else self._document(root)
            if workspace := table(found, "tool", "uv", "workspace"):
                members = dict(self._members(root, workspace))
                if root == folder or folder in members.values():
                    return root, found, members
        return folder, document, {}

    def _members(self, root: Path, workspace: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
        excluded = {path for each in list_of(workspace, "exclude") for path in _glob(root, each)}
        for path in (root, *(path for each in list_of(workspace, "members") for path in _glob(root, each))):
            name = table(self._document(path), "project").get("name")
            if isinstance(name, str) and path not in excluded:
                yield canonicalize_name(name), path

    def _document(self, folder: Path) -> dict[str, Any]:
        if folder not in self._documents:
            self._documents[folder] = {}
            with suppress(RequirementsError):
                self._documents[folder] = parse_toml(folder / "pyproject.toml")
        return self._documents[folder]


def _glob(root: Path, pattern: str) -> list[Path]:
    """Return the folders that match a pattern of a workspace."""
    try:
        return sorted(Path(os.path.realpath(path)) for path in root.glob(pattern))
    except (ValueError, IndexError, NotImplementedError, OSError):
        raise ValueError(f"invalid pattern {quoted(pattern)} in tool.uv.workspace") from None
