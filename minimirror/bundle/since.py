"""Where an export goes on from: ``last``, ``all``, a run, a date, or an earlier export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from minimirror.bundle.errors import BundleRequestError
from minimirror.storage import ExportRow

__all__ = ["Since"]


class Since:
    """Which of the exports that were made is the one to go on from."""

    def __init__(self, text: str) -> None:
        """Read it.

        :param text: ``last``: the last export; ``all``: none; ``12``: the last that was made before run 13;
            ``2026-01-31`` or ``2026-01-31T18:00``: the last that was made by the end of that day, or by that
            time; ``export:3``: that one
        :raises BundleRequestError: it is none of these
        """
        self._text = text
        self._date = _date(text) if re.match(r"[0-9]{4}-", text) else None
        self._export = re.fullmatch(r"export:([0-9]{1,9})", text)
        if (
            text not in {"last", "all"}
            and self._date is None
            and not re.fullmatch(r"(export:)?[0-9]{1,9}", text)
        ):
            raise BundleRequestError(
                f'--since {text}: must be "last", "all", the number of a run, a date such as 2026-01-31, or'
                " an export such as export:3 (`minimirror export --list` shows them)"
            )

    def choose(self, exports: Sequence[ExportRow]) -> ExportRow | None:
        """The export to go on from, None for none.

        :raises BundleRequestError: there is none that fits
        """
        if self._text == "all" or (self._text == "last" and not exports):
            return None
        fitting = [row for row in exports if self._fits(row)]
        if not fitting:
            raise BundleRequestError(
                f"--since {self._text}: there was no export by then; --since all makes a full bundle"
            )
        return fitting[-1]

    def _fits(self, row: ExportRow) -> bool:
        if self._export:
            return row.number == int(self._export[1])
        if self._date is not None:
            return row.made < self._date
        return self._text == "last" or (row.run or 0) <= int(self._text)


def _date(text: str) -> float:
    """The end of a day, or a time, in seconds since the epoch; where no zone is told, this machine's."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise BundleRequestError(f"--since {text}: {error}") from None
    if re.fullmatch(r"[0-9-]+", text):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    return moment.astimezone().timestamp()
