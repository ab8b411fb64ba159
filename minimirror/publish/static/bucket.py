"""The pages under ``simple/`` in a bucket, and where the pages of any mirror are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from minimirror.common import open_regular
from minimirror.publish.static.folder import PageFolder
from minimirror.publish.static.pages import HTML, JSON, MARK, MARKED, PageStore, SimpleError
from minimirror.storage import MirrorFolder, Repository

if TYPE_CHECKING:
    # A mirror in a folder starts sooner without.
    from minimirror.storage import MirrorBucket

__all__ = ["open_pages"]


def open_pages(repository: Repository) -> PageStore:
    """Return the pages of a mirror."""
    if isinstance(repository, MirrorFolder):
        return PageFolder(repository)
    return PageBucket(cast("MirrorBucket", repository))


class PageBucket(PageStore):
    """The pages in a bucket."""

    def __init__(self, bucket: MirrorBucket) -> None:
        super().__init__(f"{bucket}/simple", bucket.partial)
        self._bucket = bucket

    @property
    def exists(self) -> bool:
        """Whether minimirror has created it."""
        return self._bucket.occupied(f"simple/{MARK}")

    def create(self) -> None:
        """Create it if it does not exist."""
        if self.exists:
            return
        if any(self._bucket.names("simple/")):
            raise SimpleError(self.path)
        with open(self._partial / MARK, "w", encoding="utf-8", opener=open_regular) as stream:
            stream.write(MARKED)
        self._bucket.place(MARK, f"simple/{MARK}", replace=True)

    def content(self, project: str, name: str) -> bytes | None:
        """Return a page; None if it does not exist."""
        key = _key(project, name)
        return self._bucket.read(key) if self._bucket.occupied(key) else None

    def stage_stream(self, name: str, content: Iterable[bytes]) -> str:
        """Stage a root."""
        return self._stage(name, content)

    def place(self, staged: str, project: str, name: str) -> None:
        """Begin to send a page to its place; syncing the bucket waits for it."""
        self._bucket.send(staged, _key(project, name))

    def has(self, project: str) -> bool:
        """Return whether both pages of a project exist."""
        return all(self._bucket.occupied(_key(project, name)) for name in (HTML, JSON))

    def delete(self, project: str) -> None:
        """Delete a project's pages."""
        for name in (HTML, JSON):
            self._bucket.delete(_key(project, name))

    def projects(self) -> Iterator[str]:
        """Yield the projects that have pages."""
        names = (name.split("/") for name in self._bucket.names("simple/"))
        yield from dict.fromkeys(parts[1] for parts in names if len(parts) > 2)  # noqa: PLR2004

    def delete_all(self) -> None:
        """Delete all pages."""
        for project in ("", *self.projects()):
            self.delete(project)
        self._bucket.delete(f"simple/{MARK}")


def _key(project: str, name: str) -> str:
    return f"simple/{project}/{name}" if project else f"simple/{name}"
