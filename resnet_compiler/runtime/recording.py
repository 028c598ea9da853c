"""Every value that a torch network computes: what its modules give, and what functions in `forward` give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.weights import Array


@dataclass
class Recording:
    """What one run computed, in float64.

    Attributes:
        modules: what each module without modules inside gave, by its name, once for each call.
        functions: what functions and operators outside of torch's own modules gave, in order.
        failure: why the run ended early; empty where it did not.
    """

    modules: dict[str, list[Array]] = field(default_factory=dict)
    functions: list[Array] = field(default_factory=list)
    failure: str = ""


def recorded(network: Any, image: Array) -> Recording:
    """Run a torch network in float64 and keep every value. Values that are overwritten in place are kept as they were."""
    import torch
    from torch.overrides import TorchFunctionMode

    found = Recording()
    depth = [0]

    class Watching(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            made = function(*args, **(kwargs or {}))
            if depth[0] == 0:
                many = made if isinstance(made, (tuple, list)) else (made,)
                found.functions.extend(_copy(each) for each in many if _is_value(each))
            return made

    def entering(*_: Any) -> None:
        depth[0] += 1

    def leaving(name: str, levels: int) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            depth[0] -= levels
            if _is_value(output):
                with torch._C.DisableTorchFunction():
                    found.modules.setdefault(name, []).append(_copy(output))

        return hook

    handles = []
    for name, module in network.named_modules():
        if not name or any(True for _ in module.children()):
            continue
        is_torch = type(module).__module__.startswith("torch.")
        if is_torch:
            handles.append(module.register_forward_pre_hook(entering))
        handles.append(module.register_forward_hook(leaving(name, int(is_torch))))
    try:
        with torch.no_grad(), Watching():
            network(torch.from_numpy(image).double())
    except (
        Exception
    ) as reason:  # emitted source may be wrong in any way, which is what is looked for
        found.failure = f"{type(reason).__name__}: {str(reason).strip().splitlines()[0][:200]}"
    finally:
        for handle in handles:
            handle.remove()
    return found


def _is_value(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim > 1


def _copy(value: Any) -> Array:
    copied: Array = value.detach().clone().numpy()
    return copied
