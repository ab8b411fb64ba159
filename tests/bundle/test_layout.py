"""Members of any size in parts of any size form valid tar archives."""

from __future__ import annotations

import io
import tarfile
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from minimirror.bundle.layout import END, MIN_SPLIT, OVERHEAD, Layout, Member, Piece, padding, tar_header

NAMES = st.text("abcXYZ019._+!-", min_size=1, max_size=246).map(lambda name: f"files/x{name}")
MEMBERS = st.lists(
    st.builds(Member, NAMES, st.integers(0, 200_000), st.integers(0, 2**35)), min_size=1, max_size=12
)


def pieces(members: list[Member], split: int | None) -> list[tuple[Member, Piece]]:
    layout = Layout(split)
    return [(member, piece) for member in members for piece in layout.pieces(member)]


@given(MEMBERS, st.one_of(st.none(), st.integers(MIN_SPLIT, 150_000)))
def test_pieces_form_the_members(members: list[Member], split: int | None) -> None:
    laid = pieces(members, split)
    at = 0
    for member in members:
        offset = number = 0
        while offset < member.size or not number:
            (whole, piece), at, number = laid[at], at + 1, number + 1
            assert (whole, piece.offset) == (member, offset)
            assert piece.size > 0 or member.size == 0
            offset += piece.size
            cut = piece.size < member.size
            assert piece.name == (f"{member.name}~{number}" if cut else member.name)
        assert offset == member.size
    assert at == len(laid)
    parts = [piece.part for _, piece in laid]
    assert parts[0] == 1
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(parts))


@given(MEMBERS, st.integers(MIN_SPLIT, 150_000))
def test_parts_have_at_most_the_size(members: list[Member], split: int) -> None:
    sizes: dict[int, int] = {}
    for _, piece in pieces(members, split):
        taken = len(piece.header) + piece.size + len(padding(piece.size))
        sizes[piece.part] = sizes.get(piece.part, 0) + taken
    assert max(sizes.values()) <= split - OVERHEAD
    # Only the last part may be far from full.
    assert all(size > split - OVERHEAD - 8 * 512 for part, size in sizes.items() if part < max(sizes))


@given(NAMES, st.one_of(st.integers(0, 2000), st.integers(8**11 - 2, 2**62)), st.integers(0, 2**40))
def test_tarfile_reads_the_header(name: str, size: int, mtime: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_header(name, size, mtime) + END)) as archive:
        info = archive.next()
    assert info
    assert (info.name, info.size, info.isreg(), info.mode) == (name, size, True, 0o644)
    assert info.mtime == min(mtime, 8**11 - 1)
