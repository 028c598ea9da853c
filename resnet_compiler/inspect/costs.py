"""What a node multiplies and adds, at the sizes inspected."""

from __future__ import annotations

from math import prod

from resnet_compiler.inspect.operators import MICROSOFT, RECURRENT, WEIGHTED
from resnet_compiler.inspect.parameters import Roles
from resnet_compiler.inspect.structure import Operation
from resnet_compiler.inspect.tensors import text


def macs(operation: Operation, roles: Roles) -> int | None:
    """Multiply-accumulates of a convolution or of a product of matrices; 0 for all else; None where shapes are not known."""
    if not roles.is_computed(operation):
        return 0
    if operation.key in RECURRENT:
        return _recurrent(operation, roles)
    places = WEIGHTED.get(operation.key)
    if places is None or len(operation.inputs) <= max(places):
        return 0
    data, weight = (operation.inputs[place] for place in places)
    is_convolution = "Conv" in operation.type
    if is_convolution and weight not in roles.computed and roles.weight(operation) is None:
        return 0  # a blurring filter
    data_shape, weight_shape = roles.typed.numbers(data), roles.typed.numbers(weight)
    output = roles.typed.numbers(operation.outputs[0])
    if operation.type == "Einsum":
        return _einsum(operation, [roles.typed.numbers(name) for name in operation.inputs])
    if not data_shape or not weight_shape or output is None:
        return None
    if operation.type == "ConvTranspose":
        return prod(data_shape) * prod(weight_shape[1:])
    if operation.index in roles.blocked.channels:
        elements = roles.blocked.elements(operation, weight_shape, is_weight=True)
        return output[0] * prod(output[2:]) * elements
    if is_convolution:
        return prod(output) * prod(weight_shape[1:])
    if operation.key == (MICROSOFT, "FusedMatMul") and operation.integer("transBatchA", 0):
        return None
    is_turned = operation.integer("transA", 0) and len(data_shape) > 1
    return prod(output) * data_shape[-2 if is_turned else -1]


def _recurrent(operation: Operation, roles: Roles) -> int | None:
    """Each step multiplies the input and the state by their matrices, in each direction."""
    if len(operation.inputs) < 3:
        return None
    data, *matrices = (roles.typed.numbers(name) for name in operation.inputs[:3])
    if data is None or len(data) != 3 or any(matrix is None for matrix in matrices):
        return None
    return prod(data[:2]) * sum(prod(matrix or ()) for matrix in matrices)


def _einsum(operation: Operation, shapes: list[tuple[int, ...] | None]) -> int | None:
    """As many as there are places in the loop over all letters, where two operands are multiplied and added up."""
    rule = next((text(a.s) for a in operation.proto.attribute if a.name == "equation"), "")
    left, arrow, result = rule.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in rule or len(terms) != len(shapes) or not 1 <= len(terms) <= 2 or not arrow:
        return None
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if shape is None or len(shape) != len(term):
            return None
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    is_product = len(terms) == 2 and any(
        letter in terms[1] and letter not in result for letter in terms[0]
    )
    return prod(sizes.values()) if is_product else 0
