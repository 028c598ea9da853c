"""Faults of the compiler itself: what nobody's spec is to blame for. A command that meets one ends with exit code 4."""

from __future__ import annotations


class CompilerFault(Exception):
    """The compiler is wrong, not what it was given: nothing is published, and it should be reported."""


class ReadBackError(CompilerFault):
    """What was emitted, read back, is not the graph it was emitted from.

    Args:
        layer: the node (or output, tensor, …) at which they differ.
        what: what of it differs, such as "inputs" or "stride".
        graph: what the graph says.
        emitted: what the emitted file says.
        file: which output it is, such as "model.py".
    """

    def __init__(self, layer: str, what: str, graph: object, emitted: object, file: str) -> None:
        super().__init__(
            f"{layer}: {what} is {graph} in the graph and {emitted} in the emitted {file}"
        )
        self.layer = layer
        self.what = what
        self.graph = graph
        self.emitted = emitted
        self.file = file


def fault_line(reason: BaseException, variable: str) -> str:
    """One line about an exception that no command foresaw, or about a fault that the compiler found in itself.

    Args:
        reason: the exception.
        variable: the environment variable that has its trace printed.
    """
    if isinstance(reason, CompilerFault):
        what = str(reason)
    else:
        said = " ".join(str(reason).split())
        what = f"{type(reason).__name__}: {said[:300]}" if said else type(reason).__name__
        place = _place(reason)
        what += f" ({place})" if place else ""
    return (
        f"a fault of resnetc itself, not of what it was given: {what}. Please report it on the issue tracker of the "
        f"repository, with the command and its files; with {variable}=1 in the environment the trace is printed"
    )


def _place(reason: BaseException) -> str:
    """The last place in the compiler that the exception came through: `joins.py, line 12`."""
    found = ""
    trace = reason.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("resnet_compiler."):
            file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
            found = f"{file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
