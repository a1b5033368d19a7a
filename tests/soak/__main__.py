"""A service under a steady stream of reads and writes: does anything grow?

    python -m tests.soak [--minutes 60] [--every 15] [--pause 0.25] [--latency]

Prints a line for each look at it, then for each thing its median in the first and in the second half after a warm-up
of a quarter of the time. The exit status is 1 if something grew more than it may. Latencies depend on what else runs on
the machine: they are shown, and judged with --latency.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak import table, verdict
from tests.soak.samples import Sample
from tests.soak.watch import watch


def main() -> int:
    """Watch, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=15, help="seconds between two looks, on average")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds that each of the clients rests")
    parser.add_argument("--latency", action="store_true", help="judge latencies, too")
    options = parser.parse_args()
    last = 0.0

    def tell(sample: Sample) -> None:
        nonlocal last
        sys.stdout.write(f"{table.row(sample, last)}\n")
        sys.stdout.flush()
        last = sample.at

    sys.stdout.write(f"{table.HEAD}\n")
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        samples = watch(Path(directory), options.minutes * 60, options.every, options.pause, tell)
    found = verdict.judged(samples, verdict.ALL)
    judged = verdict.ALL if options.latency else verdict.SIZES
    grew = [one for one in found if one.grew and one.key[0] in judged]
    sys.stdout.write(f"\n{table.verdict(found)}\n\n{f'{len(grew)} grew' if grew else 'nothing grew'}\n")
    return bool(grew)


if __name__ == "__main__":
    sys.exit(main())
