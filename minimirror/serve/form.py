"""The form of an upload (RFC 7578), which is read while it arrives."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

__all__ = ["Form", "boundary_of"]

# It logs each invalid form, of which Uploads says more.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

_MAX_FIELD = 1000
"""Bytes of a form field that are kept."""

_MAX_HEADER = 4096
"""Bytes of a header of a part, at most."""

_FIELDS = {":action", "sha256_digest", "requires_python"}


def boundary_of(content_type: str) -> bytes | None:
    """Return what separates the parts of a form; None if this is not the type of one."""
    media_type, options = parse_options_header(content_type)
    return options.get(b"boundary") or None if media_type == b"multipart/form-data" else None


class Form:
    """Some fields of a form in memory, and its file on the disk."""

    def __init__(self, boundary: bytes, stream: BinaryIO) -> None:
        """:param stream: where the form's file is written"""
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        """As the sender named the file; None if there is none yet."""
        self._stream = stream
        self._digest = hashlib.sha256()
        self._header = [b"", b""]
        self._name = ""
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_begin": self._begin_header,
                "on_header_field": lambda data, start, end: self._add_to_header(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._add_to_header(1, data[start:end]),
                "on_header_end": self._end_header,
                "on_part_data": self._add_to_part,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """Read the next bytes of the form.

        :raises FormParserError: this is not a form
        """
        self._parser.write(data)

    def finish(self) -> None:
        """Bring the whole file to the disk.

        :raises FormParserError: the form is not complete
        """
        if not self._complete:
            raise FormParserError("it ends early")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    @property
    def sha256(self) -> str:
        """The digest of the file, in hexadecimal."""
        return self._digest.hexdigest()

    def _begin_header(self) -> None:
        self._header = [b"", b""]

    def _add_to_header(self, part: int, data: bytes) -> None:
        self._header[part] += data
        if len(self._header[part]) > _MAX_HEADER:
            raise FormParserError("a header of a part is too long")

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode()
        if self._name == "content":
            if self.filename is not None:
                raise FormParserError("it has more than one file")
            self.filename = options.get(b"filename", b"").decode()

    def _add_to_part(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._name == "content":
            self._stream.write(piece)
            self._digest.update(piece)
        elif self._name in _FIELDS:
            known = self.fields.get(self._name, "")
            self.fields[self._name] = (known + piece.decode(errors="replace"))[:_MAX_FIELD]

    def _end(self) -> None:
        self._complete = True
