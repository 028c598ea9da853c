"""Public names for the values that a model puts out; whatever else has such a name gets another."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_compiler.emit.onnx.builder import LayerBuilder
from resnet_compiler.graph import INPUT


def give_public_names(builder: LayerBuilder, outputs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Rename values to what they are put out as, given as (public name, value); a value put out twice is copied.

    Returns:
        What was renamed: values and initializers, the old name and the new one.
    """
    from onnx import helper

    taken = {name for node in builder.nodes for name in (*node.input, *node.output)}
    renamed: dict[str, str] = {}
    copies = []
    for name, value in outputs:
        if value == INPUT or value in renamed:
            copies.append((name, value))
        else:
            renamed[value] = name
    for name, _ in outputs:
        if name in taken and name not in renamed:
            other = f"{name}.value"
            while other in taken:
                other += "_"
            renamed[name] = other
    for node in builder.nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    for tensor in builder.constants:
        tensor.name = renamed.get(tensor.name, tensor.name)
    for name, value in copies:
        inputs, outs = [renamed.get(value, value)], [name]
        builder.nodes.append(helper.make_node("Identity", inputs, outs, name=f"{name}/copy"))
    return renamed
