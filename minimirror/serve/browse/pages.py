"""The pages of the browser, with links that work below any address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from packaging.requirements import Requirement
from simple_repository_browser.view import View
from starlette.datastructures import URL
from starlette.requests import Request

from minimirror.serve.web import COPY

__all__ = ["Pages"]

_BASE = Path(__file__).with_name("base.html").read_text("utf-8")
"""Our template for all pages, which extends theirs."""


class Pages(View):  # type: ignore[misc]
    """Pages whose links are relative to where the browser is, so that they work below any address."""

    def create_templates_environment(self) -> jinja2.Environment:
        """Add our template for all pages, and what it calls."""
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
        """Tell the template how to get from its page to the first one."""
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
