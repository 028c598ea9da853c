"""torchvision's resnet50 through `torch.onnx.export(dynamo=True)`: what `onnx_export.py` compares with.

    python benchmarks/export_torchvision.py FILE

Needs torch, torchvision, and onnxscript, which `dynamo=True` imports and nothing else here does: pip install onnxscript
"""

from __future__ import annotations

import importlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the model with random weights and a dynamic batch, weights inside, as `resnetc build` does."""
    sys.path.insert(0, str(ROOT / "tests"))
    import torch

    torchvision = importlib.import_module("support.peers").import_torchvision()

    model = torchvision.models.resnet50(weights=None).eval()
    torch.onnx.export(
        model,
        (torch.randn(2, 3, 224, 224),),
        sys.argv[1],
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    main()
