"""Run many inputs, and tell which of them break what."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.readers import READERS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in total (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed; other seeds make other inputs")
    parser.add_argument("--only", help="a part of a reader's name")
    arguments = parser.parse_args()
    readers = [each for each in READERS if not arguments.only or arguments.only in each.name]
    total = sum(each.share for each in readers)
    begun, broken = time.process_time(), False
    for reader in readers:
        count = arguments.inputs * reader.share // total
        found = fuzz(reader, range(arguments.first, arguments.first + count))
        print(
            f"{reader.name}: {found.inputs:,} inputs, {found.accepted:,} accepted; the slowest took"
            f" {found.slowest * 1000:.0f} ms (seed {found.slowest_seed}); {len(found.failures)} failures",
            flush=True,
        )
        for kind, (seed, text) in found.failures.items():
            broken = True
            print(f"\n{kind}, seed {seed}:\n{text}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{time.process_time() - begun:.0f} s of CPU, peak memory {peak} MB")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
