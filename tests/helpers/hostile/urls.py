"""Bad file URLs on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .stage import Item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .stage import SetUp, Stage

__all__ = ["URLS"]


def at(url: str) -> SetUp:
    """A wheel at that URL, beside a good file; ``{0}`` stands for its name, ``{1}`` for the index's host."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel()
        stage.wheel(url=url.format(file.filename, stage.index.origin.removeprefix("http://")))
        return stage.sdist()

    return set_up


def _here(url: str) -> SetUp:
    """A wheel at that URL, which is allowed."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        file = stage.wheel()
        stage.wheel(url=url.format(file.quoted_path, stage.index.origin.removeprefix("http://")))
        return {file.filename: file.content}

    return set_up


def _scheme(project: str, url: str, scheme: str) -> Item:
    failure = rf"\.whl: .*'{scheme}'"
    return Item(project, at(url), failure, lasting=True)


_REFUSED = r"(\.whl: |cannot read the (link|entry) )"

URLS = (
    _scheme("url-file", "file:///etc/{0}", "file"),
    _scheme("url-file-host", "file://localhost/etc/{0}", "file"),
    _scheme("url-ftp", "ftp://{1}/{0}", "ftp"),
    _scheme("url-git", "git+https://{1}/{0}", r"git\+https"),
    _scheme("url-data", "data:text/plain,/{0}", "data"),
    _scheme("url-script", "javascript:alert(1)/{0}", "javascript"),
    Item(
        "url-credentials",
        at("http://user:s3cret@{1}/{0}"),
        r"\.whl: .*credentials",
        lasting=True,
    ),
    Item("url-user", at("http://user@{1}/{0}"), r"\.whl: .*credentials", lasting=True),
    Item("url-bracket", at("http://[::1/{0}"), rf"{_REFUSED}.*(valid|Invalid)", lasting=True),
    Item(
        "url-port",
        at("http://127.0.0.1:99999/{0}"),
        r"\.whl: .*invalid.* URL",
        lasting=True,
    ),
    Item("url-port-words", at("http://127.0.0.1:port/{0}"), r"\.whl: invalid URL$", lasting=True),
    Item("url-no-host", at("http:///{0}"), r"\.whl: ", lasting=True),
    Item("url-host-space", at("http://127.0.0.1 .example/{0}"), r"\.whl: ", lasting=True),
    Item("url-host-snowman", at("http://\u2603.example/{0}"), r"\.whl: .*host name", lasting=True),
    Item("url-host-long", at("http://" + "a" * 300 + ".invalid/{0}"), r"\.whl: ", lasting=True),
    Item("url-newline", at("http://{1}/a\r\nX-Injected: 1\r\n\r\n/{0}"), r"\.whl: HTTP 404$", lasting=True),
    Item("url-escape", at("x\x1b[2J://{1}/{0}"), r"(\.whl: |refused)", lasting=True),
    Item(
        "url-closed-port",
        at("http://127.0.0.1:1/{0}"),
        r"\.whl: .*Connection refused",
        lasting=True,
    ),
    Item("url-relative", _here("../..{0}")),
    Item("url-no-scheme", _here("//{1}{0}")),
    Item("url-upper-case", _here("HTTP://{1}{0}")),
    Item("url-query", _here("http://{1}{0}?a=b/../c")),
)
