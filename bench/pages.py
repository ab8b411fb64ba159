"""The index's pages: PEP 691 JSON, PEP 503 HTML, and the JSON metadata that bandersnatch reads."""

import hashlib
import html
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.catalog import File, Project, Release

__all__ = ["Site"]

_API_VERSION = "1.4"


@dataclass(frozen=True)
class Site:
    """A folder of pages that nginx serves as they are.

    Below ``/json`` is what PyPI sends to clients that prefer JSON, below ``/html`` to those that prefer HTML.
    """

    folder: Path
    """Where the pages are written."""

    base: str
    """The origin that the pages' absolute URLs name, without a slash at the end."""

    _times: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_000_000))

    def create(self, projects: Iterable[Project], *, html_too: bool = True) -> None:
        """Write every page again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("json/simple", "json/pypi", "html/simple"):
            (self.folder / name).mkdir(parents=True)
        listed = list(projects)
        for project in listed:
            self.publish(project, html_too=html_too)
        self.publish_root(listed, html_too=html_too)

    def publish(self, project: Project, *, html_too: bool = True) -> None:
        """Write the pages of one project."""
        self._write(f"json/simple/{project.name}.json", self._simple_json(project))
        self._write(f"json/pypi/{project.name}.json", self._metadata_json(project))
        if html_too:
            self._write(f"html/simple/{project.name}.html", self._simple_html(project))

    def publish_root(self, projects: list[Project], *, html_too: bool = True) -> None:
        """Write the root pages, and the serials that nginx sends in a header with each page."""
        last = max(project.serial for project in projects)
        serials = {project.name: project.serial for project in projects}
        self.publish_names(serials)
        lines = "".join(f"{name} {serial};\n" for name, serial in serials.items())
        self._write("serials.map", f"default {last};\n{lines}")
        if html_too:
            links = "".join(
                f'    <a href="/html/simple/{project.name}/">{project.name}</a>\n' for project in projects
            )
            self._write("html/root.html", self._html("Simple index", links, last))

    def publish_names(self, serials: dict[str, int]) -> None:
        """Write the JSON root page alone; all that a case about the root needs."""
        last = max(serials.values())
        (self.folder / "json").mkdir(parents=True, exist_ok=True)
        listed = [{"_last-serial": serial, "name": name} for name, serial in serials.items()]
        meta = {"_last-serial": last, "api-version": _API_VERSION}
        self._write("json/root.json", json.dumps({"meta": meta, "projects": listed}, separators=(",", ":")))
        self._write("serials.map", f"default {last};\n")

    def url(self, file: File) -> str:
        """Return the URL of a file."""
        return f"{self.base}/packages/{file.path}"

    def _write(self, name: str, text: str) -> None:
        """Replace a page in one step, as a new file: nginx may hold the old one open."""
        target = self.folder / name
        unfinished = target.with_suffix(".part")
        unfinished.write_text(text, encoding="utf-8")
        # nginx makes an ETag of the size and the time in whole seconds, which two pages may share.
        when = next(self._times)
        os.utime(unfinished, (when, when))
        unfinished.replace(target)

    def _simple_json(self, project: Project) -> str:
        page = {
            "alternate-locations": [],
            "files": [
                self._file_json(file, release) for release in project.releases for file in release.files
            ],
            "meta": {"_last-serial": project.serial, "api-version": _API_VERSION},
            "name": project.name,
            "project-status": {"status": "active"},
            "versions": [release.version for release in project.releases],
        }
        return json.dumps(page, separators=(",", ":"))

    def _file_json(self, file: File, release: Release) -> dict[str, object]:
        described = {"sha256": file.metadata_sha256} if file.metadata_sha256 else False
        return {
            "core-metadata": described,
            "data-dist-info-metadata": described,
            "filename": file.filename,
            "hashes": {"sha256": file.sha256},
            "provenance": None,
            "requires-python": file.requires_python,
            "size": file.size,
            "upload-time": file.uploaded,
            "url": self.url(file),
            "yanked": "broken on some platforms" if release.yanked else False,
        }

    def _simple_html(self, project: Project) -> str:
        links = "".join(self._link(file, release) for release in project.releases for file in release.files)
        return self._html(f"Links for {project.name}", links, project.serial)

    def _link(self, file: File, release: Release) -> str:
        attributes = ""
        if file.requires_python:
            attributes += f' data-requires-python="{html.escape(file.requires_python)}"'
        if file.metadata_sha256:
            described = f"sha256={file.metadata_sha256}"
            attributes += f' data-dist-info-metadata="{described}" data-core-metadata="{described}"'
        if release.yanked:
            attributes += ' data-yanked="broken on some platforms"'
        return f'    <a href="{self.url(file)}#sha256={file.sha256}"{attributes}>{file.filename}</a><br />\n'

    @staticmethod
    def _html(title: str, links: str, serial: int) -> str:
        return (
            "<!DOCTYPE html>\n<html>\n  <head>\n"
            '    <meta name="pypi:repository-version" content="1.4">\n'
            f"    <title>{title}</title>\n  </head>\n  <body>\n    <h1>{title}</h1>\n{links}"
            f"  </body>\n</html>\n<!--SERIAL {serial}-->"
        )

    def _metadata_json(self, project: Project) -> str:
        """Return what bandersnatch reads of a project.

        It says nothing of core metadata files, which bandersnatch would fetch besides: every tool is to
        fetch the same files.
        """
        info = {
            "name": project.name,
            "version": project.newest,
            "summary": "A project of the benchmark's index",
            "yanked": False,
        }
        releases = {
            release.version: [self._upload(file, release) for file in release.files]
            for release in project.releases
        }
        page = {"info": info, "last_serial": project.serial, "releases": releases, "urls": []}
        return json.dumps(page, separators=(",", ":"))

    def _upload(self, file: File, release: Release) -> dict[str, object]:
        return {
            "digests": {
                "blake2b_256": "".join(file.path.split("/")[:3]),
                "md5": hashlib.md5(file.sha256.encode()).hexdigest(),
                "sha256": file.sha256,
            },
            "filename": file.filename,
            "packagetype": file.kind,
            "python_version": file.python,
            "requires_python": file.requires_python,
            "size": file.size,
            "upload_time": file.uploaded[:19],
            "upload_time_iso_8601": file.uploaded,
            "url": self.url(file),
            "yanked": release.yanked,
            "yanked_reason": "broken on some platforms" if release.yanked else None,
        }
