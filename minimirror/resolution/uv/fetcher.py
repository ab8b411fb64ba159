"""The pages, core metadata and files of the index that a resolution needs, each fetched once.

Many threads ask for them. Only a few fetch, so that there are few connections and these stay open.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
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
    ProjectReply,
    RemoteFile,
    completed,
    download,
)

__all__ = ["IndexFetcher"]

MAX_FILE = 4 << 30
"""Bytes of a file that is fetched to read its metadata or to build it."""

T = TypeVar("T")


class IndexFetcher:
    """Fetches each page, metadata and file of the indexes at most once."""

    def __init__(self, indexes: Indexes, folder: Path, threads: int) -> None:
        """Start the threads.

        :param folder: where fetched files are kept; the caller deletes it
        :param threads: requests at once
        """
        self._indexes = indexes
        self._folder = folder
        # Unlike concurrent.futures, its threads do not keep Ctrl-C waiting.
        self._pool = ThreadPool(threads)
        self._lock = threading.Lock()
        self._results: dict[tuple[str, str], AsyncResult[Any]] = {}
        self._numbers = itertools.count()

    def close(self) -> None:
        """Stop fetching and close the connections."""
        self._pool.terminate()
        self._indexes.close()

    def page(self, project: str) -> ProjectReply | None:
        """Fetch a project's page; None if the index has no such project.

        :raises FetchError: the page cannot be fetched
        :raises PageError: the page cannot be read
        """
        return self._once(("page", project), lambda: self._indexes.of(project).find_project(project))

    def metadata(self, project: str, file: File) -> bytes:
        """Fetch the core metadata of a wheel.

        :raises FetchError: it cannot be fetched
        :raises MetadataError: the wheel has no readable metadata
        """
        return self._once(("metadata", file.url), lambda: self._metadata(self._indexes.of(project), file))

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
        value: T = result.get()
        return value

    def _metadata(self, index: Index, file: File) -> bytes:
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
                return read_wheel_metadata(whole, file.filename)
        return read_wheel_metadata(remote, file.filename)

    def _metadata_file(self, index: Index, file: File) -> bytes:
        """Fetch the metadata that the index serves next to the wheel (PEP 658)."""
        name, _, digest = (file.core_metadata or "").partition("=")
        digests = {name: digest} if digest else {}
        metadata = File(f"{file.filename}.metadata", f"{file.url}.metadata", digests, size=None)
        return self._fetch(index, metadata, MAX_METADATA).read_bytes()

    def _fetch(self, index: Index, file: File, most: int = MAX_FILE) -> Path:
        def check_size(count: int) -> None:
            if count > most:
                raise FetchError(f"it is larger than {most} bytes")

        # Readers of sdists need the original filename.
        path = self._folder / str(next(self._numbers)) / file.filename
        path.parent.mkdir(parents=True)
        completed(download(index.client, file, path, retry=index.retry, report=check_size))
        return path
