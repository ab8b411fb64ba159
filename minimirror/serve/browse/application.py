"""The application of simple-repository-browser, with our parts. Importing it takes a second."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import simple_repository_browser
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from simple_repository_browser._app import AppBuilder
from simple_repository_browser.model import Model
from simple_repository_browser.view import View
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from minimirror.serve.browse.pages import Pages
from minimirror.serve.browse.search import Search
from minimirror.serve.browse.source import Source
from minimirror.serve.mirror import ServedMirror
from minimirror.serve.refusals import refusal

__all__ = ["make_browser"]

_HERE = Path(simple_repository_browser.__file__).parent

_CACHED = 64 << 20
"""Bytes of rendered READMEs that are cached."""


def make_browser(mirror: ServedMirror, cache: Path) -> Any:
    """Make the application. Call this in the thread that runs it.

    :param cache: a folder for its database and its cache
    """
    # What it logs goes to the root logger, which would otherwise get a handler that repeats our messages.
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: record.name not in {"minimirror", "root"})
        root.addHandler(handler)
    return _Builder(mirror, cache).create_app()


class _Builder(AppBuilder):  # type: ignore[misc]
    def __init__(self, mirror: ServedMirror, cache: Path) -> None:
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
        self._source = Source(mirror)

    def create_app(self) -> FastAPI:
        app: FastAPI = super().create_app()
        # Without its pages about the API, which nobody calls, and which load scripts from elsewhere.
        app.router.routes.clear()
        app.add_exception_handler(HTTPException, refusal)
        app.add_exception_handler(RequestValidationError, _invalid)
        app.add_exception_handler(RecursionError, _nested)
        return app

    def create_view(self) -> View:
        return Pages(self.template_paths, self.browser_version, self.static_files_manifest)

    def create_model(self, http_client: Any, database: Any) -> Model:  # noqa: ARG002
        crawler = Search(
            http_client=http_client,
            crawl_popular_projects=False,
            source=self._source,
            projects_db=self.con,
            cache=self.cache,
        )
        return Model(self._source, self.con, self.cache, crawler)


async def _invalid(request: Request, error: Any) -> Response:
    """Name what is wrong in an address: the last of where it is says which value."""
    wrong = ", ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
    return await refusal(request, HTTPException(400, f"this address is not valid: {wrong}"))


async def _nested(request: Request, _: Exception) -> Response:
    return await refusal(request, HTTPException(400, "the search is nested too deeply"))
