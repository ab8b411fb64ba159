"""What a user wants to have explained: a project, a release, a requirement, a file, its URL or its path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError, nearest, quoted
from minimirror.distributions import projects_named
from minimirror.selection import release_of
from minimirror.simple_api import Page, PageError
from minimirror.storage import Catalog
from minimirror.sync.held_files import file_of
from minimirror.sync.scope import Scope
from minimirror.upstream import FetchError

__all__ = ["Asked", "ExplanationError", "find_asked"]

_TYPOS = 3
"""By how many letters a misspelt name may be longer or shorter."""


class ExplanationError(MinimirrorError):
    """The index has no such project or file, or cannot be asked."""


class Asked(NamedTuple):
    """What is asked for."""

    project: str
    """The normalized name."""

    page: Page
    """The project's page; what the catalog knows of it if the index cannot be reached."""

    unreachable: str
    """Why the index cannot be reached; empty if it can."""

    filename: str | None = None
    """One of the project's files, if only that is asked for."""

    local_file: str | None = None
    """A local file that may belong to the project, if that is asked for."""

    specifier: SpecifierSet | None = None
    """Which releases of the project; None for all."""


def find_asked(text: str, scope: Scope, catalog: Catalog) -> Asked:
    """Find what a text means.

    :param text: ``NAME``, ``FILENAME``, ``NAME==1.0``, ``NAME 1.0``, ``NAME @ URL``, a URL or a path
    :raises ExplanationError: it means nothing that the index or the mirror has, or the index cannot be asked
    """
    return _Search(scope, catalog).find(text)


class _Search:
    def __init__(self, scope: Scope, catalog: Catalog) -> None:
        self._scope = scope
        self._catalog = catalog
        self._unreachable = ""

    def find(self, text: str) -> Asked:
        name, specifier = _read(text.strip())
        own_name = canonicalize_name(name)
        page = self._page(own_name)
        if page is not None or own_name in self._scope.local_files or self._catalog.files.of(own_name):
            return Asked(own_name, page or Page(), self._unreachable, specifier=specifier)
        known: list[str] = []
        for project in projects_named(name):
            page = self._page(project)
            known += [file.filename for file in page.files] if page is not None else []
            if name in known or name in self._catalog.files.of(project):
                return Asked(project, page or Page(), self._unreachable, filename=name)
            if name in self._scope.local_files_of(project):
                return Asked(project, page or Page(), self._unreachable, local_file=name)
        head, _, version = name.rpartition("-")
        project = canonicalize_name(head)
        if release_of(version).is_version and (page := self._page(project)) is not None:
            return Asked(project, page, self._unreachable, specifier=SpecifierSet(f"=={version}"))
        near = nearest(name, known or self._names(own_name))
        if self._unreachable:
            why = f"the index cannot be reached ({self._unreachable})"
            raise ExplanationError(f"{why}, and the catalog does not know {quoted(text)}{near}")
        raise ExplanationError(f"the index has neither a project nor a file named {text!r}{near}")

    def _names(self, like: str) -> Iterator[str]:
        """Yield the projects that are known here and may be meant by a misspelt name."""
        names = (name for name, _ in self._catalog.changes.known())
        for name in {*names, *self._scope.projects.named(), *self._scope.local_files}:
            if abs(len(name) - len(like)) <= _TYPOS and {*name[:2]} & {*like[:2]}:
                yield name

    def _page(self, project: str) -> Page | None:
        if not project or "/" in project:
            return None
        if project in self._scope.alone:
            return Page(list(self._scope.closure.files[project]))
        if not self._unreachable:
            try:
                reply = self._scope.indexes.of(project).find_project(project)
            except (PageError, FetchError) as error:
                if isinstance(error, PageError) or (error.status is not None and not error.transient):
                    raise ExplanationError(f"the page of {project} cannot be read: {error}") from None
                self._unreachable = error.cause
            else:
                return reply.page if reply else None
        rows = self._catalog.files.of(project)
        return Page([file_of(row) for row in rows.values()]) if rows else None


def _read(text: str) -> tuple[str, SpecifierSet | None]:
    """Return the name of a project or a file, and the project's releases if not all are meant."""
    with suppress(InvalidRequirement):
        found = Requirement(text)
        return _last_part(found.url) if found.url else found.name, found.specifier or None
    name, _, version = text.partition(" ")
    with suppress(InvalidSpecifier):
        return name, SpecifierSet(f"=={version.strip()}")
    return _last_part(text), None


def _last_part(text: str) -> str:
    if "://" in text:
        with suppress(ValueError):
            text = unquote(urlsplit(text).path)
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]
