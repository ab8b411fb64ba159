"""The pages, core metadata and files of the index that a resolution needs.

Many threads ask for them. Only a few fetch, so that there are few connections and these stay open. Each is
fetched once, into a temporary folder: all pages together would not fit into memory.
"""

from __future__ import annotations

import itertools
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from typing import Any, TypeVar

from minimirror.distributions import MAX_METADATA, read_wheel_metadata
from minimirror.simple_api import File
from minimirror.upstream import (
    FetchError,
    Index,
    Indexes,
    NoRangesError,
    PartialFile,
    ProjectReply,
    RemoteFile,
    completed,
    download,
)

__all__ = ["IndexFetcher"]

MAX_FOLDER = 64 << 30
"""Bytes of all fetched files, and at most half of what is free in the temporary folder."""

T = TypeVar("T")


class IndexFetcher:
    """Fetches what resolutions need from the indexes."""

    def __init__(self, indexes: Indexes, folder: Path, threads: int) -> None:
        """Start the threads.

        :param folder: where fetched files are kept; the caller deletes it
        :param threads: requests at once
        """
        folder.mkdir(exist_ok=True)
        self._indexes = indexes
        self._folder = folder
        self._left = min(MAX_FOLDER, shutil.disk_usage(folder).free // 2)
        # Unlike concurrent.futures, its threads do not keep Ctrl-C waiting.
        self._pool = ThreadPool(threads)
        self._lock = threading.Lock()
        self._results: dict[tuple[str, str], AsyncResult[Any]] = {}
        self._numbers = itertools.count()
        self.pages_read = 0
        self._using_page = threading.Lock()

    def close(self) -> None:
        """Stop fetching and close the connections."""
        self._pool.terminate()
        self._indexes.close()

    @contextmanager
    def page(self, project: str) -> Iterator[ProjectReply | None]:
        """Yield a project's page; None if the index has no such project. Only one is in use at a time.

        :raises FetchError: the page cannot be fetched
        :raises PageError: the page cannot be read
        """
        of = self._indexes.of(project)
        path = self._once(("page", project), lambda: self._page(of, project))
        with self._using_page:
            yield pickle.loads(path.read_bytes()) if path else None  # noqa: S301 - our own

    def metadata(self, project: str, file: File) -> bytes:
        """Fetch the core metadata of a wheel.

        :raises FetchError: it cannot be fetched
        :raises MetadataError: the wheel has no readable metadata
        """
        of = self._indexes.of(project)
        return self._once(("metadata", file.url), lambda: self._metadata(of, file)).read_bytes()

    def file(self, project: str, file: File) -> Path:
        """Fetch a file and verify it.

        :raises FetchError: it cannot be fetched
        """
        of = self._indexes.of(project)
        return self._once(("file", f"{file.url} {file.pinned}"), lambda: self._fetch(of, file))

    def _once(self, key: tuple[str, str], get: Callable[[], T]) -> T:
        with self._lock:
            result = self._results.get(key)
            if result is None:
                result = self._results[key] = self._pool.apply_async(get)
        found: T = result.get()
        return found

    def _page(self, index: Index, project: str) -> Path | None:
        try:
            found = index.read_project(project, lambda reply: self._saved(pickle.dumps(reply)))
        except FetchError as error:
            if error.not_found:
                return None
            raise
        self.pages_read += 1
        return found

    def _metadata(self, index: Index, file: File) -> Path:
        if file.core_metadata is not None:
            try:
                return self._metadata_file(index, file)
            except FetchError as error:
                # Some indexes list metadata that they do not serve. Then read the wheel.
                if error.transient:
                    raise
        try:
            remote = RemoteFile(index.client, file.url, index.retry)
        except NoRangesError:
            with self._fetch(index, file).open("rb") as whole:
                return self._saved(read_wheel_metadata(whole, file.filename))
        return self._saved(read_wheel_metadata(remote, file.filename))

    def _metadata_file(self, index: Index, file: File) -> Path:
        """Fetch the metadata that the index serves next to the wheel (PEP 658)."""
        name, _, digest = (file.core_metadata or "").partition("=")
        digests = {name: digest} if digest else {}
        metadata = File(f"{file.filename}.metadata", f"{file.url}.metadata", digests, size=None)
        return self._fetch(index, metadata, MAX_METADATA)

    def _saved(self, content: bytes) -> Path:
        self._take_room(len(content))
        path = self._folder / str(next(self._numbers))
        path.write_bytes(content)
        return path

    def _fetch(self, index: Index, file: File, most: int | None = None) -> Path:
        """Fetch a file and verify it.

        :param most: as for :func:`download`
        """
        taken = 0

        def take_room(count: int) -> None:
            nonlocal taken
            self._take_room(count - taken)
            taken = count

        # Readers of sdists need the original filename.
        path = self._folder / str(next(self._numbers)) / file.filename
        path.parent.mkdir()
        try:
            partial = PartialFile(path)
            completed(download(index.client, file, partial, retry=index.retry, report=take_room, most=most))
        except FetchError:
            path.unlink(missing_ok=True)
            self._take_room(-taken)
            raise
        return path

    def _take_room(self, size: int) -> None:
        """Take room in the temporary folder, or give it back.

        :raises FetchError: there is not enough
        """
        with self._lock:
            if size > self._left:
                raise FetchError(
                    "the temporary folder has no room for it (resolving may take half of what is free);"
                    " TMPDIR names another folder"
                )
            self._left -= size
