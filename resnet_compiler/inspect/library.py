"""Calls of the onnx library's C++, which files that are wrong on purpose can make abort: in the bounded process alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import onnx

Request = Literal["expand", "strict", "lenient", "plain"]
"""Expand local functions; infer shapes strictly, or as far as it goes, or without following the values of shapes."""


class LibraryError(Exception):
    """The library does not take the model; the message says why, in one line."""


class ExhaustedError(LibraryError):
    """It aborts on the model, or takes more memory or time than it is given."""


def _unannounced(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Library:
    """The onnx library.

    ``without`` are calls that ended the process before, so that they are not made again; ``announced`` is entered around
    each call that is made, with its name.
    """

    without: frozenset[str] = frozenset()
    announced: Callable[[str], AbstractContextManager[None]] = _unannounced

    def call(self, request: Request, model: onnx.ModelProto) -> onnx.ModelProto:
        """What the library makes of a model.

        Raises:
            LibraryError: it fails.
        """
        from onnx import inliner, shape_inference

        if request in self.without:
            raise ExhaustedError("the onnx library aborts on it, or takes too much memory or time")
        with self.announced(request):
            try:
                if request == "expand":
                    return inliner.inline_local_functions(model)
                return shape_inference.infer_shapes(
                    model, strict_mode=request == "strict", data_prop=request != "plain"
                )
            except MemoryError:
                why = "the onnx library takes too much memory on it"
                raise ExhaustedError(why) from None
            except Exception as reason:  # whatever the library raises is its answer
                raise LibraryError(_first_line(str(reason) or type(reason).__name__)) from None


def _first_line(reason: str) -> str:
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return (lines or ["it gives no reason"])[0][:300]
