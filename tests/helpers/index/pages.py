"""The index's pages, as PEP 503 and 691 write them, with what PEP 592, 629, 658, 700, 714 and 792 add.

Also the part of PyPI's JSON API that minimirror uses.
"""

from __future__ import annotations

import json
import posixpath
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import File, Format, Manner, Project

__all__ = ["api_document", "project_page", "root_page"]


def root_page(form: Format, manner: Manner, origin: str, projects: Iterable[Project], serial: int) -> bytes:
    """Render the list of all projects."""
    if form == "json":
        return _json({"meta": _meta(manner, serial), "projects": [_entry(manner, p) for p in projects]})
    folder = "" if manner.relative_urls else f"{origin}/simple/"
    links = (
        f'<a href="{escape(folder)}{quote(project.key, safe="")}/">{escape(project.name)}</a><br/>'
        for project in projects
    )
    return _html("Simple index", {"pypi:repository-version": manner.api_version}, "", links)


def project_page(form: Format, manner: Manner, origin: str, project: Project) -> bytes:
    """Render the files of a project."""
    if form == "json":
        return _json(_project(manner, origin, project))
    meta = {"pypi:repository-version": manner.api_version}
    if project.status is not None:
        meta["pypi:project-status"] = project.status
    if project.status_reason is not None:
        meta["pypi:project-status-reason"] = project.status_reason
    base = f'<base href="{escape(manner.base_href)}"/>' if manner.base_href is not None else ""
    links = (_link(manner, origin, project, file) for file in project.files)
    return _html(f"Links for {project.name}", meta, base, links)


def api_document(project: Project, version: str | None) -> bytes:
    """Render a release, or a project, for the JSON API; a project's document is about its newest release."""
    shown = version or project.versions[-1]
    vulnerabilities: list[dict[str, Any]] = [
        {"id": each.id, "aliases": [], "fixed_in": [], "source": "osv", "withdrawn": each.withdrawn}
        for each in project.advisories.get(shown, ())
    ]
    document = {"info": {"name": project.name, "version": shown}, "vulnerabilities": vulnerabilities}
    return _json(document if version else {**document, "releases": {each: [] for each in project.versions}})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _meta(manner: Manner, serial: int) -> dict[str, Any]:
    serials = {"_last-serial": serial} if manner.serials else {}
    return {"api-version": manner.api_version, **serials}


def _entry(manner: Manner, project: Project) -> dict[str, Any]:
    serials = {"_last-serial": project.serial} if manner.serials else {}
    return {"name": project.name, **serials}


def _project(manner: Manner, origin: str, project: Project) -> dict[str, Any]:
    page: dict[str, Any] = {
        "meta": _meta(manner, project.serial),
        "name": project.key,
        "versions": project.versions,
        "files": [_file(manner, origin, project, file) for file in project.files],
    }
    if project.status is not None:
        reason = {"reason": project.status_reason} if project.status_reason is not None else {}
        page["project-status"] = {"status": project.status, **reason}
    return page


def _file(manner: Manner, origin: str, project: Project, file: File) -> dict[str, Any]:
    fields = {
        "filename": file.filename,
        "url": _url(manner, origin, project, file, None),
        "hashes": file.said_hashes if manner.digests else {},
        "requires-python": file.requires_python,
        "yanked": file.yanked,
        "size": file.said_size,
        "upload-time": file.said_upload_time,
        "core-metadata": file.said_core_metadata,
        "data-dist-info-metadata": file.said_core_metadata,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _html(title: str, meta: dict[str, str], base: str, links: Iterable[str]) -> bytes:
    metas = (f'<meta name="{name}" content="{escape(content)}"/>' for name, content in meta.items())
    head = "\n".join([*metas, base, f"<title>{escape(title)}</title>"])
    body = "\n".join(links)
    return f"<!DOCTYPE html>\n<html><head>\n{head}\n</head><body>\n{body}\n</body></html>\n".encode()


def _link(manner: Manner, origin: str, project: Project, file: File) -> str:
    url = _url(manner, origin, project, file, manner.base_href)
    if manner.digests:
        # A fragment can have only one.
        url += "".join(f"#{name}={digest}" for name, digest in list(file.said_hashes.items())[:1])
    attributes = {"href": url, **_data(manner, file)}
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{escape(file.filename)}</a><br/>"


def _data(manner: Manner, file: File) -> dict[str, str]:
    data = {}
    if file.requires_python is not None:
        data["data-requires-python"] = file.requires_python
    if file.yanked is not False:
        data["data-yanked"] = "" if file.yanked is True else file.yanked
    if (metadata := file.said_core_metadata) is not None:
        said = ",".join(f"{k}={v}" for k, v in metadata.items()) if isinstance(metadata, dict) else ""
        data["data-core-metadata"] = data["data-dist-info-metadata"] = said or str(bool(metadata)).lower()
    if manner.html_upload_times and (uploaded := file.said_upload_time) is not None:
        data["data-upload-time"] = uploaded
    return data


def _url(manner: Manner, origin: str, project: Project, file: File, base_href: str | None) -> str:
    if file.url is not None:
        return file.url
    if base_href is None and not manner.relative_urls:
        return origin + file.quoted_path
    base = urlsplit(urljoin(f"{origin}/simple/{project.key}/", base_href or "")).path
    # Only the folder's URL is normalized, so that a hostile filename stays as it is.
    folder, filename = posixpath.split(file.quoted_path)
    return f"{posixpath.relpath(folder, posixpath.dirname(base))}/{filename}"
