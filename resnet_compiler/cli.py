"""The `resnetc` command: what surrounds its commands. Streams that fail, Ctrl-C at any time, and faults of our own.

Little is imported here: all that takes time is imported by `main`, once Ctrl-C is taken care of.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from types import FrameType

    from resnet_compiler.commands.application import app as app

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""
TRACE = "RESNETC_TRACE"
"""The environment variable that has the trace of a fault printed."""


def __getattr__(name: str) -> Any:
    """``app``, the Typer application, when it is asked for: `main` does much before it imports that."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from resnet_compiler.commands.application import app

    return app


def main() -> NoReturn:
    """The entry point: run the command that the arguments name, and end with its exit code.

    Output is UTF-8 whatever the locale, so that the same command prints the same bytes.
    """
    interrupt = _Interrupt()
    signal.signal(signal.SIGINT, interrupt)
    from resnet_compiler.support import streams

    streams.set_up()
    try:
        code = _run(interrupt)
        streams.finish()
        interrupt.ends_at_once = True
    except BaseException as reason:
        code = _last_resort(reason, interrupt)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to be put in order
    sys.exit(code)


class _Interrupt:
    """What Ctrl-C does: while a command starts or ends it ends the process at once, between it raises KeyboardInterrupt.

    Modules that are interrupted while they are imported may turn that into any other error.
    """

    def __init__(self) -> None:
        self.ends_at_once = True
        self.was_sent = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.was_sent = True
        if self.ends_at_once:
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt


def _run(interrupt: _Interrupt) -> int:
    """Run the command; returns its exit code."""
    import gc

    # pydantic looks through every installed package for plugins of its own; there are none here, and it takes a while
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # a graph has next to no cycles: to look for some after every 700 new objects takes a tenth of a build
    gc.set_threshold(10_000)
    if hasattr(signal, "SIGPIPE"):
        # the reader went away (`| head`): end quietly, as other commands do
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # being told to end is no reason to leave half a file behind: what is open is put in order on the way out
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    from resnet_compiler.commands.application import app

    interrupt.ends_at_once = False
    try:
        app()
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        raise
    return 0


def _last_resort(reason: BaseException, interrupt: _Interrupt) -> int:
    """Say in one line what ended the command, where no command has foreseen it; returns the exit code."""
    interrupt.ends_at_once = True
    from resnet_compiler.console import FAULT, FINE, MISUSE
    from resnet_compiler.faults import CompilerFault, fault_line
    from resnet_compiler.support import streams
    from resnet_compiler.support.read import ReadError

    if os.environ.get(TRACE):
        import traceback

        traceback.print_exception(reason)
    match reason:
        case _ if isinstance(reason, KeyboardInterrupt) or (
            interrupt.was_sent and not isinstance(reason, CompilerFault)
        ):
            code, line = INTERRUPTED, "stopped"
        case BrokenPipeError():  # nothing to say, and nobody to say it to
            code, line = FINE, ""
        case ReadError():
            code, line = MISUSE, str(reason)
        case OSError() if (told := streams.told_by_output(reason)) is not None:
            code, line = MISUSE, told
        case OSError() if reason.errno in streams.OF_THE_MACHINE:
            place = f"{os.fsdecode(reason.filename)}: " if reason.filename else ""
            code, line = MISUSE, f"{place}{(reason.strerror or str(reason)).lower()}"
        case _:
            code, line = FAULT, fault_line(reason, TRACE)
    if line:
        from resnet_compiler.characters import escaped

        print(f"resnetc: {escaped(line)}", file=sys.stderr)
    streams.give_up()
    return code


if __name__ == "__main__":
    main()
