"""The page at ``/``: what this index is, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import Response

from minimirror.common import counted, format_size, format_time, shorten
from minimirror.config import ServeSettings
from minimirror.serve.browse import can_browse
from minimirror.serve.overview import Overview
from minimirror.serve.web import COPY, is_secure, web_page
from minimirror.sync import freshness

__all__ = ["home_page"]

_LISTED = 50
"""Missing files that are listed."""

_SCRIPT = f"<script>\n{COPY}{Path(__file__).with_name('home.js').read_text('utf-8')}</script>"


def home_page(url: str, overview: Overview, settings: ServeSettings, *, running: bool) -> Response:
    """Return the page.

    :param url: the address of this page, as its visitor used it
    :param running: whether a run or an import is in progress
    """
    browse, uploads = can_browse(), settings.htpasswd is not None
    links = ['<a href="simple/">All projects</a>', '<a href="packages/">All files</a>']
    if browse:
        links.insert(0, '<a href="browse/">Browse</a>')
    if find_spec("plotly") is not None:
        links.append('<a href="report">Report</a>')
    search = (
        '<form action="browse/search" role="search"><input type="search" name="query" required'
        ' aria-label="Search projects" placeholder="Search projects"><button>Search</button></form>'
    )
    body = [
        "<h1>Python package index</h1>",
        "<p>This server has packages for pip, uv and other installers.</p>",
        search if browse else "",
        f"<p>{' · '.join(links)}</p>",
        *_size(overview),
        *_state(overview, running=running),
        *_commands(url, next(iter(overview.projects), ""), uploads=uploads),
    ]
    if settings.contact:
        body += ["<h2>Questions</h2>", f"<p>Ask {_contact_html(settings.contact)}.</p>"]
    return web_page("Python package index", "\n".join(filter(None, [*body, _SCRIPT])))


def _size(overview: Overview) -> Iterator[str]:
    sizes = (
        counted(len(overview.projects), "project"),
        counted(overview.files, "file"),
        format_size(overview.bytes),
    )
    yield f'<ul class="sizes">{"".join(f"<li>{size}</li>" for size in sizes)}</ul>'


def _state(overview: Overview, *, running: bool) -> Iterator[str]:
    _, _, complete, last, missing = overview.catalog
    if last is None:
        return
    yield "<h2>State</h2>"
    age = "no run has completed yet" if complete is None else freshness(complete)
    yield f"<p>{escape(age[0].upper() + age[1:])}.{' A run is in progress.' if running else ''}</p>"
    if last.outcome != "complete" and not running:
        why = f": {last.counts['error']}" if last.counts.get("error") else ""
        when = format_time(last.ended or last.started)
        yield f'<p class="bad">The last run was {last.outcome} ({when}){escape(why)}.</p>'
    if missing:
        yield f"<details><summary>Missing: {len(missing):,}</summary><ul>"
        yield from (f"<li>{escape(each)}</li>" for each in shorten([*map(str, missing)], _LISTED))
        yield "</ul></details>"


def _commands(url: str, example: str, *, uploads: bool) -> Iterator[str]:
    simple, parts = f"{url}simple/", urlsplit(url)
    host = parts.hostname or ""
    insecure = not is_secure(parts.scheme, host)
    trusted = f" --trusted-host {host}" if insecure else ""
    yield "<h2>Use it</h2>"
    yield (
        '<p class="fill" hidden><label for="project">Commands for the project</label>'
        f'<input id="project" autocomplete="off" spellcheck="false" value="{escape(example)}"></p>'
    )
    commands = [
        ("pip", "For one command", f"pip install --index-url {simple}{trusted} PROJECT"),
        ("", "By default", f"pip config set global.index-url {simple}"),
        ("", "", f"pip config set global.trusted-host {host}" if insecure else ""),
        ("uv", "For one command", f"uv pip install --default-index {simple} PROJECT"),
        ("", "By default", f"export UV_DEFAULT_INDEX={simple}"),
        ("Poetry", "In a project", f"poetry source add --priority primary mirror {simple}"),
        ("PDM", "By default", f"pdm config pypi.url {simple}"),
        ("", "", "pdm config pypi.verify_ssl false" if insecure else ""),
    ]
    if uploads:
        commands += [
            ("Upload your own packages", "", f"twine upload --repository-url {url} dist/*"),
            ("", "", f"uv publish --publish-url {url} dist/*"),
        ]
    for tool, when, command in commands:
        yield f"<h3>{tool}</h3>" if tool else ""
        yield f'<p class="soft">{when}:</p>' if when else ""
        if command:
            yield f'<div class="command"><pre tabindex="0"><code>{escape(command)}</code></pre></div>'


def _contact_html(contact: str) -> str:
    """Return whom to ask, with a link if it is a URL or an e-mail address."""
    shown = escape(contact)
    if contact.startswith(("https://", "http://", "mailto:")):
        return f'<a href="{shown}">{shown.removeprefix("mailto:")}</a>'
    if "@" in contact and " " not in contact:
        return f'<a href="mailto:{shown}">{shown}</a>'
    return shown
