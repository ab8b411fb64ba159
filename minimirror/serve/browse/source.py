"""The mirror, as the browser reads it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from simple_repository import SimpleRepository, model
from simple_repository.errors import PackageNotFoundError, ResourceUnavailable

from minimirror.distributions import MetadataError, read_metadata
from minimirror.publish.static import SUFFIX
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.pages import PageRenderer
from minimirror.simple_api import Entry

__all__ = ["Source"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_MAX_TEXT = 500_000
"""Characters of a file's metadata that are shown; rendering more could take minutes."""


class Source(SimpleRepository):
    """The mirror, as the browser reads it."""

    def __init__(self, mirror: ServedMirror) -> None:
        self.mirror = mirror
        self._pages = PageRenderer(mirror)

    async def get_project_page(self, project_name: str, **_: Any) -> model.ProjectDetail:
        """Return the files of a project.

        :raises PackageNotFoundError: the mirror has none
        """
        entries = self._pages.entries(project_name)
        if not entries:
            raise PackageNotFoundError(project_name)
        return model.ProjectDetail(model.Meta("1.0"), project_name, tuple(map(self._file, entries)))

    async def get_resource(self, project_name: str, resource_name: str, **_: Any) -> model.Resource:  # noqa: ARG002
        """Return the core metadata of a file.

        :param resource_name: name of the file, with or without the suffix of its metadata
        :raises ResourceUnavailable: it has none that can be read
        """
        content = self.metadata(resource_name.removesuffix(SUFFIX))
        if content is None:
            raise ResourceUnavailable(resource_name)
        return model.TextResource(content.decode(errors="replace")[:_MAX_TEXT])

    def metadata(self, filename: str) -> bytes | None:
        """Return a file's core metadata; None if it has none that can be read."""
        stored = self.mirror.folder.file(filename)
        try:
            if filename.endswith(".whl"):
                found = self.mirror.metadata.read(stored)
                return bytes(found.content) if found else None
            with stored.open("rb") as file:
                return read_metadata(file, filename)
        except (MetadataError, OSError):
            return None

    def _uploaded(self, filename: str, at: float | None) -> datetime:
        """Return when a file was uploaded; if that is unknown, when it was written here."""
        try:
            found = self.mirror.folder.file(filename).stat().st_mtime if at is None else at
            return _EPOCH + timedelta(seconds=found)
        except (OSError, OverflowError):
            return _EPOCH

    def _file(self, entry: Entry) -> model.File:
        return model.File(
            entry.filename,
            f"../packages/{entry.filename}",
            {"sha256": entry.sha256},
            requires_python=entry.requires_python or None,
            dist_info_metadata=True,
            yanked=entry.yanked or entry.yanked is not None or None,
            size=entry.size,
            upload_time=self._uploaded(entry.filename, entry.upload_time),
        )
