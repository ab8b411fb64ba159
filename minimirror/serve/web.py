"""What the pages for people have in common: they load nothing, and are light or dark as the system is."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from starlette.responses import Response

__all__ = ["COPY", "is_secure", "web_page"]

COPY = """const copyButton = (element) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(element.textContent);
    } catch {  // only pages with https may write to the clipboard
      getSelection().selectAllChildren(element);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
};"""
"""JavaScript: a button that copies the text of an element."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ --text: #1c2430; --soft: #566072; --line: #d8dde6; --back: #fff; --box: #f5f7fa; --link: #0b5cad;
  --bad: #a32018 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e4e8ef; --soft: #a2abba; --line: #39414f; --back: #14181f; --box: #1d232c;
    --link: #7db7f5; --bad: #ff9a90 }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0 auto; max-width: 52rem; padding: 1.5rem 1rem 3rem; color: var(--text);
  background: var(--back); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }}
h1 {{ font-size: 1.7rem; margin: 0 0 .5rem; line-height: 1.2 }}
h2 {{ font-size: 1.2rem; margin: 2rem 0 .5rem }}
h3 {{ font-size: 1rem; margin: 1.2rem 0 .3rem }}
a {{ color: var(--link) }}
:focus-visible {{ outline: 3px solid var(--link); outline-offset: 2px }}
.soft {{ color: var(--soft) }}
.bad {{ color: var(--bad) }}
.sizes {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; padding: 0;
  list-style: none; font-size: 1.15rem; font-weight: 600 }}
.sizes li {{ border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem;
  background: var(--box) }}
p.soft {{ margin: .5rem 0 0; font-size: .875rem }}
.command {{ display: flex; align-items: stretch; margin: .4rem 0 }}
pre {{ flex: 1; min-width: 0; margin: 0; padding: .6rem .8rem; background: var(--box); overflow-x: auto;
  border: 1px solid var(--line); border-radius: .5rem 0 0 .5rem; font: .875rem/1.5 ui-monospace, monospace }}
button, input {{ font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line);
  padding: .45rem .8rem; border-radius: .5rem; min-height: 2.75rem }}
button {{ cursor: pointer; color: var(--link) }}
.command button {{ border-left: 0; border-radius: 0 .5rem .5rem 0; min-width: 5.5rem }}
form, .fill:not([hidden]) {{ display: flex; flex-wrap: wrap; gap: .5rem; align-items: center;
  margin: 1rem 0 }}
form input {{ flex: 1; min-width: 10rem }}
summary {{ cursor: pointer }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def web_page(title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page for people.

    :param title: text
    :param body: HTML
    """
    content = _PAGE.format(title=escape(title), body=body)
    return Response(content, status, {**_HEADERS, **(headers or {})}, "text/html; charset=utf-8")


def is_secure(scheme: str, host: str) -> bool:
    """Return whether installers trust a server without an option: it has TLS, or is on this machine."""
    return scheme == "https" or host in {"localhost", "::1"} or host.startswith("127.")
