"""The page at ``/``: what this index is, and how to use it."""

from __future__ import annotations

from html import escape

__all__ = ["home_page"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Package index</title>
</head>
<body>
<h1>Package index</h1>
<p>A Python package index with {files}: <a href="simple/">projects</a>, <a href="packages/">files</a>.</p>
<pre>
pip install --index-url {url}simple/ PROJECT
uv pip install --default-index {url}simple/ PROJECT
twine upload --repository-url {url} FILE
</pre>
</body>
</html>
"""


def home_page(url: str, files: str) -> str:
    """Return the page.

    :param url: the address of this page, as its visitor used it
    :param files: how many files there are
    """
    return _PAGE.format(url=escape(url), files=files)
