"""What ``--since`` names: the last of the exports whose bytes a bundle leaves out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from minimirror.bundle.results import BundleRequestError
from minimirror.storage import ExportRow

__all__ = ["choose_base"]


def choose_base(exports: Sequence[ExportRow], since: str, last_run: int | None) -> int:
    """Return the last export whose bytes are left out; 0 for a full bundle.

    :param last_run: the number of the last run; None if there was none
    :raises BundleRequestError: the text is invalid, or there is no such export or run
    """
    if since == "all" or (since == "last" and not exports):
        return 0
    if since == "last":
        return exports[-1].number
    if number := re.fullmatch(r"export:([0-9]{1,9})", since):
        found = [row for row in exports if row.number == int(number[1])]
    elif re.fullmatch(r"[0-9]{1,9}", since):
        if int(since) > (last_run or 0):
            last = f"; the last one was run {last_run}" if last_run else ""
            raise BundleRequestError(f"--since {since}: there was no such run{last}")
        found = [row for row in exports if (row.run or 0) <= int(since)]
    else:
        end = _end_of(since)
        found = [row for row in exports if row.made < end]
    if not found:
        why = "there is no such export" if since.startswith("export:") else "no export was made by then"
        raise BundleRequestError(
            f"--since {since}: {why}; `minimirror export --list` shows all, --since all makes a full bundle"
        )
    return found[-1].number


def _end_of(date: str) -> float:
    """Return a time, or the end of a day, in seconds since the epoch; without a zone, it is UTC."""
    try:
        moment = datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError:
        raise BundleRequestError(
            f'--since {date}: must be "last", "all", the number of a run, a date such as 2026-01-31, a time'
            " such as 2026-01-31T18:00, or an export such as export:3 (`minimirror export --list` shows them)"
        ) from None
    if re.fullmatch(r"[0-9-]+", date):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
