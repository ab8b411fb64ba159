"""The routes of the server, and what answers them.

Whatever looks at the disk or the catalog for more than a moment runs in a thread; only pages that are cached
and current are answered at once.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse

from minimirror.common import MinimirrorError, did_you_mean, printable
from minimirror.config import Config
from minimirror.distributions import MAX_FILENAME
from minimirror.publish.report import MissingPlotlyError, report_page
from minimirror.serve.accept import TYPES, content_type
from minimirror.serve.browse import Browser
from minimirror.serve.home import home_page
from minimirror.serve.legacy_json import legacy_json
from minimirror.serve.metrics import metrics_page
from minimirror.serve.mirror import Latest
from minimirror.serve.opening import Opened
from minimirror.serve.overview import Overview
from minimirror.serve.pages import PageRenderer, RenderedPage
from minimirror.serve.refusals import UPLOAD_PATHS, refusal
from minimirror.serve.uploads import refused_upload
from minimirror.sync import mirror_report

if TYPE_CHECKING:
    from minimirror.serve.on_demand import Offer

__all__ = ["make_app"]

log = logging.getLogger("minimirror")

_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_OF_BROWSERS = re.compile(r"robots\.txt|sitemap\.xml|apple-touch-icon.*\.png|legacy/?")
"""What browsers and robots look for, which is no project that somebody misses."""

_STALE = '110 minimirror "the index cannot be asked; this lists only what is here"'
"""The header ``Warning`` of a page (RFC 7234, 5.5.1)."""

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(config: Config, opened: Opened, browser: Browser) -> Starlette:
    """Make the ASGI application."""
    site = _Site(config, opened)
    get: list[tuple[str, Endpoint]] = [
        ("/simple/{project}/", site.project),
        ("/packages/{filename}", site.file),
        ("/simple/", site.root),
        ("/", site.home),
        ("/packages/", site.file_list),
        ("/report", site.report),
        ("/health", site.health),
        ("/-/health", site.health),
        ("/-/metrics", site.metrics),
        *(
            (f"{start}/{{project}}{end}/json", site.legacy_json)
            for start in ("/pypi", "")
            for end in ("", "/{version}")
        ),
        # hatch looks for what is there already where devpi has it.
        ("/+simple/{project}/", site.project),
        ("/+simple/", site.root),
        ("/+api", site.devpi),
        # The address of a page ends with a slash (PEP 503).
        ("/{name:path}", site.other),
    ]
    routes: list[BaseRoute] = [Route(path, endpoint, methods=["GET"]) for path, endpoint in get]
    # After what is asked for most: each route before it takes time.
    routes.insert(2, Mount("/browse", app=browser))
    app = Starlette(
        routes=[*routes, *(Route(path, site.upload, methods=["POST"]) for path in UPLOAD_PATHS)],
        exception_handlers={HTTPException: refusal, MinimirrorError: _failure, OSError: _failure},
    )
    # Its redirects would be absolute, which a proxy in front of it may not be able to follow.
    app.router.redirect_slashes = False
    return app


class _Site:
    """What answers the requests."""

    def __init__(self, config: Config, opened: Opened) -> None:
        self._settings = config.serve
        mirror, self._files, self._usage, self._uploads, self._on_demand = opened
        self._folder = mirror.folder
        self._pages = PageRenderer(mirror)
        self._overview = Latest(mirror, partial(Overview, mirror))
        self._report = Latest(mirror, lambda: report_page(mirror_report(config)).encode())
        self._comparing = asyncio.Lock()

    async def project(self, request: Request) -> Response:
        name = request.path_params["project"]
        project = _project(name)
        if name != project:
            return _redirect(f"../{project}/")
        media_type = _accepted(request)
        json = "json" in media_type
        offer = self._on_demand.current(project) if self._on_demand else None
        page = self._pages.current(project, json=json, offer=offer)
        if page is None:
            offer = await self._on_demand.offer(project) if self._on_demand else None
            page = await run_in_threadpool(self._pages.project, project, json=json, offer=offer)
        if page is None:
            raise await self._not_mirrored(project, offer)
        response = self._page(request, page, media_type)
        if offer is not None and offer.stale:
            response.headers["Warning"] = _STALE
        return response

    async def root(self, request: Request) -> Response:
        media_type = _accepted(request)
        page = await self._pages.root(json="json" in media_type)
        return self._page(request, page, media_type)

    def _page(self, request: Request, page: RenderedPage, media_type: str) -> Response:
        """Return a page that a client may cache but has to revalidate each time."""
        headers = {"ETag": page.etag, "Cache-Control": "no-cache", "Vary": "Accept"}
        response = Response(page.body, headers={"Content-Type": media_type, **headers})
        not_modified = self._files.is_not_modified(response.headers, request.headers)
        return NotModifiedResponse(response.headers) if not_modified else response

    async def file(self, request: Request) -> Response:
        filename, is_head = request.path_params["filename"], request.method == "HEAD"
        try:
            response = await self._files.get_response(filename, request.scope)
        except HTTPException as error:
            if self._on_demand is None or error.status_code != HTTPStatus.NOT_FOUND:
                raise
            found = await self._on_demand.file(filename, head=is_head)
            if found is None:
                raise
            return found
        if not is_head:
            self._usage.use(filename)
        return response

    async def legacy_json(self, request: Request) -> Response:
        project, version = _project(request.path_params["project"]), request.path_params.get("version")
        if len(version or "") > MAX_FILENAME:
            raise HTTPException(404, "invalid version")
        offer = await self._on_demand.offer(project) if self._on_demand else None
        entries = await run_in_threadpool(self._pages.entries, project, offer)
        files = f"{request.base_url}packages/"
        body = await run_in_threadpool(legacy_json, project, version, entries, files)
        if body is None and not entries:
            raise await self._not_mirrored(project, offer)
        if body is None:
            raise HTTPException(404, f"{project} {version} is not mirrored here")
        return Response(body, media_type="application/json")

    async def file_list(self, _: Request) -> Response:
        return StreamingResponse(self._pages.file_list(), media_type="text/html")

    async def home(self, request: Request) -> Response:
        if request.headers.get("accept", "").startswith("application/json"):
            return _for_devpi("indexconfig", {"type": "mirror", "volatile": False, "projects": []})
        overview, running = await self._overview.read(), self._folder.holder() is not None
        return home_page(str(request.base_url), overview, self._settings, running=running)

    async def report(self, _: Request) -> Response:
        try:
            page = await self._report.read()
        except MissingPlotlyError as error:
            raise HTTPException(404, str(error)) from None
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    async def metrics(self, _: Request) -> Response:
        page = metrics_page(await self._overview.read())
        return Response(page, media_type=CONTENT_TYPE_LATEST)

    async def devpi(self, request: Request) -> Response:
        """Tell devpi's client where the pages are, so that ``devpi use`` and ``devpi install`` work."""
        url = str(request.base_url)
        found = {"index": url, "login": f"{url}+login", "simpleindex": f"{url}+simple/"}
        return _for_devpi("apiconfig", {**found, "authstatus": ["noauth", "", []]})

    async def health(self, _: Request) -> Response:
        return PlainTextResponse("Ok")

    async def _not_mirrored(self, project: str, offer: Offer | None) -> HTTPException:
        """Count that a client does not get a project, and return the error that says why."""
        why = self._on_demand.why_not(project, offer) if self._on_demand else ""
        self._usage.miss(project, why or "it is not mirrored")
        overview = await self._overview.read()
        # One at a time, since many clients ask for names that are not here.
        async with self._comparing:
            near = did_you_mean(await run_in_threadpool(overview.similar, project))
        why = f"project {project} is not {f'here: {why}' if why else 'mirrored here'}{near}"
        if self._settings.contact:
            why += f"{'' if why.endswith('?') else '.'} To have it added, ask {self._settings.contact}."
        return HTTPException(404, why)

    async def upload(self, request: Request) -> Response:
        if self._uploads is None:
            why = "uploads are off; start the server with `minimirror serve --htpasswd FILE`"
            raise refused_upload(request, HTTPException(403, why))
        await self._uploads.take(request)
        return PlainTextResponse("")

    async def other(self, request: Request) -> Response:
        """Redirect an address that people or older clients use."""
        name: str = request.path_params["name"]
        first, _, rest = name.partition("/")
        if name == "favicon.ico":  # browsers ask for it by themselves
            return Response(status_code=HTTPStatus.NO_CONTENT)
        if _OF_BROWSERS.fullmatch(name):
            raise HTTPException(404, "there is nothing at this address")
        if name in {"report/", "health/"}:
            return _redirect(f"../{first}")
        if name in {"simple", "+simple", "packages", "browse"}:
            return _redirect(f"{name}/")
        if first in {"simple", "+simple"} and rest and "/" not in rest:
            return _redirect(f"{_project(rest)}/")
        if not rest and _PROJECT.fullmatch(first):
            return _redirect(f"{'../' * name.endswith('/')}simple/{_project(first)}/")
        raise HTTPException(404, "there is nothing at this address")


def _project(name: str) -> str:
    if len(name) > MAX_FILENAME or not _PROJECT.fullmatch(name):
        raise HTTPException(404, "invalid project name")
    return canonicalize_name(name)


def _accepted(request: Request) -> str:
    found = content_type(request.headers.get("accept", ""))
    if found is None:
        raise HTTPException(406, f"supported types: {', '.join(TYPES)}")
    return found


def _redirect(location: str) -> Response:
    """Return a redirect to a relative URL, which also works behind a proxy."""
    return Response(status_code=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": location})


def _for_devpi(kind: str, result: dict[str, object]) -> Response:
    answer = {"status": 200, "type": kind, "result": result}
    return JSONResponse(answer, headers={"X-DEVPI-API-VERSION": "2"})


async def _failure(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, printable(request.url.path), error)
    why = "internal error; see the log of the server, and try again later\n"
    return PlainTextResponse(why, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"})
