"""int8: a float32 ONNX graph to one that quantises and dequantises (QDQ), with scales from calibration on real images.

Scheme and reasons: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference"; Wu et al. 2020, "Integer Quantization for Deep Learning Inference" (per-channel weights, symmetric).
"""

from __future__ import annotations

from resnet_compiler.quantize.calibration import CalibrationError, Method, Range, calibrate
from resnet_compiler.quantize.errors import LayerError, layer_errors
from resnet_compiler.quantize.int8 import Int8, Quantized, quantize
from resnet_compiler.quantize.placement import Scheme, place

__all__ = [
    "CalibrationError",
    "Int8",
    "LayerError",
    "Method",
    "Quantized",
    "Range",
    "Scheme",
    "calibrate",
    "layer_errors",
    "place",
    "quantize",
]
