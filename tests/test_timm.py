"""Every model of timm's resnet.py and resnetv2.py: equal keys, shapes and counts; equal outputs with its weights.

The default run compares outputs for the models in `COMPARED`, which between them use every switch. For all 101
(about 25 minutes on 2 cores): ``RESNETC_TIMM=all python -m pytest -n 2 tests/test_timm.py``.
"""

from __future__ import annotations

import ast
import os
import statistics
from typing import Any

import pytest
from support import peers
from support.reference import read_reference, state_dict_hash

import resnet_compiler
from resnet_compiler import Graph, Measures, verify, weights
from resnet_compiler.emit.onnx import check_onnx, emit_onnx
from resnet_compiler.library import shipped_specs
from resnet_compiler.prove import works_at

REFERENCE = read_reference("timm-1.0.31")
TOLERANCE = 1e-4
EVERYTHING = os.environ.get("RESNETC_TIMM") == "all"

COMPARED = """
    resnet10t resnet14t resnet18 resnet18d resnet26 resnet26d resnet26t resnet34 resnet34d resnet50 resnet50_gn resnet50c
    resnet50d resnet50s resnet50t resnetaa34d resnetaa50 resnetaa50d resnetblur18 resnetblur50d resnetrs50
    resnext50_32x4d wide_resnet50_2 senet154 seresnet18 seresnet34 seresnet50t seresnext26d_32x4d seresnext26t_32x4d
    seresnetaa50d ecaresnet26t ecaresnet50d_pruned ecaresnetlight ecaresnext26t_32x4d test_resnet resnetv2_18
    resnetv2_18d resnetv2_34 resnetv2_50 resnetv2_50d resnetv2_50d_evos resnetv2_50d_frn resnetv2_50d_gn resnetv2_50t
    resnetv2_50x1_bit
""".split()  # noqa: SIM905

ANTIALIASED = [name for name in REFERENCE if "aa" in name]
"""The models that work at some sizes only."""

NARROWER = {
    "resnext101_32x32d": ('stages: {"*": {base_width: 4}}', "resnext101_32x4d"),
    "resnetv2_101x3_bit": ("let: {factor: 1}", "resnetv2_101x1_bit"),
    "resnetv2_152x4_bit": ("let: {factor: 2}", "resnetv2_152x2_bit"),
}
"""Models over 300 M parameters, compared at a smaller width: what the spec changes, and timm's model of that width."""


def their_model(name: str) -> Any:
    peers.import_torchvision()
    import timm

    return timm.create_model(name, pretrained=False)


def test_there_is_a_spec_for_every_model() -> None:
    shipped = [spec.display for spec in shipped_specs()]
    assert sorted(f"specs/timm/{name}.yaml" for name in REFERENCE) == sorted(
        name for name in shipped if name.startswith("specs/timm/")
    )


@pytest.mark.parametrize("name", REFERENCE)
def test_counts_and_names_are_those_recorded_of_timm(name: str) -> None:
    graph = resnet_compiler.compile(f"timm/{name}")
    tensors = [(path, tensor.shape) for path, tensor in weights.tensors(graph)]
    found = {
        "parameters": Measures(graph).parameters,
        "state_dict_keys": len(tensors),
        "state_dict_sha256_16": state_dict_hash(tensors),
        "input_size": list(graph.concrete("input")),
    }
    assert found == REFERENCE[name]


@pytest.mark.parametrize("name", REFERENCE if EVERYTHING else COMPARED)
def test_outputs_are_those_of_timm_with_its_weights(name: str) -> None:
    import torch

    change, same_as = NARROWER.get(name, ("", name))
    text = f"name: {name}\nextends: timm/{name}\n{change}\n" if change else None
    graph = resnet_compiler.compile(f"timm/{name}" if text is None else f"{name}.yaml", text=text)
    torch.manual_seed(1)
    theirs = their_model(same_as)
    disturb(theirs, graph)
    state: dict[str, Any] = theirs.state_dict()
    with torch.device("meta"):
        ours = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
    ours.load_state_dict(state, strict=True, assign=True)
    real_buffers(ours)
    ours.eval()
    model = emit_onnx(graph, lambda path, tensor: state[path].numpy(), "test")
    check_onnx(model)
    session = peers.onnx_session(model)
    del model
    for height, width in sizes_to_compare(graph):
        image = torch.randn(1, 3, height, width)
        with torch.inference_mode():
            expected = theirs(image).numpy()
            from_source = ours(image).numpy()
        from_onnx = (
            session.run(None, {"input": image.numpy()})[0]
            if graph.any_size or ((height, width) == tuple(graph.declared.values()))
            else from_source
        )
        assert expected.std() > 0
        assert peers.relative_difference(from_source, expected) <= TOLERANCE
        assert peers.relative_difference(from_onnx, expected) <= TOLERANCE


def disturb(model: Any, graph: Graph) -> None:
    """Random scales and shifts in every norm, and running statistics near those of a batch, so that nothing cancels."""
    import torch

    random = torch.Generator().manual_seed(2)
    blocks = sum(len(stage.blocks) for stage in graph.stages)
    weak = 0.2 * min(1, (16 / blocks) ** 0.5)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            if name.endswith("bias"):
                parameter.data.normal_(0, 0.1, generator=random)
            elif name.endswith("bn3.weight") or not parameter.any():
                # the last norm of a residual path: a weak one, or rounding would grow with every block
                parameter.data.uniform_(weak / 2, weak * 3 / 2, generator=random)
            else:
                parameter.data.uniform_(0.5, 1.5, generator=random)
    image = torch.randn(2, 3, *graph.declared.values(), generator=random)
    verify.randomise_statistics(model, image.numpy(), seed=3)
    assert not model.training


def real_buffers(model: Any) -> None:
    """Buffers that are no part of the state_dict (a blur's window) are made anew, off the meta device."""
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:
                fresh = type(module)(buffer.shape[0], module.stride)
                module.register_buffer(name, getattr(fresh, name), persistent=False)


def sizes_to_compare(graph: Graph) -> list[tuple[int, int]]:
    """The model's own size, and another that it takes."""
    height, width = graph.declared.values()
    other = (height - 61, width - 94)
    return [(height, width), other if works_at(graph, *other) else (160, 128)]


@pytest.mark.parametrize("name", REFERENCE)
def test_the_sizes_refused_are_those_recorded(name: str) -> None:
    """Seven models fail at 56 of the 64 sizes 64..127, the rest at none (tried in timm, see below)."""
    graph = resnet_compiler.compile(f"timm/{name}")
    refused = [size for size in range(64, 128) if not works_at(graph, size, size)]
    assert len(refused) == (56 if name in ANTIALIASED else 0)
    assert graph.any_size == (name not in ANTIALIASED)


@pytest.mark.parametrize(
    "name",
    REFERENCE if EVERYTHING else [*ANTIALIASED[:3], "resnet10t", "resnetblur18", "resnetv2_18d"],
)
def test_the_sizes_refused_are_those_that_fail_in_timm(name: str) -> None:
    import torch

    graph = resnet_compiler.compile(f"timm/{name}")
    with torch.device("meta"):
        theirs = their_model(name).eval()

    def fails(size: int) -> bool:
        try:
            theirs(torch.empty(1, 3, size, size, device="meta"))
        except RuntimeError:
            return True
        return False

    assert [size for size in range(64, 128) if fails(size)] == [
        size for size in range(64, 128) if not works_at(graph, size, size)
    ]


def test_there_are_seven_antialiased_models() -> None:
    assert len(ANTIALIASED) == 7


def test_the_emitted_source_stays_readable() -> None:
    """Under 150 lines in the median, and no class that differs from another of its file in numbers alone."""
    lengths = []
    for name in REFERENCE:
        source = resnet_compiler.emit_pytorch(resnet_compiler.compile(f"timm/{name}"))
        lengths.append(source.count("\n"))
        bodies = []
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                node.name = "same"
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Constant):
                        inner.value = None if isinstance(inner.value, int | float) else inner.value
                node.body = [each for each in node.body if not isinstance(each, ast.Expr)]
                bodies.append(ast.dump(node))
        assert len(set(bodies)) == len(bodies), name
    assert statistics.median(lengths) < 150


def test_most_specs_are_short() -> None:
    from resnet_compiler.library import data_folder

    lengths = [
        len(path.read_text().splitlines())
        for path in sorted((data_folder("specs") / "timm").glob("*.yaml"))
    ]
    assert sum(length <= 12 for length in lengths) > 0.9 * len(lengths)


def test_standardised_convolutions_are_plain_ones_in_onnx() -> None:
    model = resnet_compiler.build_onnx(resnet_compiler.compile("timm/resnetv2_50x1_bit"))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("Conv") == 54
    weight = next(t for t in model.graph.initializer if t.name == "stem.conv.weight")
    import numpy as np

    filters = np.frombuffer(weight.raw_data, "<f4").reshape(weight.dims[0], -1)
    assert np.abs(filters.mean(1)).max() < 1e-6
    assert np.abs(filters.std(1) - 1).max() < 1e-3
