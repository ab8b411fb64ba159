"""Each message about a page, as a user reads it."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import json

import pytest
from inline_snapshot import snapshot

from minimirror.simple_api import JSON_TYPE, PageError, read_page, read_root
from minimirror.simple_api.link_reader import MAX_FILES
from minimirror.simple_api.project_page import MAX_PROBLEMS

URL = "https://example.org/simple/foo/"


def page_error(body: bytes, content_type: str = JSON_TYPE) -> str:
    with pytest.raises(PageError) as caught:
        read_page(body, content_type, URL)
    return str(caught.value)


def root_error(body: bytes, content_type: str = JSON_TYPE) -> str:
    with pytest.raises(PageError) as caught:
        list(read_root([body], content_type))
    return str(caught.value)


def problems(*entries: object) -> list[str]:
    return read_page(json.dumps({"files": entries}).encode(), JSON_TYPE, URL).problems


def test_a_page_that_is_not_one() -> None:
    assert page_error(b"", "image/png") == snapshot(
        "the index sent 'image/png' instead of a page of the simple API"
    )
    assert page_error(b"", "text/html; charset=klingon") == snapshot(
        "the page has the unknown encoding 'klingon'"
    )
    assert page_error(b"<title>Sign in</title><form>", "text/html") == snapshot(
        'the server sent the web page "Sign in" instead of a page of the simple API. Check the URL and the credentials of the index, and whether the network requires you to sign in'
    )
    assert page_error(b"<form>", "text/html") == snapshot(
        "the server sent a web page instead of a page of the simple API. Check the URL and the credentials of the index, and whether the network requires you to sign in"
    )
    assert page_error(b"<title>Sign in</title><form>") == snapshot(
        'the page is not JSON: the server sent the web page "Sign in" instead of a page of the simple API. Check the URL and the credentials of the index, and whether the network requires you to sign in'
    )
    assert page_error(b"<html>") == snapshot(
        "the page is not JSON: Expecting value: line 1 column 1 (char 0)"
    )
    assert page_error(b"[]") == snapshot("the page has no list of files")
    assert page_error(b'{"files": [], "meta": {"api-version": "2.0"}}') == snapshot(
        "the page has version '2.0' of the simple API; only version 1 is supported"
    )
    assert page_error(b"<a href=x>" * (MAX_FILES + 1), "text/html") == snapshot(
        "the page lists more than 200,000 files"
    )
    assert page_error(b"<a " + b"b " * 40_000, "text/html") == snapshot(
        "the page has a tag longer than 65,536 characters"
    )
    assert page_error(b"<!--" + b"b " * 600_000, "text/html") == snapshot(
        "the page has a comment or a script longer than 1,048,576 characters"
    )
    assert page_error(b"Sign in", "text/html") == snapshot("the page is not HTML")
    assert page_error(b"<p><a href=", "text/html") == snapshot("the page ends inside a tag")
    assert page_error(b'{"files": [%s0]}' % (b"0," * MAX_PROBLEMS)) == snapshot(
        "the page has more than 10000 invalid entries; the last: cannot read the entry 0: it is not an object"
    )


def test_an_entry_that_cannot_be_read() -> None:
    foo = {"filename": "foo-1.tar.gz", "url": "foo-1.tar.gz"}
    assert problems(None, [], {"filename": "foo-1.tar.gz"}) == snapshot(
        [
            "cannot read an entry: it is not an object",
            "cannot read an entry: it is not an object",
            "cannot read the entry 'foo-1.tar.gz': filename and url must be strings",
        ]
    )
    many = {f"sha{number}": "0" * 64 for number in range(20)}
    assert problems({**foo, "hashes": many}, {**foo, "requires-python": ">=3," * 300}) == snapshot(
        [
            "cannot read the entry 'foo-1.tar.gz': it has more than 12 digests",
            "cannot read the entry 'foo-1.tar.gz': requires-python is longer than 1000 characters",
        ]
    )
    assert read_page(b'<a href="http://[/foo-1.tar.gz">foo</a>', "text/html", URL).problems == snapshot(
        ["cannot read the link 'http://[/foo-1.tar.gz': Invalid IPv6 URL"]
    )


def test_a_root_that_is_not_one() -> None:
    assert root_error(b"", "image/png") == snapshot(
        "the index sent 'image/png' instead of a page of the simple API"
    )
    assert root_error(b"[]") == snapshot("the index root is not JSON: expected '{'")
    assert root_error(b"{}") == snapshot("the index root has no list of projects")
    assert root_error(b'{"projects": [') == snapshot("the index root ends early")
    assert root_error(b'{"projects": []} x') == snapshot("the index root is not JSON: text follows its end")
    assert root_error(b'{"x\xff') == snapshot("the index root is not UTF-8")
    assert root_error(b'{"x": ' + b"[" * 100_000) == snapshot("the index root is nested too deep")
    assert root_error(b'{"x": "' + b"y" * (1 << 21)) == snapshot(
        "the index root is not JSON, or has a value of more than 1,048,576 characters"
    )
    assert root_error(b"Sign in", "text/html") == snapshot("the index root is not HTML")
    assert root_error(b"<p><a href=", "text/html") == snapshot("the index root ends inside a tag")
    assert root_error(b"<p><a href=" + b"x" * (1 << 21), "text/html") == snapshot(
        "the index root has a tag longer than 65,536 characters"
    )
    assert root_error(b"<p>", "text/html; charset=klingon") == snapshot(
        "the index root has the unknown encoding 'klingon'"
    )
