"""A torchvision model through `torch.onnx.export(dynamo=True)`: what other benchmarks compare with.

    python benchmarks/export_torchvision.py FILE [MODEL [WEIGHTS.safetensors]]

Needs torch, torchvision, and onnxscript, which `dynamo=True` imports and nothing else here does: pip install onnxscript
"""

from __future__ import annotations

import importlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the model, resnet50 by default, with a dynamic batch and its weights inside, as `resnetc` does."""
    file, name, *weights = (*sys.argv[1:], "resnet50")[: max(2, len(sys.argv) - 1)]
    sys.path.insert(0, str(ROOT / "tests"))
    import torch

    torchvision = importlib.import_module("support.peers").import_torchvision()

    model = getattr(torchvision.models, name)(weights=None).eval()
    for path in weights:
        model.load_state_dict(importlib.import_module("safetensors.torch").load_file(path))
    torch.onnx.export(
        model,
        (torch.randn(2, 3, 224, 224),),
        file,
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    main()
