"""How much of the work the bar shows as done, and how names are shortened."""

from __future__ import annotations

import pytest

from minimirror import Status
from minimirror.cli.output.live import cut, share_done


def status(pages: tuple[int, int], files: tuple[int, int], size: tuple[int, int]) -> Status:
    """Return a status; each pair is what is done, and what there is."""
    return Status(
        projects=pages[1],
        projects_read=pages[0],
        files=files[1],
        files_fetched=files[0],
        bytes=size[1],
        bytes_fetched=size[0],
        failures=0,
        in_flight={},
    )


@pytest.mark.parametrize(
    ("now", "share"),
    [
        (status((0, 0), (0, 0), (0, 0)), 0),
        (status((3, 10), (0, 0), (0, 0)), 0.3),  # pages that need no files
        (status((10, 10), (0, 296), (12, 100)), 0.12),  # big files are under way
        (status((10, 10), (290, 296), (10, 100)), 0.1),  # the big one is left
        (status((5, 10), (2, 4), (50, 100)), 0.25),  # as many files are to come
        (status((10, 10), (1, 4), (100, 0)), 0.25),  # the index tells no sizes
        (status((0, 0), (4, 4), (100, 100)), 1),
    ],
)
def test_share_done(now: Status, share: float) -> None:
    assert share_done(now) == pytest.approx(share)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (50, "numpy-2.1.0-cp312-cp312-manylinux_2_28_x86_64.whl"),
        (24, "numpy-2.1.0-…_x86_64.whl"),
        (5, "nu…hl"),
        (1, "…"),
    ],
)
def test_cut_in_the_middle(width: int, shown: str) -> None:
    assert cut("numpy-2.1.0-cp312-cp312-manylinux_2_28_x86_64.whl", width) == shown
