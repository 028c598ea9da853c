"""Reading and writing weights: safetensors without torch, PyTorch checkpoints with torch, nothing ever unpickled freely.

with open_checkpoint(pathlib.Path("resnet50.safetensors"), graph) as checkpoint:
    model = emit_onnx(graph, checkpoint, version)
checkpoint.findings
"""

from __future__ import annotations

from resnet_compiler.checkpoints.opening import Checkpoint, check_weights, open_checkpoint
from resnet_compiler.checkpoints.saving import save_safetensors

__all__ = ["Checkpoint", "check_weights", "open_checkpoint", "save_safetensors"]
