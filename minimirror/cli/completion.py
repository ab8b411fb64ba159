"""What a shell offers after Tab: keys, values, projects and files.

It comes from the config and the catalog alone. Nothing is written, no index is asked, and if anything is
wrong, nothing is offered.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from click import Context, Parameter

    from minimirror.config import Config

    _Complete: TypeAlias = Callable[[Context, Parameter, str], list[CompletionItem]]

__all__ = ["entries", "keys", "mirrored", "values"]

# ruff: noqa: ARG001, PLC0415 - click passes three arguments, and a shell should not wait for imports

_MOST = 200
"""How many projects are offered."""

_PLAIN = re.compile(r"[A-Za-z0-9._*?-]+")
"""What no shell takes for anything but a word."""

_FOLDERS = {"repository"}
_FILES = {"requirements", "allowed_signers", "client_cert", "$schema"}


def _silent(find: Callable[[Context, str], Iterable[str | CompletionItem]]) -> _Complete:
    """Make a function for click of one that finds words; only those that begin like the typed one count."""

    @wraps(find)
    def complete(ctx: Context, _: Parameter, typed: str) -> list[CompletionItem]:
        try:
            found = [*find(ctx, typed)]
        except Exception:  # noqa: BLE001 - a traceback in the middle of a command line helps nobody
            return []
        items = [each if isinstance(each, CompletionItem) else CompletionItem(each) for each in found]
        return [each for each in items if each.type != "plain" or each.value.startswith(typed)]

    return complete


@_silent
def keys(ctx: Context, typed: str) -> Iterable[str | CompletionItem]:
    """Offer the keys of the config, each with the first sentence of its meaning."""
    from minimirror.config import descriptions

    for key, meaning in descriptions().items():
        first = re.split(r"(?<=\w{3})[.:;]\s", meaning)[0]
        yield CompletionItem(key, help=" ".join(first.split()).rstrip("."))


@_silent
def values(ctx: Context, typed: str) -> Iterable[str | CompletionItem]:
    """Offer values of the key: the last item of a list if commas separate several."""
    key = ctx.params["key"]
    if key in _FOLDERS | _FILES:
        return [CompletionItem(typed, type="dir" if key in _FOLDERS else "file")]
    from minimirror.config import choices

    if "-=" in ctx.params["value"]:
        return filter(_PLAIN.fullmatch, getattr(_config(ctx), key))
    before, comma, _last = typed.rpartition(",")
    return [before + comma + each for each in choices(key) if each not in before.split(",")]


@_silent
def mirrored(ctx: Context, typed: str) -> Iterable[str]:
    """Offer projects: those in the catalog, and those that the config names."""
    from minimirror.storage import names_like, open_repository

    config = _config(ctx)
    folder = open_repository(config.repository, config.state)
    found = names_like(folder.catalog, typed, _MOST) if folder.has_catalog() else []
    return dict.fromkeys([*found, *_names(config)])


@_silent
def entries(ctx: Context, typed: str) -> Iterable[str]:
    """Offer the projects that the config lists, but those that are typed already."""
    typed_before = ctx.params.get("names") or ()
    return [each for each in _names(_config(ctx)) if each not in typed_before]


def _config(ctx: Context) -> Config:
    from minimirror.config import load

    return load(ctx.params["path"])


def _names(config: Config) -> list[str]:
    """Return the names and globs in `projects`, without versions."""
    found = (re.fullmatch(rf"({_PLAIN.pattern})\s*(?:[<>=!~].*)?", each) for each in config.projects or ())
    return [each[1] for each in found if each]
