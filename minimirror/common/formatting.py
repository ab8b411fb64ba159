"""Text for people: sizes, times, short lists, quoted values without secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

__all__ = [
    "counted",
    "did_you_mean",
    "either",
    "format_duration",
    "format_size",
    "format_time",
    "mask_credentials",
    "nearest",
    "printable",
    "quoted",
    "shorten",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Greedy up to the last "@" before the path: a password may contain "@", "?", "#" or a quote.
_CREDENTIALS = re.compile(r"://(?:([^\s:/@]*):)?[^/]*@")


def printable(text: str) -> str:
    """Return the text with ``?`` for each character that a terminal cannot show, or would act upon."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def format_size(size: float) -> str:
    """Return bytes in decimal units, as disks and networks have them: ``1.5 MB``."""
    if size < 1000:  # noqa: PLR2004
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":  # noqa: PLR2004
            break
    return f"{size:.1f} {unit}" if size < 99.95 else f"{size:.0f} {unit}"  # noqa: PLR2004


def format_duration(seconds: float) -> str:
    """Return seconds as ``3.5 s``, ``2 min 05 s``, ``1 h 20 min`` or ``3 d 04 h``."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004
        return f"{hours // 24} d {hours % 24:02} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def format_time(seconds: float) -> str:
    """Return seconds since the epoch as ``2026-01-31 12:30 UTC``."""
    try:
        return f"{(_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
    except OverflowError:
        return "after the year 9999" if seconds > 0 else "before the year 1"


def shorten(items: Sequence[str], most: int) -> list[str]:
    """Return a list that is short enough for a message: ``["a", "b", "and 3 more"]``.

    :param most: how many items to keep
    """
    rest = len(items) - most
    return [*items[:most], f"and {rest:,} more"] if rest > 0 else list(items)


def mask_credentials(text: str) -> str:
    """Return the text with ``****`` for a password between ``://`` and ``@``, or for a token there."""
    return _CREDENTIALS.sub(lambda match: f"://{match[1]}:****@" if match[1] else "://****@", text)


def quoted(text: str, most: int = 60) -> str:
    """Return the text for a message: in quotes, without secrets, cut to ``most`` characters."""
    text = printable(mask_credentials(text))
    return f'"{text}"' if len(text) <= most else f'"{text[:most]}…"'


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "NAME"?`` for the most similar known name, or nothing if none is similar."""
    return did_you_mean(difflib.get_close_matches(name[:100].lower(), known, n=1, cutoff=0.5))


def counted(count: int, noun: str = "file") -> str:
    """Return a count with its noun: ``1 file``, ``1,204 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def did_you_mean(names: Sequence[str]) -> str:
    """Return ``; did you mean "NAME" or "OTHER"?``, or nothing if there are no names."""
    return f"; did you mean {either(names)}?" if names else ""


def either(words: Sequence[str], most: int = 10) -> str:
    """Return quoted words for a message: ``"a", "b" or "c"``."""
    *others, last = shorten([quoted(word) for word in words], most)
    joint = " or " if len(words) <= most else ", "
    return f"{', '.join(others)}{joint}{last}" if others else last
