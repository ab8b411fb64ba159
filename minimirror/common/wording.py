"""What the config's messages have in common: nothing secret, nothing unprintable, the nearest known name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from minimirror.common.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["mask_credentials", "nearest", "quoted"]

# Greedy up to the last "@": a password may itself hold "@", "/" or a quote, and hiding too much harms nobody.
_CREDENTIALS = re.compile(r"://(?:([^\s:/@]*):)?.*@", re.DOTALL)


def mask_credentials(text: str) -> str:
    """Return the text with the password between ``://`` and ``@``, or a token alone there, hidden."""
    return _CREDENTIALS.sub(lambda match: f"://{match[1]}:****@" if match[1] else "://****@", text)


def quoted(text: str, most: int = 60) -> str:
    """Return the text as a message shows it: quoted, without secrets, cut to ``most`` characters."""
    text = printable(mask_credentials(text))
    return f'"{text}"' if len(text) <= most else f'"{text[:most]}…"'


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "NAME"?`` for the nearest known name; nothing where none is near."""
    names = difflib.get_close_matches(name[:100].lower(), known, n=1, cutoff=0.5)
    return f'; did you mean "{names[0]}"?' if names else ""
