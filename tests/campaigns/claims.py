"""Random specs that claim sizes against trying every claimed size up to 300, with torch's formulas for windows.

    nice python tests/campaigns/claims.py --count 2000 [--start 0]

Specs go by number (tests/support/claims.py). Printed is how often each verdict came; every spec whose verdict is not what
trying says is printed whole, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections import Counter

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from support.claims import claims_number, verdict  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2000, help="how many specs")
    parser.add_argument("--start", type=int, default=0, help="the number of the first")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    failed = 0
    for number in range(given.start, given.start + given.count):
        spec = claims_number(number)
        said, wrong = verdict(spec)
        counts[said] += 1
        if wrong:
            failed += 1
            print(f"spec {number}: {'; '.join(wrong)}\n{spec.text()}", flush=True)
    print(", ".join(f"{said} {count}" for said, count in counts.most_common()))
    print(f"{given.count} specs, {failed} with a wrong verdict")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
