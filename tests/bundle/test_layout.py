"""The tar headers that a bundle has are those of :mod:`tarfile`."""

from __future__ import annotations

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from minimirror.bundle.layout import END, tar_header

NAMES = st.text("abcXYZ019._+!-", min_size=1, max_size=246).map(lambda name: f"files/x{name}")
NUMBERS = st.one_of(st.integers(0, 2000), st.integers(8**11 - 2, 2**62))


@given(NAMES, NUMBERS, st.integers(0, 2**38))
def test_tarfile_reads_the_header(name: str, size: int, mtime: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_header(name, size, mtime) + END)) as archive:
        info = archive.next()
    assert info
    assert (info.name, info.size, info.mtime, info.isreg(), info.mode) == (name, size, mtime, True, 0o644)
