"""A few of the inputs that ``python -m tests.fuzz`` makes."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.readers import READERS, Reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_examples_are_valid(reader: Reader) -> None:
    for example in reader.examples:
        reader.read(example)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_broken_input_raises_our_errors_only(reader: Reader) -> None:
    found = fuzz(reader, range(30 + 10 * reader.share))
    assert found.failures == {}
