"""Graph → PyTorch source that a person would have written. No torch is needed to write it."""

from resnet_compiler.emit.pytorch.source import emit_pytorch

__all__ = ["emit_pytorch"]
