"""JSON text that is read value by value, so that it never is in memory as one document.

A value of two bytes may take two hundred bytes of memory. So a value has a bound, except lists and objects
that are read member by member.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from minimirror.simple_api.protocol import PageError

__all__ = ["MAX_VALUE", "JsonText"]

MAX_VALUE = 1 << 20
"""Characters of one value."""

_AFTER_VALUE = frozenset(",:]} \t\r\n")
"""What follows a complete value. Without it, a number may continue in the next chunk: 1.0 with e+16."""


class JsonText:
    """JSON text that arrives in chunks, and the position that has been read up to."""

    def __init__(self, chunks: Iterable[bytes], subject: str, encoding: str = "utf-8-sig") -> None:
        """Prepare to read.

        :param subject: what the text is, for messages
        """
        self._texts = codecs.iterdecode(chunks, encoding)
        self._subject = subject
        self._text = ""
        self._at = 0
        self._seen_through = 0
        self._raw_decode = json.JSONDecoder().raw_decode
        self._space = re.compile(r"[ \t\r\n]*")

    def _next(self) -> str | None:
        try:
            return next(self._texts, None)
        except UnicodeDecodeError as error:
            encoding = "UTF-8" if error.encoding == "utf-8" else "text"
            raise PageError(f"{self._subject} is not {encoding}") from None

    def _more(self) -> None:
        text = self._next()
        if text is None:
            raise PageError(f"{self._subject} ends early")
        self._text = self._text[self._at :] + text
        self._at = self._seen_through = 0

    def peek(self) -> str:
        """Return the next character that is not white space."""
        while True:
            match = self._space.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            self._more()

    def expect(self, character: str) -> None:
        """Take the next character.

        :raises PageError: it is another one
        """
        if self.peek() != character:
            raise PageError(f"{self._subject} is not JSON: expected {character!r}")
        self._at += 1

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        while True:
            try:
                found, end = self._raw_decode(self._text, self._at)
            except ValueError:
                pass
            except RecursionError:
                raise PageError(f"{self._subject} is nested too deep") from None
            else:
                if self._text[end : end + 1] in _AFTER_VALUE:
                    self._at = end
                    return found
            # Either broken, or incomplete; only more text can tell which.
            if len(self._text) - self._at > MAX_VALUE:
                raise PageError(
                    f"{self._subject} is not JSON, or has a value of more than {MAX_VALUE:,} characters"
                )
            self._more()

    def members(self) -> Iterator[str]:
        """Return the names of an object's members, up to the end of the text. The caller reads each value."""
        self.expect("{")
        while self.peek() != "}":
            name = self.value()
            if not isinstance(name, str):
                raise PageError(f"{self._subject} is not JSON: the name of a member must be a string")
            self.expect(":")
            yield name
            if self.peek() == ",":
                self.expect(",")
        self._end()

    def items(self) -> Iterator[Any]:
        """Return the values of a list, up to its closing bracket."""
        self.expect("[")
        while self.peek() != "]":
            yield from self._whole_objects() or [self.value()]
            if self.peek() == ",":
                self.expect(",")
        self.expect("]")

    def _whole_objects(self) -> list[Any]:
        """Return the complete objects that are in the buffer: one call for all is three times as fast.

        If the last ``},`` is not the end of one of them, return nothing: the values are then read one by one,
        and this is not tried again before the next chunk.
        """
        if self._seen_through == len(self._text):
            return []
        self._seen_through = len(self._text)
        end = self._text.rfind("},", self._at) + 1
        try:
            found: list[Any] = json.loads(f"[{self._text[self._at : end]}]") if end else []
        except (ValueError, RecursionError):
            return []
        self._at = max(self._at, end)
        return found

    def skip(self) -> None:
        """Read the next value, which nobody needs; a list may be long."""
        if self.peek() == "[":
            for _ in self.items():
                pass
        else:
            self.value()

    def _end(self) -> None:
        """Read to the end, so that the connection can be reused."""
        self.expect("}")
        rest: str | None = self._text[self._at :]
        while rest is not None:
            if rest.strip(" \t\r\n"):
                raise PageError(f"{self._subject} is not JSON: text follows its end")
            rest = self._next()
