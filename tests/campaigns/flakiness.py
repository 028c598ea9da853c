"""The tests of pages and of `serve` many times over, on cores that have other things to do; then a minute of typing.

    python tests/campaigns/flakiness.py [--rounds 20] [--busy 4] [--seconds 60] [TEST...]

``--busy`` processes count without rest while the tests run. Afterwards four pages are typed in for ``--seconds``, while a
thread of the server parses Python without rest. The exit code is 1 where a test failed, or an error reached a page.
Needs Chromium.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.browser import launched
from support.typing_in_pages import type_in_pages

TESTS = pathlib.Path(__file__).resolve().parent.parent


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that take all the time of the cores that they are given."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


def rounds(count: int, tests: list[str]) -> int:
    """Run the tests so often, and print how each round went; the number of rounds that failed."""
    failed = 0
    for number in range(1, count + 1):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *tests,
        ]
        done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True)
        lines = done.stdout.strip().splitlines() or ["nothing was printed"]
        print(f"round {number}: {lines[-1]}", flush=True)
        if done.returncode:
            failed += 1
            print(done.stdout[-20_000:], done.stderr[-2_000:], sep="\n", flush=True)
    return failed


def minute(seconds: float) -> int:
    """Type in four pages for so long; the number of keys."""
    typed = 0
    until = time.monotonic() + seconds

    def goes_on(count: int) -> bool:
        nonlocal typed
        typed = count
        return time.monotonic() < until

    with launched() as browser, tempfile.TemporaryDirectory() as work:
        type_in_pages(browser, pathlib.Path(work) / "inside", goes_on)
    return typed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    found = sorted(
        str(each) for name in ("serve", "page") for each in TESTS.glob(f"test_{name}*.py")
    )
    with busy(given.busy):
        failed = rounds(given.rounds, given.tests or found)
        if given.seconds:
            print(f"{minute(given.seconds)} keys typed in four pages, no error", flush=True)
    print(f"{failed} of {given.rounds} rounds failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
