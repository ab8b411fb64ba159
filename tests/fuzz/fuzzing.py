"""Feed mutated input to the readers."""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minimirror.common import MinimirrorError
from tests.fuzz.mutations import mutated

if TYPE_CHECKING:
    from tests.fuzz.readers import Reader

__all__ = ["Found", "fuzz"]


@dataclass
class Found:
    """What some inputs did to a reader."""

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    """Seconds of CPU that one input took at most."""

    slowest_seed: int = 0
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    """For each error that is not minimirror's, by type and place: its first seed and traceback."""


def fuzz(reader: Reader, seeds: range) -> Found:
    """Feed a reader the inputs that some seeds make."""
    found = Found()
    for seed in seeds:
        data = mutated(random.Random(f"{reader.name} {seed}"), reader.examples)
        begun = time.process_time()
        try:
            reader.read(data)
            found.accepted += 1
        except MinimirrorError as error:
            str(error).encode()  # a message can be printed
        except Exception as error:  # noqa: BLE001 - that is what this looks for
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {place.filename}:{place.lineno}"
            found.failures.setdefault(kind, (seed, traceback.format_exc()))
        found.inputs += 1
        if (took := time.process_time() - begun) > found.slowest:
            found.slowest, found.slowest_seed = took, seed
    return found
