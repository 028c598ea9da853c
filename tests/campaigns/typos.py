"""Many slips of the fingers in shipped specs: `check --fix` writes what was there before, or nothing.

    nice python tests/campaigns/typos.py --count 20000 [--start 0] [--jobs 2]

Typos go by number (tests/support/typos.py): a letter left out, doubled, swapped or changed, in every key and word of every
shipped spec, as it is and with all that it uses written inside. A typo that is a spec of its own is none of the fixer's
business and counted apart. Printed are the counts and what was not mended; the exit code is 1 where a file was changed and
is not what it was, or where less than nine tenths were mended.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pathlib
import sys
from collections import Counter

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from support.typos import attempt, typo  # noqa: E402


def outcome(number: int) -> tuple[str, str]:
    """What became of a typo, and a line about it."""
    one = typo(number)
    kind, after = attempt(one)
    changed = ""
    if kind not in ("mended", "untouched", "valid"):
        changed = "\n" + after
    return kind, f"{number} {one.file}: {one.word} -> {one.wrong} ({one.slip}){changed}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    numbers = range(given.start, given.start + given.count)
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        found = pool.map(outcome, numbers, chunksize=50)
    for kind, line in found:
        if kind not in ("mended", "valid"):
            print(f"{kind}: {line}")
    counts = Counter(kind for kind, _ in found)
    wrong = len(found) - counts["valid"]
    print(f"{len(found):,} typos, {counts['valid']:,} of them specs of their own; of {wrong:,}:")
    for kind in ("mended", "untouched", "same network", "half", "other network"):
        print(f"  {kind}: {counts[kind]:,} ({counts[kind] / max(wrong, 1):.1%})")
    harmless = counts["mended"] + counts["untouched"] == wrong
    return 0 if harmless and counts["mended"] >= 0.9 * wrong else 1


if __name__ == "__main__":
    sys.exit(main())
