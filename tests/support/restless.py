"""`resnetc serve` with a thread beside it that parses Python without rest, from the signal SIGUSR1 on.

Run by path, with the arguments of `resnetc`. In CPython 3.11.7 two threads that parse at once disturb each other
(python/cpython#106905) where one gives way to the other in the midst of it, as it does when Python code runs that hangs on
the collection of cycles. Here each collection gives way, so that most of what is parsed beside this thread fails.
"""

from __future__ import annotations

import ast
import gc
import signal
import sys
import threading
import time
from contextlib import suppress


def parse_without_rest() -> None:
    while True:
        with suppress(SystemError, RecursionError):  # it is disturbed as well
            ast.parse("x = [a, (b, c)][0]")


def begin(*_: object) -> None:
    gc.callbacks.append(lambda *_: time.sleep(1e-5))
    gc.set_threshold(500, 10, 1000)
    sys.setswitchinterval(1e-3)
    threading.Thread(target=parse_without_rest, daemon=True).start()


if __name__ == "__main__":
    from resnet_compiler.cli import main

    signal.signal(signal.SIGUSR1, begin)
    sys.argv[0] = "resnetc"
    main()
