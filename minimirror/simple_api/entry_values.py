"""The values of an entry on a project page: checked, and in the form that other subpackages use."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from urllib.parse import urljoin

from minimirror.common import KNOWN_ALGORITHMS

__all__ = [
    "DIGEST",
    "digests_of",
    "joined",
    "provenance_of",
    "size_of",
    "specifier_of",
    "text_of",
    "timestamp_of",
]

DIGEST = re.compile(r"[0-9a-fA-F]{32,128}")
"""What a known algorithm gives."""

_LENGTHS = {name: 2 * hashlib.new(name).digest_size for name in KNOWN_ALGORITHMS}
"""Characters of a digest, by algorithm."""

_OTHER_DIGEST = re.compile(r"[!-~]{1,200}")
"""What an unknown algorithm may give: base64, for example."""

_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_UTC_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
"""A time as PEP 700 has it; it can be read in half the time."""

_PLAIN_URL = re.compile(r"https?://[^\s/?#@\[\]]+/[!-~]*")
"""An absolute URL that joining would not change; to join takes 15 µs."""

_MAX_SIZE = 1 << 50

MAX_REQUIRES_PYTHON = 1000
"""Characters: to compare a version with each part of a specifier takes time."""

_MAX_DIGITS = 20
"""Digits of a size."""

MAX_DIGESTS = 12
"""Digests of a file: more than there are algorithms."""


def text_of(value: str) -> str:
    """Return the text unless it has half a character (a surrogate), which only JSON can represent.

    :raises ValueError: it has
    """
    if not value.isascii():
        value.encode()
    return value


def specifier_of(value: str | None) -> str | None:
    """Return a Requires-Python, which may be invalid.

    :raises ValueError: it is too long
    """
    if value is not None and len(value) > MAX_REQUIRES_PYTHON:
        raise ValueError(f"requires-python is longer than {MAX_REQUIRES_PYTHON} characters")
    return None if value is None else text_of(value)


def digests_of(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return the digests that can be read; the page does not tell the others.

    :raises ValueError: there are too many
    """
    found = {}
    for number, (name, value) in enumerate(pairs):
        if number == MAX_DIGESTS:
            raise ValueError(f"it has more than {MAX_DIGESTS} digests")
        if name.isascii() and isinstance(value, str):
            algorithm = sys.intern(name.lower())
            length = _LENGTHS.get(algorithm)
            if DIGEST.fullmatch(value) and length in {None, len(value)}:
                found[algorithm] = value.lower()
            elif length is None and _OTHER_DIGEST.fullmatch(value):
                found[algorithm] = value
    return found


def size_of(size: object) -> int | None:
    """Return bytes, also of a number that is written as text; None for anything else."""
    if isinstance(size, str):
        size = int(size) if size.isascii() and size.isdigit() and len(size) < _MAX_DIGITS else None
    return size if type(size) is int and 0 <= size < _MAX_SIZE else None


def timestamp_of(value: object) -> float | None:
    """Return seconds since the epoch, None for what is not a time: the file is still good."""
    if not isinstance(value, str):
        return None
    # Python 3.10 reads neither "Z" nor fractions of other than 3 or 6 digits.
    if _UTC_TIME.fullmatch(value):
        iso = f"{value[:-1]}+00:00"
    elif found := _TIME.fullmatch(value):
        date, time, fraction, zone = found.groups(default="")
        iso = f"{date}T{time}.{fraction[:6]:0<6}{zone if zone not in 'Zz' else '+00:00'}"
    else:
        return None
    try:
        return datetime.fromisoformat(iso).timestamp()
    except (ValueError, OverflowError):
        return None


def provenance_of(url: object, base: str) -> str | None:
    """Return the absolute URL of a file's attestations, None for anything else: the file is still good."""
    if not isinstance(url, str) or not url:
        return None
    with suppress(ValueError):
        found = text_of(joined(base, url))
        if found.startswith(("http://", "https://")):
            return found
    return None


def joined(base: str, url: str) -> str:
    """Return an absolute URL.

    :raises ValueError: it is invalid
    """
    return url if _PLAIN_URL.fullmatch(url) and "/." not in url else urljoin(base, url)
