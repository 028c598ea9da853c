"""Compile a YAML spec of a residual network to a proved graph, PyTorch source and ONNX.

>>> import resnet_compiler
>>> graph = resnet_compiler.compile("resnet50")
>>> resnet_compiler.Measures(graph).parameters
25557032
>>> source = resnet_compiler.emit_pytorch(graph)

Everything is imported when it is first used; none of it imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from resnet_compiler.api import Folded, build_onnx, compile, emit_onnx, emit_pytorch, fold
    from resnet_compiler.diagnostics import Diagnostic, SpecError
    from resnet_compiler.graph import Graph
    from resnet_compiler.interface import Interface, InterfaceError, Preprocess
    from resnet_compiler.measure import Measures

__all__ = [
    "Diagnostic",
    "Folded",
    "Graph",
    "Interface",
    "InterfaceError",
    "Measures",
    "Preprocess",
    "SpecError",
    "__version__",
    "build_onnx",
    "compile",
    "emit_onnx",
    "emit_pytorch",
    "fold",
]

_HOMES = {
    "Diagnostic": "diagnostics",
    "SpecError": "diagnostics",
    "Graph": "graph",
    "Interface": "interface",
    "InterfaceError": "interface",
    "Preprocess": "interface",
    "Measures": "measure",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that nothing heavy loads before."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'api')}"), name)
