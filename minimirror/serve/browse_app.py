"""The application of simple-repository-browser, with our mirror as its source."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import simple_repository_browser
from markupsafe import Markup, escape
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version
from pkginfo import Distribution as PackageInfo
from simple_repository import SimpleRepository, model
from simple_repository.errors import PackageNotFoundError, ResourceUnavailable
from simple_repository_browser import fetch_description, fetch_projects
from simple_repository_browser._app import AppBuilder
from simple_repository_browser.crawler import Crawler
from simple_repository_browser.metadata_serialization import pkg_info_to_metadata_json
from simple_repository_browser.model import Model
from simple_repository_browser.view import View
from starlette.datastructures import URL
from starlette.requests import Request

from minimirror.common import MinimirrorError, printable
from minimirror.distributions import FilenameError, MetadataError, read_filename, read_metadata
from minimirror.publish.static import SUFFIX
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.pages import PageRenderer
from minimirror.serve.web import COPY
from minimirror.simple_api import Entry

__all__ = ["make_browser"]

log = logging.getLogger("minimirror")

_HERE = Path(simple_repository_browser.__file__).parent
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_PICTURE = re.compile(r"<(?:img|source)\b(?:[^>\"]|\"[^\"]*\")*>")
_ALT = re.compile(r"\balt=\"([^\"]*)\"")
_EXTRA = re.compile(r"[\w.-]+", re.ASCII)

_CACHED = 64 << 20
"""Bytes of rendered READMEs that are cached."""

_MAX_TEXT = 500_000
"""Characters of a file's metadata that are shown; rendering more could take minutes."""

_PAUSE = 2.0
"""Seconds between two updates of the search, at least."""

_SHARE = 20
"""Updates take at most one part in this many of the time."""

_BASE = r"""{% extends "base/base.html" %}
{% block title %}Python package index{% endblock %}
{% block navbar_right %}
<li class="nav-item"><a class="nav-link" href="../">Index</a></li>
{{ super() }}
{% endblock %}
{% block head %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<base href="{{ up }}">
{{ super() }}
<script>
document.documentElement.lang = "en";
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; };
dark.addEventListener("change", follow);
follow();
{{ copy }}
addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    link.href = location.pathname + location.search + link.getAttribute("href");
  }
  for (const input of document.querySelectorAll("input")) {
    input.setAttribute("aria-label", input.placeholder);
  }
  const shown = document.querySelector("#pip-command");
  if (shown) {
    const index = new URL("../simple/", document.baseURI), command = document.createElement("code");
    const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(index.hostname);
    const trusted = index.protocol === "https:" || isLocal ? "" : ` --trusted-host ${index.hostname}`;
    const options = `install --index-url ${index}${trusted}`;
    command.textContent = shown.textContent.trim().replace("install", options);
    const button = copyButton(command);
    button.className = "btn btn-sm btn-light ms-2";
    shown.replaceChildren(command, button);
  }
});
</script>
<style>
.pip-command { display: inline-block; white-space: normal; overflow-wrap: anywhere }
.pip-command code { color: inherit }
:root[data-bs-theme="dark"] { --base-color: #24407f; --base-color2: #3a4f86 }
:root[data-bs-theme="dark"] .jumbo-separator { background: #23272d; color: inherit; border-color: #444 }
h1, .card-body, #description-page { overflow-wrap: anywhere }
#description-page pre { overflow-x: auto }
.navbar-toggler { display: none }
.navbar-collapse.collapse:not(.show) { display: flex; flex-wrap: wrap; gap: .5rem; flex-basis: auto }
:focus-visible { outline: 3px solid #ffb000; outline-offset: 2px }
</style>
{% endblock %}
"""


def make_browser(mirror: ServedMirror, pages: PageRenderer, cache: Path) -> Any:
    """Make the application. Call this in the thread that runs it.

    :param cache: a folder for its database and its cache
    """
    # What it logs goes to the root logger, which would otherwise get a handler that repeats our messages.
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: record.name not in {"minimirror", "root"})
        root.addHandler(handler)
    return _Builder(mirror, pages, cache).create_app()


class _Builder(AppBuilder):  # type: ignore[misc]
    def __init__(self, mirror: ServedMirror, pages: PageRenderer, cache: Path) -> None:
        templates = _HERE / "templates"
        super().__init__(
            url_prefix="",
            repository_url="",
            cache_dir=cache,
            template_paths=[templates / "base", templates],
            static_files_paths=[_HERE / "static"],
            crawl_popular_projects=False,
            browser_version=simple_repository_browser.__version__,
        )
        self.cache.reset("size_limit", _CACHED)
        # All of it is made again if it is lost.
        self.con.execute("PRAGMA synchronous = OFF")
        self._source = _Source(mirror, pages)

    def create_view(self) -> View:
        return _View(self.template_paths, self.browser_version, self.static_files_manifest)

    def create_model(self, http_client: Any, database: Any) -> Model:  # noqa: ARG002
        crawler = _Crawler(
            http_client=http_client,
            crawl_popular_projects=False,
            source=self._source,
            projects_db=self.con,
            cache=self.cache,
        )
        return Model(self._source, self.con, self.cache, crawler)


class _View(View):  # type: ignore[misc]
    """Pages whose links are relative to where the browser is, so that they work below any address."""

    def create_templates_environment(self) -> jinja2.Environment:
        environment: jinja2.Environment = super().create_templates_environment()
        environment.loader = jinja2.ChoiceLoader(
            [jinja2.DictLoader({"base.html": _BASE}), environment.loader or jinja2.BaseLoader()]
        )
        environment.globals["copy"] = Markup(COPY)  # noqa: S704 - it is ours
        environment.globals["url_for"] = _url_for
        environment.globals["render_markers"] = _markers
        environment.globals["static_file_url"] = self._static_file_url
        return environment

    def render_template(self, context: Mapping[str, Any], request: Request, template: str) -> str:
        below = request.scope["path"].removeprefix(request.scope["root_path"])
        up = "../" * (below.count("/") - 1) or "./"
        return str(super().render_template({**context, "up": up}, request, template))

    @jinja2.pass_context
    def _static_file_url(self, context: Mapping[str, Any], target_file: str) -> URL:
        filename, _ = self.static_files_manifest[target_file.lstrip("/")]
        return _url_for(context, "static", path=filename)


@jinja2.pass_context
def _url_for(context: Mapping[str, Any], name: str, **values: Any) -> URL:
    path = str(context["request"].app.url_path_for(name, **values))
    return URL(path.removeprefix("/") or "./")


def _markers(requirement: Requirement, **_: object) -> Markup:
    """Return the markers escaped, which theirs are not."""
    return escape(requirement.marker or "")


class _Source(SimpleRepository):
    """The mirror, as the browser reads it."""

    def __init__(self, mirror: ServedMirror, pages: PageRenderer) -> None:
        self.mirror = mirror
        self._pages = pages

    async def get_project_list(self, *, request_context: Any = None) -> model.ProjectList:  # noqa: ARG002
        names = map(model.ProjectListElement, self.mirror.projects())
        return model.ProjectList(model.Meta("1.0"), frozenset(names))

    async def get_project_page(
        self,
        project_name: str,
        *,
        request_context: Any = None,  # noqa: ARG002
    ) -> model.ProjectDetail:
        entries = self._pages.entries(project_name)
        if not entries:
            raise PackageNotFoundError(project_name)
        return model.ProjectDetail(model.Meta("1.0"), project_name, tuple(map(self._file, entries)))

    async def get_resource(
        self,
        project_name: str,  # noqa: ARG002
        resource_name: str,
        *,
        request_context: Any = None,  # noqa: ARG002
    ) -> model.Resource:
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

    def uploaded(self, filename: str, at: float | None) -> datetime:
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
            upload_time=self.uploaded(entry.filename, entry.upload_time),
        )


class _Crawler(Crawler):  # type: ignore[misc]
    """Keeps what the search looks at up to date with the mirror."""

    async def run_reindex_periodically(self) -> None:
        loop, source, state = asyncio.get_running_loop(), self._source, None
        indexed: dict[str, str] = {}
        while True:
            begun = loop.time()
            try:
                if (now := source.mirror.state()) != state:
                    state = now
                    await self._index(source, indexed)
            except MinimirrorError:
                state = None
            await asyncio.sleep(max(_PAUSE, _SHARE * (loop.time() - begun)))

    async def fetch_pkg_info(self, *arguments: Any, **more: Any) -> tuple[model.File, Any]:
        """Return a file and what it says, without what would load pictures or run scripts in the page."""
        try:
            file, info = await super().fetch_pkg_info(*arguments, **more)
        except Exception as error:  # noqa: BLE001 - whatever their parsers raise
            # Authors write anything into metadata. The page has its files and other releases, too.
            _, version, releases, *_ = arguments
            files = releases[version].files
            file = max(files, key=lambda each: each.filename.endswith(".whl"))
            log.warning("/browse/ does not show all metadata of %s: %s", file.filename, printable(str(error)))
            info = _about(self._source.metadata(file.filename))
            info.files_info = {each.filename: fetch_description.FileInfo(each.size or 0) for each in files}
        urls = {
            name: url for name, url in info.project_urls.items() if url.startswith(("https://", "http://"))
        }
        usable = [each for each in info.requires_dist if _is_harmless(each)]
        return file, replace(
            info,
            description=_PICTURE.sub(_words_of_picture, info.description),
            project_urls=urls,
            requires_dist=fetch_description.RequirementsSequence(usable),
        )

    async def _index(self, source: _Source, indexed: dict[str, str]) -> None:
        """Add what is new to the search, and remove what is gone.

        :param indexed: the file of each project whose metadata was read, to be kept for the next time
        """
        found = await source.get_project_list()
        names = {each.name for each in found.projects}
        for name in indexed.keys() - names:
            fetch_projects.remove_if_found(self._projects_db, name)
            del indexed[name]
        for name in sorted(names):
            newest = max(_files(source.mirror, name), default=None)
            if newest is None or indexed.get(name) == newest.filename:
                continue
            indexed[name] = newest.filename
            self._describe(source, name, newest)
            await asyncio.sleep(0)

    def _describe(self, source: _Source, project: str, newest: _Candidate) -> None:
        described = _about(source.metadata(newest.filename))
        at = source.uploaded(newest.filename, newest.upload_time)
        fetch_projects.insert_if_missing(self._projects_db, project, project)
        fetch_projects.update_summary(self._projects_db, project, described.summary, at, str(newest.version))
        fetch_projects.update_metadata(self._projects_db, project, pkg_info_to_metadata_json(described))


def _about(metadata: bytes | None) -> fetch_description.PackageInfo:
    """Return what core metadata says, with its description as it was written, and without links."""
    info = PackageInfo()
    info.parse(metadata or b"")
    return fetch_description.PackageInfo(
        summary=info.summary or "",
        description=f"<pre>{escape(info.description or '')}</pre>",
        author=info.author,
        maintainer=info.maintainer,
        classifiers=info.classifiers,
        requires_dist=fetch_description._parse_requirements(info),  # noqa: SLF001
    )


def _words_of_picture(picture: re.Match[str]) -> str:
    words = _ALT.search(picture[0])
    return f"<span>{words[1]}</span>" if words else ""


def _is_harmless(requirement: Any) -> bool:
    if not requirement.is_valid:
        return True
    extras = fetch_description.RequirementsSequence.extras_for_requirement(requirement)
    return all(map(_EXTRA.fullmatch, extras))


class _Candidate(NamedTuple):
    """A file of a project: the one that says most of its newest release is the greatest."""

    usable: bool
    final: bool
    version: Version
    is_wheel: bool
    filename: str
    upload_time: float | None


def _files(mirror: ServedMirror, project: str) -> Iterator[_Candidate]:
    rows = {row.filename: (row.yanked is None, row.upload_time) for row in mirror.catalog.files(project)}
    for filename in {*rows, *mirror.local.names(project)}:
        usable, upload_time = rows.get(filename, (True, None))
        try:
            version = Version(read_filename(filename, project).version)
        except (FilenameError, InvalidVersion):
            version = Version("0.dev0")
        is_wheel = filename.endswith(".whl")
        yield _Candidate(usable, not version.is_prerelease, version, is_wheel, filename, upload_time)
