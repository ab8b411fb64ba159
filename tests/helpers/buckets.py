"""A mirror in a bucket of SeaweedFS."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import obstore
import pytest

from minimirror import Config, run
from minimirror.storage.object_store import object_store
from tests.helpers.servers.seaweedfs import KEYS, seaweedfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from minimirror.common import Summary
    from tests.helpers.index import Index

__all__ = ["Bucket", "bucket", "new_bucket", "store"]

numbers = itertools.count()


class Bucket:
    """A mirror in a bucket, and runs that fill it."""

    def __init__(self, index: Index, home: Path, scheme: str = "s3") -> None:
        self.index = index
        self.home = home
        self.url = f"{scheme}://bucket-{os.getpid()}/mirror-{next(numbers)}"
        self.machine = 0

    @property
    def store(self) -> Any:
        return object_store(self.url)

    def config(self, **keys: Any) -> Config:
        values = {"processes": 1, "max_delete": 1, "index_url": self.index.url, **keys}
        return Config(repository=self.url, state=self.home / f"state-{self.machine}", **values)

    def config_file(self, **keys: Any) -> Path:
        """Write the config of such a run."""
        path = self.home / "config.json"
        path.write_text(self.config(**keys).model_dump_json(exclude_defaults=True))
        return path

    def run(self, *, allow_replace: bool = False, **keys: Any) -> Summary:
        self.index.clear()
        return run(self.config(**keys), allow_replace=allow_replace)

    def complete(self, **options: Any) -> Summary:
        summary = self.run(**options)
        assert summary.complete, summary.failures
        return summary

    def move(self) -> None:
        """Go on with another machine."""
        self.machine += 1

    def put(self, name: str, content: bytes) -> None:
        obstore.put(self.store, name, content)

    def read(self, name: str) -> bytes:
        return bytes(obstore.get(self.store, name).bytes())

    def attributes(self, name: str) -> dict[str, str]:
        return {**obstore.get(self.store, name).attributes}

    def names(self, prefix: str | None = None) -> set[str]:
        """Return the names of the objects, without `.minimirror/`."""
        found = {each["path"] for batch in obstore.list(self.store, prefix) for each in batch}
        return found if prefix else {name for name in found if not name.startswith(".minimirror/")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a store; return its origin."""
    with seaweedfs(tmp_path_factory.mktemp("store")) as origin:
        yield origin


@pytest.fixture
def bucket(index: Index, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return an empty bucket."""
    return new_bucket(index, store, tmp_path, monkeypatch)


def new_bucket(index: Index, store: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Create a bucket in a store, which the environment names from now on."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": store}.items():
        monkeypatch.setenv(name, value)
    found = Bucket(index, home)
    # The store creates the bucket.
    found.put("mark", b"")
    obstore.delete(found.store, "mark")
    return found
