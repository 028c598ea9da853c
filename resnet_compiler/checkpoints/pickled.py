"""PyTorch checkpoints through `torch.load` with `weights_only`; the one module of weights that needs torch."""

from __future__ import annotations

import pathlib
import pickle
import re
import warnings
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from resnet_compiler.checkpoints.archive import check_file
from resnet_compiler.checkpoints.kinds import Kind
from resnet_compiler.checkpoints.stored import Stored, brief, unreadable
from resnet_compiler.support.read import opened
from resnet_compiler.weights import Array

if TYPE_CHECKING:
    import torch

OLDEST_TORCH = (2, 10)
"""Before, `weights_only` could be got around: CVE-2025-32434 (2.6), CVE-2026-24747 (2.10)."""

WRAPPINGS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights"),
    *("model_ema", "state_dict_ema", "ema"),
)
"""Keys under which a training run keeps the weights, beside an optimiser's state; averaged weights are taken last."""
_DEEPEST = 3


def read_checkpoint(path: pathlib.Path, kind: Kind) -> dict[str, Stored]:
    """The tensors of a PyTorch checkpoint, mapped into memory where it is a zip.

    Raises:
        SpecError: torch is missing, or the file is not a checkpoint of tensors.
    """
    check_file(path, kind)
    _need_torch(path)
    whole = _load(path, kind)
    state = _state(whole, _DEEPEST)
    if state is None:
        raise unreadable(path, f"it holds {_contents(whole)}, and no tensors by name")
    size = path.stat().st_size
    return {name: _stored(path, name, tensor, size) for name, tensor in state.items()}


def _need_torch(path: pathlib.Path) -> None:
    convert = "or save the tensors as safetensors, which need no torch"
    if find_spec("torch") is None:
        raise unreadable(
            path,
            "PyTorch checkpoints need torch, which is not installed",
            help=["`pip install 'resnet-compiler[torch]'`", convert],
        )
    import torch

    version = re.match(r"(\d+)\.(\d+)", torch.__version__)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_TORCH:
        raise unreadable(
            path,
            f"torch {torch.__version__} has known holes in how it reads checkpoints",
            help=[f"`pip install 'torch>={OLDEST_TORCH[0]}.{OLDEST_TORCH[1]}'`", convert],
        )


def _load(path: pathlib.Path, kind: Kind) -> Any:
    import torch

    # torch takes a file of that name for safetensors, whatever is in it
    named_otherwise = path.suffix == ".safetensors"
    try:
        with warnings.catch_warnings(), opened(path) as stream:
            warnings.simplefilter("ignore")
            return torch.load(
                stream if named_otherwise else str(path),
                weights_only=True,
                map_location="cpu",
                mmap=kind == "zip" and not named_otherwise,
            )
    except Exception as reason:  # torch lets through whatever a damaged pickle leads to
        said = "not what weights are made of" if isinstance(reason, pickle.PickleError) else reason
        raise unreadable(
            path,
            "it is a damaged checkpoint",
            notes=[f"torch: {type(reason).__name__}: {brief(str(said), 200)}"],
            help=["the file is cut off or damaged: fetch it again"],
        ) from None


def _state(value: Any, depth: int) -> dict[str, torch.Tensor] | None:
    """The tensors by name in a state_dict, or in what it is wrapped in."""
    import torch

    if not isinstance(value, Mapping) or not depth:
        return None
    for key in WRAPPINGS:
        inside = _state(value.get(key), depth - 1)
        if inside:
            return inside
    found = {
        str(key): each
        for key, each in value.items()
        if isinstance(key, str) and isinstance(each, torch.Tensor)
    }
    return found or None


def _contents(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"a {brief(type(value).__name__)}"
    keys = [f"`{brief(str(key), 40)}`" for key in list(value)[:8]]
    return f"a dict of {', '.join(keys)}{', …' if len(value) > 8 else ''}" if keys else "nothing"


def _stored(path: pathlib.Path, name: str, tensor: torch.Tensor, size: int) -> Stored:
    import torch

    convertible = (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
    kind = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.dtype not in convertible:
        kind = kind if plain else f"{kind}, {tensor.layout} on {tensor.device.type}"
        return Stored(tuple(tensor.shape), kind, None)
    # the pickle says where in its storage a tensor lies; hold it to that, whatever torch let through
    tensor = torch.Tensor.detach(tensor)
    storage = tensor.untyped_storage().nbytes()
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = tensor.storage_offset() + sum((count - 1) * step for count, step in steps)
    if tensor.numel() and (last + 1) * tensor.element_size() > min(storage, size):
        raise unreadable(path, f"`{brief(name)}` lies outside its data")
    return Stored(tuple(tensor.shape), kind, partial(_read, tensor))


def _read(tensor: torch.Tensor) -> Array:
    import torch

    values: Array = tensor.resolve_neg().to(torch.float32).contiguous().numpy()
    return values
