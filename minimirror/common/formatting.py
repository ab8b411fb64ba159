"""Text, sizes and times, made fit to be shown."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

__all__ = ["format_duration", "format_size", "format_time", "printable"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def printable(text: str) -> str:
    """The text with a ``?`` for each character that a terminal cannot show or would act upon."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def format_size(count: float) -> str:
    """Bytes for a person, in decimal units as disks and networks have them."""
    if count < 1000:  # noqa: PLR2004
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":  # noqa: PLR2004
            break
    return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"  # noqa: PLR2004


def format_duration(seconds: float) -> str:
    """Seconds for a person."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def format_time(seconds: float) -> str:
    """Seconds since the epoch for a person, to the minute."""
    try:
        return f"{(_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
    except OverflowError:
        return "after the year 9999" if seconds > 0 else "before the year 1"
