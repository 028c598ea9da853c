"""The same networks as torchvision's: equal keys, shapes and counts, and equal outputs with its
weights."""

from __future__ import annotations

from typing import Any

import pytest
from support import peers
from support.reference import read_reference, state_dict_hash

import resnet_compiler
from resnet_compiler import Measures, weights
from resnet_compiler.emit.onnx import check_onnx, emit_onnx

REFERENCE = read_reference("torchvision-0.28.0")
SIZES = ((224, 224), (197, 163))
TOLERANCE = 1e-4


@pytest.mark.parametrize("name", REFERENCE)
def test_counts_and_names_are_those_recorded_of_torchvision(name: str) -> None:
    graph = resnet_compiler.compile(f"imagenet/{name}")
    measures = Measures(graph)
    tensors = [(path, tensor.shape) for path, tensor in weights.tensors(graph)]
    found = {
        "parameters": measures.parameters,
        "macs_224": measures.macs,
        "state_dict_keys": len(tensors),
        "state_dict_sha256_16": state_dict_hash(tensors),
    }
    assert found == REFERENCE[name]


@pytest.mark.parametrize("name", REFERENCE)
def test_outputs_are_those_of_torchvision_with_its_weights(name: str) -> None:
    import torch

    graph = resnet_compiler.compile(f"imagenet/{name}")
    torch.manual_seed(1)
    theirs = peers.import_torchvision().models.get_model(name, weights=None).eval()
    peers.randomise_norms(theirs, seed=2)
    state: dict[str, Any] = theirs.state_dict()
    with torch.device("meta"):
        ours = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
    ours.load_state_dict(state, strict=True, assign=True)
    ours.eval()
    model = emit_onnx(graph, lambda path, tensor: state[path].numpy(), "test")
    check_onnx(model)
    session = peers.onnx_session(model)
    del model
    for height, width in SIZES:
        image = torch.randn(1, 3, height, width)
        with torch.inference_mode():
            expected = theirs(image).numpy()
            from_source = ours(image).numpy()
        from_onnx = session.run(None, {"input": image.numpy()})[0]
        assert expected.std() > 0
        assert peers.relative_difference(from_source, expected) <= TOLERANCE
        assert peers.relative_difference(from_onnx, expected) <= TOLERANCE
