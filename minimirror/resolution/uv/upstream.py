"""What the index has, as a resolution asks for it: pages, core metadata and files, each fetched once.

Many threads ask; a few fetch, so that there are as few connections, and these are kept open.
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
from minimirror.upstream import FetchError, Index, NoRangesError, ProjectReply, RemoteFile, download

__all__ = ["Upstream"]

MAX_FILE = 4 << 30
"""Bytes of a file that is fetched because a resolution needs what is in it."""

T = TypeVar("T")


class Upstream:
    """An index, asked once for each thing, whoever asks and however often."""

    def __init__(self, index: Index, folder: Path, threads: int) -> None:
        """Take an index.

        :param folder: where files are kept that are fetched whole; it is emptied by who made it
        :param threads: how many requests may be under way at once
        """
        self._index = index
        self._folder = folder
        # Not concurrent.futures: at Ctrl-C nothing waits for these threads, whatever they wait for.
        self._pool = ThreadPool(threads)
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], AsyncResult[Any]] = {}
        self._numbers = itertools.count()

    def close(self) -> None:
        """Fetch no more."""
        self._pool.terminate()
        self._index.client.close()

    def page(self, project: str) -> ProjectReply | None:
        """A project's page; None where the index has none of that name.

        :raises FetchError: it cannot be had; :exc:`PageError`: it cannot be read
        """
        return self._once(("page", project), lambda: self._page(project))

    def metadata(self, file: File) -> bytes:
        """The core metadata of a wheel.

        :raises FetchError: it cannot be had
        :raises MetadataError: the wheel has none that can be read
        """
        return self._once(("metadata", file.url), lambda: self._metadata(file))

    def file(self, file: File) -> Path:
        """The file itself, verified.

        :raises FetchError: it cannot be had
        """
        return self._once(("file", file.url), lambda: self._fetch(file))

    def _once(self, key: tuple[str, str], get: Callable[[], T]) -> T:
        with self._lock:
            found = self._asked.get(key)
            if found is None:
                found = self._asked[key] = self._pool.apply_async(get)
        answer: T = found.get()
        return answer

    def _page(self, project: str) -> ProjectReply | None:
        try:
            return self._index.project(project)
        except FetchError as error:
            if error.status in {404, 410}:
                return None
            raise

    def _metadata(self, file: File) -> bytes:
        if file.core_metadata is not None:
            try:
                return self._metadata_beside(file)
            except FetchError as error:
                # An index may list what it does not serve; the wheel itself is the truth.
                if error.transient:
                    raise
        try:
            remote = RemoteFile(self._index.client, file.url, self._index.retry)
        except NoRangesError:
            with self._fetch(file).open("rb") as whole:
                return read_wheel_metadata(whole, file.filename)
        return read_wheel_metadata(remote, file.filename)

    def _metadata_beside(self, file: File) -> bytes:
        """The metadata file that the index serves beside the wheel (PEP 658)."""
        name, _, digest = (file.core_metadata or "").partition("=")
        beside = File(
            f"{file.filename}.metadata", f"{file.url}.metadata", {name: digest} if digest else {}, size=None
        )
        return self._fetch(beside, MAX_METADATA).read_bytes()

    def _fetch(self, file: File, most: int = MAX_FILE) -> Path:
        def report(count: int) -> None:
            if count > most:
                raise FetchError(f"it is larger than {most} bytes")

        # Readers of sdists go by the name, which is one path component.
        path = self._folder / str(next(self._numbers)) / file.filename
        path.parent.mkdir(parents=True)
        download(self._index.client, file, path, retry=self._index.retry, report=report)
        return path
