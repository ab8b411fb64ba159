"""Servers that are given up: what made many requests fail in a row would make all others fail, too."""

from __future__ import annotations

__all__ = ["GivenUp"]

_MANY = 30
"""So many failures with one cause, and no success between them, are not those of single projects."""


class GivenUp:
    """Counts the failures of each server that will not pass by themselves."""

    def __init__(self) -> None:
        self._alike: dict[str, tuple[str, int]] = {}

    def failed(self, server: str, cause: str) -> None:
        """Note a failure that will not pass."""
        last, count = self._alike.get(server, ("", 0))
        self._alike[server] = cause, count + 1 if cause == last else 1

    def responded(self, server: str) -> None:
        """Note a success, or a failure of one project only."""
        self._alike.pop(server, None)

    def why(self, server: str) -> str | None:
        """Return why a server is given up; None if it is not."""
        cause, count = self._alike.get(server, ("", 0))
        return cause if count >= _MANY else None
