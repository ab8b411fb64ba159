"""Both sides of an air gap: the mirror that is exported, and the mirror that imports its bundles."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from minimirror import Config
from minimirror.bundle import ExportResult, ImportResult, export, import_bundles
from minimirror.storage import Catalog, FileRow, ProjectRow
from minimirror.storage.folder import MirrorFolder
from tests.helpers import distributions
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["Far", "Near", "Rows", "Side", "rows"]

Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
"""All columns of a catalog's files and projects."""


def rows(catalog: Path) -> Rows:
    with closing(sqlite3.connect(catalog)) as db:
        return (
            db.execute("SELECT * FROM files ORDER BY filename").fetchall(),
            db.execute("SELECT * FROM projects ORDER BY name").fetchall(),
        )


class Side:
    """A mirror on one side."""

    def __init__(self, path: Path, **config: Any) -> None:
        self.path = path
        self.values = config

    @property
    def repository(self) -> MirrorFolder:
        return MirrorFolder(self.path)

    def config(self) -> Config:
        return Config(repository=self.path, **self.values)

    def config_file(self) -> Path:
        """Write the config beside the mirror, and return its path."""
        path = self.path.with_suffix(".json")
        path.write_text(json.dumps({"repository": str(self.path), **self.values}))
        return path

    def files(self) -> dict[str, bytes]:
        """Return the files in the folder, without `.minimirror/`."""
        return {path.name: path.read_bytes() for path in self.path.iterdir() if path.name != ".minimirror"}

    def times(self) -> dict[str, float]:
        return {path.name: round(path.stat().st_mtime, 3) for path in self.path.glob("*-*")}

    def rows(self) -> Rows:
        return rows(self.repository.catalog)

    def invalid(self) -> set[str]:
        """Return the files that are invalid in the catalog."""
        with Catalog(self.repository.catalog) as catalog:
            return {each.filename for each in catalog.files.tracked() if each.invalid}

    def known(self) -> list[FileRow]:
        """Return the catalog's files."""
        with Catalog(self.repository.catalog) as catalog:
            return list(catalog.files.all())

    def left_over(self) -> list[str]:
        """Return the names in the partial folder."""
        return sorted(path.name for path in self.repository.partial.iterdir())


class Near(Side):
    """A mirror that is exported. It is filled directly, which is faster than a run and allows any content."""

    def put(self, project: str, version: str, content: bytes | None = None, **columns: Any) -> str:
        """Place a wheel or change its row, and return its filename."""
        filename = distributions.wheel_filename(project, version)
        data = distributions.wheel(project, version) if content is None else content
        row = {
            "upload_time": 1.7e9, "requires_python": None, "yanked": None, "core_metadata": None, **columns,
        }  # fmt: skip
        digest = hashlib.sha256(data).hexdigest()
        url = f"https://index.example.org/{filename}"
        self.repository.prepare()
        (self.path / filename).write_bytes(data)
        if row["upload_time"] is not None:
            os.utime(self.path / filename, (row["upload_time"], row["upload_time"]))
        with Catalog(self.repository.catalog) as catalog:
            catalog.files.put([FileRow(filename, project, version, len(data), digest, url=url, **row)])
            if catalog.projects.get(project) is None:
                catalog.projects.put(ProjectRow(project, rules="rules"))
            catalog.commit()
        return filename

    def put_local(self, project: str, version: str, padding: int = 0) -> str:
        """Place a local sdist, and return its filename."""
        path = self.path / distributions.sdist_filename(project, version, extension=".zip")
        path.write_bytes(distributions.sdist(project, version, extension=".zip", padding=padding))
        # So that no export waits until it is complete.
        os.utime(path, (1.6e9, 1.6e9 + padding))
        return path.name

    def put_many(self, project: str, count: int, yanked: str | None = None) -> None:
        """Place many tiny files at once."""
        self.repository.prepare()
        found = []
        for number in range(count):
            filename, data = distributions.wheel_filename(project, f"{number}.0"), b"%d" % number
            (self.path / filename).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            url = f"https://index.example.org/{filename}"
            row = FileRow(filename, project, f"{number}.0", len(data), digest, None, None, yanked, None, url)
            found.append(row)
        with Catalog(self.repository.catalog) as catalog:
            catalog.files.put(found)
            catalog.projects.put(ProjectRow(project, rules="rules"))
            catalog.commit()

    def drop(self, *filenames: str) -> None:
        """Delete files."""
        for filename in filenames:
            (self.path / filename).unlink()
        with Catalog(self.repository.catalog) as catalog:
            catalog.files.untrack(filenames)
            catalog.commit()

    def drop_project(self, name: str) -> None:
        """Delete a project's row."""
        with Catalog(self.repository.catalog) as catalog:
            catalog.projects.untrack([name])
            catalog.commit()

    def export(self, name: str, **options: Any) -> ExportResult:
        """Write a bundle beside the mirror."""
        return export(self.config(), self.path.parent / name, **options)

    @classmethod
    def of(cls, mirror: Mirror) -> Near:
        """Return a mirror that was filled by runs."""
        return cls(mirror.path, index_url=mirror.index.url)


class Far(Side):
    """A mirror that imports bundles."""

    def take(self, *paths: Path, **options: Any) -> list[ImportResult]:
        """Import bundles."""
        return list(import_bundles(self.config(), paths, **options))

    def equals(self, near: Side) -> bool:
        """Return whether both mirrors have the same bytes, rows and file times."""
        return (self.files(), self.times(), self.rows()) == (near.files(), near.times(), near.rows())
