"""PyTorch checkpoints are read in each form and wrapping to the last bit; where torch is missing or old, that is told."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from support.weight_files import ONE, assert_read, net, read, refusal, state, torch_state

from resnet_compiler import codes
from resnet_compiler.checkpoints import pickled


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors", "weights"])
def test_torch_save(tmp_path: pathlib.Path, name: str, zipped: bool) -> None:
    import torch

    path = tmp_path / name
    torch.save(torch_state(net()), path, _use_new_zipfile_serialization=zipped)
    assert_read(path, net())


def test_torch_save_without_checksums(tmp_path: pathlib.Path) -> None:
    import torch

    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch_state(net()), tmp_path / "weights.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert_read(tmp_path / "weights.pt", net())


def test_a_training_run_of_many_parts(tmp_path: pathlib.Path) -> None:
    """What optimisers, schedulers and generators of torch keep is passed over."""
    import torch

    layer = torch.nn.Conv2d(3, 4, 3)
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(torch.zeros(1, 3, 5, 5)).sum().backward()
    optimiser.step()
    held = {
        "model": torch_state(net()),
        "optimizer": optimiser.state_dict(),
        "schedulers": [
            torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 5]).state_dict(),
            torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=5).state_dict(),
        ],
        "random": torch.get_rng_state(),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "size": torch.Size([3, 4]),
    }
    torch.save(held, tmp_path / "weights.pt")
    assert_read(tmp_path / "weights.pt", net())


def test_a_module_saves_parameters_in_any_float(tmp_path: pathlib.Path) -> None:
    import torch

    exact = {k: v.to(torch.bfloat16).float() for k, v in torch_state(net()).items()}
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        held = {k: torch.nn.Parameter(v.to(dtype)) for k, v in exact.items()}
        torch.save(held, tmp_path / "weights.pt")
        found = read(tmp_path / "weights.pt", net())
        for name, tensor in exact.items():
            if not name.endswith("num_batches_tracked"):
                np.testing.assert_array_equal(found[name], tensor.numpy())


def test_views_of_one_storage(tmp_path: pathlib.Path) -> None:
    import torch

    flat = {k: v for k, v in torch_state(net()).items() if v.is_floating_point()}
    storage = torch.cat([v.reshape(-1) for v in flat.values()])
    views, begin = {}, 0
    for name, tensor in flat.items():
        views[name] = storage[begin : begin + tensor.numel()].view(tensor.shape)
        begin += tensor.numel()
    views["fc.weight"] = flat["fc.weight"].t().contiguous().t()  # other strides
    torch.save(views, tmp_path / "weights.pt")
    assert_read(tmp_path / "weights.pt", net())


def wrapped(state: dict[str, Any]) -> dict[str, Any]:
    """The small network's tensors as training runs leave them, by what made them so."""
    import torch
    from torch.optim.swa_utils import AveragedModel

    def prefixed(prefix: str) -> dict[str, Any]:
        return {prefix + name: tensor for name, tensor in state.items()}

    other = {name: tensor + 1 for name, tensor in state.items()}
    optimiser = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
    layer = torch.nn.Linear(2, 2)
    averaged = AveragedModel(layer).state_dict()
    assert {name for name in averaged if not name.startswith("module.")} == {"n_averaged"}
    return {
        "plain": state,
        "DataParallel": prefixed("module."),
        "compiled": prefixed("_orig_mod."),
        "compiled in DataParallel": prefixed("module._orig_mod."),
        "a module's model": prefixed("model."),
        "averaged": {**prefixed("module."), "n_averaged": torch.tensor(7)},
        "state_dict": {"state_dict": prefixed("module."), "epoch": 90, "optimizer": optimiser},
        "model": {"model": state, "optimizer": optimiser, "best": torch.tensor(0.7)},
        "with averaged weights": {"model": state, "model_ema": other},
        "averaged weights alone": {"model_ema": state, "step": 4},
        "twice": {"model": {"state_dict": state}},
        "no counters": {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
        "more counters": {**state, "fc.num_batches_tracked": torch.tensor(3)},
    }


@pytest.mark.parametrize("case", list(range(13)))
def test_wrappings_and_prefixes(tmp_path: pathlib.Path, case: int) -> None:
    import torch

    held = list(wrapped(torch_state(net())).values())
    assert len(held) == 13
    torch.save(held[case], tmp_path / "weights.pt")
    assert_read(tmp_path / "weights.pt", net())


def test_a_network_may_have_the_names_of_a_wrapper(tmp_path: pathlib.Path) -> None:
    graph = net(ONE)
    arrays = state(graph)
    for prefix in ("", "module.", "model.", "_orig_mod.module."):
        safetensors.numpy.save_file(
            {prefix + name: array for name, array in arrays.items()}, tmp_path / "weights"
        )
        assert_read(tmp_path / "weights", graph)


def test_what_holds_no_tensors_is_described(tmp_path: pathlib.Path) -> None:
    import torch

    for held, said in (
        ({"epoch": 3, "lr": 0.1}, "a dict of `epoch`, `lr`"),
        ([torch.zeros(3)], "a list"),
        (torch.zeros(3), "a Tensor"),
        ({}, "nothing"),
    ):
        torch.save(held, tmp_path / "weights.pt")
        found = refusal(tmp_path / "weights.pt", net())
        assert found.code == codes.UNREADABLE_WEIGHTS
        assert f"it holds {said}, and no tensors by name" in found.summary


def test_without_torch_the_way_out_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    torch.save(torch_state(net()), tmp_path / "weights.pt")
    monkeypatch.setattr(pickled, "find_spec", lambda name: None)
    found = refusal(tmp_path / "weights.pt", net())
    assert found.code == codes.UNREADABLE_WEIGHTS and "need torch" in found.summary
    assert found.help[0] == "`pip install 'resnet-compiler[torch]'`"


@pytest.mark.parametrize(("version", "reads"), [("2.9.1", False), ("2.10.0", True), ("3.0", True)])
def test_an_old_torch_is_not_trusted(
    version: str, reads: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    torch.save(torch_state(net()), tmp_path / "weights.pt")
    monkeypatch.setattr(torch, "__version__", version)
    if reads:
        assert_read(tmp_path / "weights.pt", net())
    else:
        assert f"torch {version}" in refusal(tmp_path / "weights.pt", net()).summary
