"""Looking into files that a test makes, in the folder it runs in; bytes of Protocol Buffers by hand."""

from __future__ import annotations

import pathlib

import onnx
import pytest

from resnet_compiler.diagnostics import Diagnostic, SpecError
from resnet_compiler.inspect.inspection import Inspection
from resnet_compiler.inspect.process import Inspector


def look(content: bytes | onnx.ModelProto, inspector: Inspector) -> Inspection:
    data = content if isinstance(content, bytes) else content.SerializeToString()
    pathlib.Path("model.onnx").write_bytes(data)
    return inspector.inspect("model.onnx")


def faults(content: bytes | onnx.ModelProto, inspector: Inspector) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        look(content, inspector)
    return caught.value.diagnostics


def with_length(tag: bytes, content: bytes) -> bytes:
    """A field of a message, text or bytes."""
    return tag + varint(len(content)) + content


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])
