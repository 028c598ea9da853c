"""What `reset_parameters` fills: which tensors of which modules begin with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back.signatures import REQUIRED, Signature, bound
from resnet_compiler.emit.pytorch.read_back.steps import HE, Initial, UnreadableError
from resnet_compiler.emit.pytorch.read_back.values import Template, TensorReference

_ONE: Signature = (("tensor", REQUIRED),)
_SIGNATURES: Mapping[str, Signature] = MappingProxyType(
    {
        "torch.nn.init.zeros_": _ONE,
        "torch.nn.init.ones_": _ONE,
        "torch.nn.init.constant_": (*_ONE, ("val", REQUIRED)),
        "torch.nn.init.kaiming_normal_": (
            *_ONE,
            ("a", 0),
            ("mode", "fan_in"),
            ("nonlinearity", "leaky_relu"),
            ("generator", None),
        ),
    }
)


def fill(
    root: Template,
    name: str,
    given: Sequence[Any],
    named: Mapping[str, Any],
    is_final: bool,
) -> None:
    """Note what a function of ``torch.nn.init`` does to a tensor.

    Args:
        root: the module whose `reset_parameters` this is.
        name, given, named: the function's full name, and its arguments.
        is_final: it stands outside of the loop over all modules, so nothing after it fills the tensor again.
    """
    if name not in _SIGNATURES:
        raise UnreadableError(f"no meaning is known of {name}")
    arguments = bound(name, _SIGNATURES[name], tuple(given), named)
    tensor = arguments["tensor"]
    if not isinstance(tensor, TensorReference):
        raise UnreadableError(f"{name} of what is no layer's tensor")
    owner, path = tensor.reference.owner, tensor.reference.path
    if is_final and owner is not root:
        raise UnreadableError(f"{name} behind the loop over the modules")
    writes = owner.final_writes if is_final else owner.writes
    writes.setdefault(path, {})[tensor.name] = _initial(name, arguments)


def _initial(name: str, arguments: Mapping[str, Any]) -> Initial:
    match name.rpartition(".")[2]:
        case "zeros_":
            return 0.0
        case "ones_":
            return 1.0
        case "constant_":
            return float(arguments["val"])
    usual = arguments["a"] == 0 and arguments["nonlinearity"] in ("leaky_relu", "relu")
    if usual and arguments["mode"] == "fan_out":
        return HE
    listed = ", ".join(f"{key}={arguments[key]!r}" for key in ("a", "mode", "nonlinearity"))
    return f"kaiming_normal_({listed})"


def modules_of(root: Template) -> list[Template]:
    """The templates of a module and of all inside it, each once, outer before inner."""
    found: dict[int, Template] = {}
    waiting = [root]
    while waiting:
        template = waiting.pop()
        if id(template) in found:
            continue
        found[id(template)] = template
        waiting += [made.template for made in template.children.values()]
    return list(found.values())
