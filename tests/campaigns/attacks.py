"""Every attack of tests/support/attacks.py in a fresh process, with its time and memory: `python tests/campaigns/attacks.py`."""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.attacks import ATTACKS, SPEC
from support.measured import MIB, resnetc


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only attacks with one of these in their name")
    chosen = parser.parse_args().words
    wrong = 0
    print(f"{'attack':45} {'wall':>8} {'CPU':>8} {'memory':>8}  diagnostic")
    for name, attack in ATTACKS.items():
        if chosen and not any(word in name for word in chosen):
            continue
        with tempfile.TemporaryDirectory() as folder:
            attack.write(pathlib.Path(folder))
            done = resnetc("check", SPEC, folder=pathlib.Path(folder), patience=60)
        said = attack.code in done.stderr and attack.says in done.stderr
        fine = done.exit == 1 and said and not done.is_fault and done.peak < 200 * MIB
        wrong += not fine
        figures = f"{done.seconds:6.2f} s {done.cpu:6.2f} s {done.peak / MIB:5.0f} MB"
        first = done.stderr.split("\n", 1)[0][:100]
        print(
            f"{name:45} {figures}  {'' if fine else f'WRONG (exit {done.exit}): '}{first}",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
