"""The pages of the browser, with links that work below any address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup, escape
from packaging.requirements import Requirement
from simple_repository_browser.view import View
from starlette.datastructures import URL
from starlette.requests import Request

from minimirror.serve.web import COPY

__all__ = ["Pages"]

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
