"""Reads a bundle's parts as one archive, and compares every byte with what the manifest requires."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import NamedTuple

from minimirror.bundle.layout import (
    END,
    HEADER_SIZE,
    Member,
    PartHeader,
    padding,
    part_name,
    read_part_header,
)
from minimirror.bundle.results import BundleError, BundleRequestError, DamagedError
from minimirror.common import BUFFER, printable

__all__ = ["Bundle", "BundleReader", "find_bundles"]


class Bundle(NamedTuple):
    """A bundle whose parts are all present."""

    header: PartHeader
    """The first part's, without its checksum."""

    paths: Sequence[Path]
    """The parts, in order."""

    @property
    def path(self) -> Path:
        """The first part, which names the bundle in messages."""
        return self.paths[0]


def find_bundles(paths: Sequence[Path]) -> tuple[list[Bundle], list[BundleError]]:
    """Group parts by bundle, whatever their order and names; the oldest export comes first.

    :returns: the complete bundles, and an error for each other file or bundle
    """
    found: dict[PartHeader, dict[int, Path]] = {}
    bundles: list[Bundle] = []
    errors: dict[PartHeader | Path, BundleError] = {}
    # Two names of one file, such as a link to it, are no mistake.
    for path in {os.path.realpath(path): path for path in paths}.values():
        try:
            header, stream = _open_part(path)
        except BundleError as error:
            errors[path] = error
            continue
        stream.close()
        whole = header.of_part(1)
        if (other := found.setdefault(whole, {}).setdefault(header.part, path)) is not path:
            errors[whole] = BundleRequestError(
                f"{other} and {path} are the same part of a bundle; pass only one of them"
            )
    for whole, parts in found.items():
        missing = next((part for part in range(1, whole.parts + 1) if part not in parts), None)
        if missing is not None:
            name = part_name(whole.name, missing)
            passed = next((path for path in paths if path.name == name), None)
            errors[whole] = DamagedError(
                f"{next(iter(parts.values()))}: part {missing} of {whole.parts} of this bundle is missing; "
                + (
                    f"{passed} is not that part: copy it again, or leave these parts out"
                    if passed
                    else f"also pass {printable(name)}"
                )
            )
        if whole not in errors:
            bundles.append(Bundle(whole, [parts[part] for part in sorted(parts)]))
    return sorted(bundles, key=lambda bundle: bundle.header.number), list(errors.values())


def _open_part(path: Path) -> tuple[PartHeader, FileIO]:
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(FileIO(path))
            data = stream.read(HEADER_SIZE) or b""
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                # It is read twice.
                raise DamagedError(f"{path}: not a regular file; save the bundle to a file, and import that")
        except OSError as error:
            raise _unreadable(path, error) from None
        header = read_part_header(data, path)
        stack.pop_all()
        return header, stream


def _unreadable(path: Path, error: OSError) -> DamagedError:
    return DamagedError(f"{path}: cannot be read: {error.strerror or error}")


class _Archive(RawIOBase):
    """The parts of a bundle without their headers, one after the other."""

    def __init__(self, bundle: Bundle) -> None:
        self.path = bundle.path
        """The part that is being read."""
        self._sha256: str | None = None
        """What the part should have."""
        self._checksum = hashlib.sha256()
        self._streams = self._open(bundle)
        self._stream = next(self._streams, None)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._streams.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while self._stream is not None:
            try:
                got = self._stream.readinto(buffer)
            except OSError as error:
                raise _unreadable(self.path, error) from None
            if got:
                if self._sha256 is not None:
                    self._checksum.update(buffer[:got])
                return got
            self._stream = next(self._streams, None)
        return 0

    def _open(self, bundle: Bundle) -> Generator[FileIO, None, None]:
        """Yield each part after its header, and check it once it is read."""
        for number, self.path in enumerate(bundle.paths, 1):
            header, stream = _open_part(self.path)
            with stream:
                if header.of_part(number) != bundle.header.of_part(number):
                    raise DamagedError(f"{self.path}: changed while it was read")
                self._sha256, self._checksum = header.sha256, hashlib.sha256()
                yield stream
                if self._sha256 not in {None, self._checksum.hexdigest()}:
                    raise DamagedError(f"{self.path}: damaged, modified or truncated; copy it again")


class BundleReader:
    """Reads a bundle, member by member."""

    def __init__(self, bundle: Bundle) -> None:
        self._archive = _Archive(bundle)
        self._stream = BufferedReader(self._archive, BUFFER)

    def __enter__(self) -> BundleReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def extract(self, member: Member, to: int | None, report: Callable[[int], None] = lambda _: None) -> None:
        """Read the next member and check its digest.

        :param to: the descriptor of the file to write the content to; None only checks it
        :param report: called with the number of bytes, piece by piece
        :raises DamagedError: the bundle holds something else here
        :raises OSError: the content cannot be written
        """
        found, left, before = hashlib.sha256(), member.size, member.header
        while True:
            size = min(left, BUFFER)
            left -= size
            end, after = len(before) + size, b"" if left else padding(member.size)
            data = self._take(end + len(after), before, f"at {member.name}")
            if data[end:] != after:
                raise self._damaged(f"at {member.name}")
            content = memoryview(data)[len(before) : end]
            found.update(content)
            report(size)
            # One write may not take all, for example the last one before the disk is full.
            while to is not None and content:
                content = content[os.write(to, content) :]
            if not left:
                break
            before = b""
        if member.sha256 not in {None, found.hexdigest()}:
            raise self._damaged(f"at {member.name}")

    def finish(self) -> None:
        """Read to the end, after the last member.

        :raises DamagedError: there is more
        """
        self._take(len(END), END, "at its end")
        if self._stream.read(1):
            raise self._damaged("(data after its end)")

    def _take(self, size: int, begin: bytes, what: str) -> bytes:
        """Read the next bytes, which must begin with some.

        :param what: what is read, if it is damaged
        """
        data = self._stream.read(size)
        if not data.startswith(begin[: len(data)]):
            raise self._damaged(what)
        if len(data) < size:
            raise DamagedError(f"{self._archive.path}: truncated; copy it again")
        return data

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(f"{self._archive.path}: damaged or modified {printable(what)}; copy it again")
