"""The sockets that libcurl wants to have watched, in an asyncio loop."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterable

__all__ = ["Sockets"]

Act = Callable[[Iterable[tuple[int, int]]], None]


class Sockets:
    """Watches sockets.

    They are in a selector of their own, which is in the loop's: adding a socket to the loop takes as long as
    a small request. Where no selector can be in another one, as on Windows, they are in the loop itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act) -> None:
        """Begin without sockets.

        :param act: called with the descriptors of sockets for which there is something to do, each with
            ``selectors.EVENT_READ``, ``selectors.EVENT_WRITE`` or both
        """
        self._loop = loop
        self._act = act
        self._selector = selectors.DefaultSelector()
        self._watched: set[int] = set()
        self._is_nested = hasattr(self._selector, "fileno")
        if self._is_nested:
            loop.add_reader(self._selector, self._act_on_all)

    def watch(self, descriptor: int, events: int) -> None:
        """Watch a socket for these events, and no longer for others."""
        if not self._is_nested:
            self._watch_in_loop(descriptor, events)
        elif descriptor in self._watched:
            self._selector.modify(descriptor, events)
        else:
            self._selector.register(descriptor, events)
        self._watched.add(descriptor)

    def forget(self, descriptor: int) -> None:
        """Watch a socket no longer."""
        self._watched.remove(descriptor)
        if self._is_nested:
            self._selector.unregister(descriptor)
        else:
            self._watch_in_loop(descriptor, 0)

    def close(self) -> None:
        """Watch no socket any longer."""
        for descriptor in [*self._watched]:
            self.forget(descriptor)
        if self._is_nested:
            self._loop.remove_reader(self._selector)
        self._selector.close()

    def _act_on_all(self) -> None:
        self._act((key.fd, events) for key, events in self._selector.select(0))

    def _watch_in_loop(self, descriptor: int, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._loop.add_reader(descriptor, self._act, [(descriptor, selectors.EVENT_READ)])
        else:
            self._loop.remove_reader(descriptor)
        if events & selectors.EVENT_WRITE:
            self._loop.add_writer(descriptor, self._act, [(descriptor, selectors.EVENT_WRITE)])
        else:
            self._loop.remove_writer(descriptor)
