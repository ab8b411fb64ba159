"""The size of a bundle's parts, as people write it."""

from __future__ import annotations

import re

from minimirror.bundle.errors import BundleRequestError
from minimirror.bundle.layout import MIN_SPLIT

__all__ = ["read_split"]

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(
    r"\s*(?P<number>[0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?P<power>[kmgt]?)(?P<binary>i?)b?\s*", re.IGNORECASE
)


def read_split(text: str) -> int:
    """Read ``4.7GB``, ``700M``, ``2GiB`` or a number of bytes; decimal units as disks have them.

    :raises BundleRequestError: it is no size, or too small a one
    """
    found = _SIZE.fullmatch(text)
    if not found or (found["binary"] and not found["power"]):
        raise BundleRequestError(
            f"--split {text}: must be a size such as 4.7GB, 700MB, 2GiB or a number of bytes"
        )
    count = int(
        float(found["number"]) * (1024 if found["binary"] else 1000) ** _POWERS[found["power"].lower()]
    )
    if count < MIN_SPLIT:
        raise BundleRequestError(f"--split {text}: a part must have at least {MIN_SPLIT // 1024} KiB")
    return count
