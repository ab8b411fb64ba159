"""A web page for people, such as one to sign in, is no page of the simple API; an empty page of it is one."""

from __future__ import annotations

import pytest

from minimirror.simple_api import JSON_TYPE, OtherPageError, read_page, read_root

MARKER = '<meta name="pypi:repository-version" content="1.0">'
LOGIN = """\
<!DOCTYPE html><html><head><title>Sign in · Example</title><link rel="stylesheet" href="/a.css"></head><body>
<a href="/">Home</a><a href="/help/">Help</a><a href="/forgot">Forgot your password?</a>
<form action="/login" method="post"><input name="user"><input type="password"></form></body></html>"""

OTHERS = {
    "login": LOGIN,
    "login without title": '<form><input name="user"><input type="PASSWORD"></form>',
    "login that is drawn by a script": '<title>Log in</title><script src="a.js"></script>',
    "other languages": "<title>Anmelden</title><form action=/><input name=user></form>",
    "single sign-on": "<body onload='document.forms[0].submit()'><form><input type=hidden></form>",
    "redirect": '<html><head><meta http-equiv="Refresh" content="0; url=/login"></head></html>',
    "script": "<script>location = '/login'</script>",
    "captive portal": '<title>Hotel WiFi</title><h1>Welcome</h1><a href="/go">Go online</a>',
    "maintenance": "<html><head><title>Maintenance</title></head><body><h1>We'll be back</h1></body></html>",
    "maintenance without title": "<h1>We'll be back soon</h1>",
    "maintenance of an index": "<title>The Python Package Index is down for maintenance</title>",
    "text at the end": "<p>Please log in",
    "proxy": "<html><body>Access denied by policy</body></html>",
    "error": "<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>",
    "home": '<title>Python Package Index</title><form action="/search"><input name="q"></form>',
    "index that asks for a password": "<title>Links for demo</title><form><input type=password></form>",
}
EMPTY = {
    "PEP 503": "<!DOCTYPE html><title>Links for demo</title><body><h1>Links for demo</h1></body>",
    "PEP 629": f"<html><head>{MARKER}<title>Sign in</title></head><body></body></html>",
    "nothing": "<!DOCTYPE html>\n<html><body>\n</body></html>",
    "heading": "<h1>Links for demo</h1>",
    "name": "<title>demo</title><h1>demo</h1>",
    "devpi": "<title>root/pypi: links for demo</title><form action='/x'><input type='submit'></form>",
    "nginx": "<title>Index of /simple/demo/</title><h1>Index of</h1><a href='../'>../</a>",
    "Apache": "<title>Index of /demo</title><a href='?C=N;O=D'>Name</a><a href='/'>Parent Directory</a>",
    "http.server": "<title>Directory listing for /simple/demo/</title><hr><ul></ul><hr>",
    "words": "<html><body>no files</body></html>",
}


@pytest.mark.parametrize("html", OTHERS.values(), ids=OTHERS)
def test_another_web_page_is_neither_a_page_nor_an_index(html: str) -> None:
    with pytest.raises(OtherPageError):
        read_page(html.encode(), "text/html", "https://example.org/simple/demo/")
    with pytest.raises(OtherPageError):
        list(read_root([html.encode()], "text/html"))


@pytest.mark.parametrize("html", EMPTY.values(), ids=EMPTY)
def test_a_page_without_files_is_a_page(html: str) -> None:
    page = read_page(html.encode(), "text/html; charset=utf-8", "https://example.org/simple/demo/")
    assert not [file for file in page.files if file.filename.endswith(".whl")]


def test_a_page_with_files_is_a_page_whatever_else_it_has() -> None:
    html = f'{LOGIN}<a href="demo-1.0.tar.gz">demo</a>'
    page = read_page(html.encode(), "text/html", "https://example.org/")
    assert page.files[-1].filename == "demo-1.0.tar.gz"


@pytest.mark.parametrize(
    "html",
    [
        "<title>Simple index</title>",
        "<title>Private</title><form><input name=q></form><a href='demo/'>demo</a>",
        "<title>root/pypi: simple list</title><form><input type=submit></form><a href='demo'>demo</a>",
        "<title>Index of /simple/</title><a href='../'>../</a><a href='demo/'>demo/</a>",
        f"{MARKER}<title>Log in</title><a href='x/'>demo</a>",
        "<html></html>",
    ],
)
def test_an_index_is_an_index(html: str) -> None:
    assert {name for name, _ in read_root([html.encode()], None)} == {"demo"} & {
        html[html.rfind("demo") :][:4]
    }


@pytest.mark.parametrize("content_type", ["text/html", JSON_TYPE])
def test_the_error_quotes_the_title(content_type: str) -> None:
    with pytest.raises(OtherPageError, match="Sign in · Example"):
        read_page(LOGIN.encode(), content_type, "https://example.org/login")
