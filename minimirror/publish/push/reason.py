"""What a server says of an upload, in one line that can be shown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from http import HTTPStatus

from minimirror.common import printable

__all__ = ["MAX_BODY", "reason"]

MAX_BODY = 16 << 10
"""Bytes of an answer that are looked at."""

_LONGEST = 200
"""Characters that are shown."""

_MARKUP = re.compile(r"<(head|script|style)\b.*?(?:</\1>|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE)


def reason(status: int, phrase: str, body: bytes, secrets: Iterable[str]) -> str:
    """The reason that an answer gives, maybe none.

    :param phrase: what the status line says; devpi gives its reason there
    :param body: the beginning of the answer: text, HTML or JSON
    :param secrets: what is not shown, though the server may say it
    """
    said = phrase if phrase and phrase != _phrase(status) else _text(body)
    for secret in secrets:
        said = said.replace(secret, "…")
    said = printable(" ".join(said.split()))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return html.unescape(_MARKUP.sub(" ", text)) if re.match(r"\s*<", text) else text
