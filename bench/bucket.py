"""The case ``bucket``: a cold run into a bucket, beside one into a folder and beside the store alone."""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import obstore

from bench.catalog import MAIN
from bench.lab import Lab, Verdict
from bench.peers import Minimirror, Task, Tool
from minimirror.storage.object_store import object_store
from tests.helpers.servers.seaweedfs import KEYS, seaweedfs

__all__ = ["bucket"]


def _new_url(target: Path) -> str:
    """Return the URL of a new prefix, which belongs to the folder of a run."""
    (target / "url").write_text(f"s3://bench/{uuid.uuid4().hex}")
    return (target / "url").read_text()


def _found(target: Path) -> tuple[int, int]:
    """Return the number of files that a run has put there, and their bytes."""
    listed = [each for batch in obstore.list(object_store((target / "url").read_text())) for each in batch]
    sizes = [each["size"] for each in listed if "/" not in each["path"]]
    return len(sizes), sum(sizes)


@dataclass(frozen=True)
class _IntoBucket(Minimirror):
    """minimirror, into a bucket."""

    name = "minimirror, bucket"

    def config(self, task: Task, target: Path) -> dict[str, object]:
        """Return its configuration."""
        return {
            **super().config(task, target),
            "repository": _new_url(target),
            "state": str(target / "state"),
        }

    def found(self, target: Path) -> tuple[int, int]:
        """Count the objects."""
        return _found(target)


@dataclass(frozen=True)
class _Obstore(Tool):
    """obstore alone: it puts the same files, from the disk, into a bucket."""

    python: Path
    packages: Path
    """The folder of the files."""

    name = "obstore"

    def command(self, task: Task, target: Path, settings: Path) -> list[str | Path]:
        """List the files."""
        files = settings / "files"
        files.write_text("\n".join(str(self.packages / each.path) for each in task.files))
        return [self.python, Path(__file__).with_name("store_probe.py"), _new_url(target), files]

    def found(self, target: Path) -> tuple[int, int]:
        """Count the objects."""
        return _found(target)


def bucket(lab: Lab) -> None:
    """Mirror the newest release of every project into a folder, and into a bucket of SeaweedFS."""
    catalog = lab.catalog(MAIN)
    site = lab.site(catalog)
    task = Task(site, catalog.newest_files())
    into_folder = lab.minimirror()
    into_bucket = _IntoBucket(into_folder.program, into_folder.processes)
    alone = _Obstore(lab.minimirror_python, catalog.folder / "packages")
    with seaweedfs(lab.fresh("store") / "home") as origin, lab.nginx.serve(site, catalog):
        os.environ |= {**KEYS, "AWS_ENDPOINT_URL": origin}
        rows = lab.fill("bucket", [into_folder, into_bucket, alone], task)
    folder, store, own = (row.seconds for row in rows)
    value = store / (2 * folder + own) if folder and store and own else None
    lab.verdicts.append(Verdict("bucket", "minimirror, bucket / (2 folder + obstore)", value, 1))
