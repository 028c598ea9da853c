"""One spec examined: does torch do, and ONNX Runtime too, what the compiler promised?"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from resnet_compiler import Graph, Interface, Measures, build_onnx, emit_pytorch, fold
from resnet_compiler.api import emit_inference
from resnet_compiler.emit.onnx import DEFAULT_OPSET, OPSETS, OUTPUT
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import LayerNorm
from resnet_compiler.prove import works_at
from resnet_compiler.shapes import dim_at, shape_at
from support import peers
from support.differential.case import Case
from support.differential.sides import Disagreement, Sides, doing, is_rounding, make_sides
from support.differential.trunk import weighted_layers

TOLERANCE = 1e-4
SINGLE_VALUE = "Expected more than 1 value per channel when training"
"""What torch says, in inference too, of a group norm over a single number, of which an image has that and a batch has not."""
Size = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """What became of a spec. ``relative`` is the greatest difference of two outputs, to their largest magnitude."""

    status: Literal["agrees", "refused", "disagrees"]
    kind: str = ""
    detail: str = ""
    relative: float = 0.0
    settled: bool = False
    """Whether a difference above the tolerance was found to be rounding, in float64."""
    graph: Graph | None = None


def opset_of(number: int) -> int:
    """The opset that spec ``number`` is tried with."""
    return OPSETS[number % len(OPSETS)]


def examine(case: Case, opset: int = DEFAULT_OPSET) -> Outcome:
    """Compile a case and compare everything; never raises."""
    try:
        with doing("compiling"):
            compilation = case.compile()
        graph = compilation.graph
        if graph is None:
            errors = [d for d in compilation.diagnostics if d.severity == "error"]
            first = errors[0]
            return Outcome("refused", first.code.id, first.summary)
        _meaning(case, graph)
        relative, settled = compare(graph, opset)
        return Outcome("agrees", relative=relative, settled=settled, graph=graph)
    except Disagreement as found:
        return Outcome("disagrees", found.kind, found.detail)


def _meaning(case: Case, graph: Graph) -> None:
    """That the spec is the network that it was made from, which is written in a plainer way."""
    if case.meant is None:
        return
    with doing("compiling what is meant"):
        meant = case.meant.compile().graph
    if meant is None:
        raise Disagreement("meaning", "what is meant is refused")
    for node in meant:
        other = graph.nodes.get(node.name)
        if other is None:
            raise Disagreement("meaning", f"{node.name} is not there")
        for what in ("operator", "inputs", "shape"):
            ours, theirs = getattr(other, what), getattr(node, what)
            if ours != theirs:
                raise Disagreement("meaning", f"{node.name}: {what} {ours}, meant {theirs}")
    if len(graph) != len(meant) or graph.output != meant.output:
        raise Disagreement("meaning", f"{len(graph)} nodes to {graph.output}, meant {len(meant)}")


def compare(graph: Graph, opset: int = DEFAULT_OPSET) -> tuple[float, bool]:
    """The greatest relative difference of outputs, and whether float64 had to settle one.

    Raises:
        Disagreement: something is not as promised.
    """
    sides = make_sides(graph, opset)
    declared: Size = (graph.declared["H"], graph.declared["W"])
    _counts(sides, declared)
    _layers(sides, declared)
    draw = random.Random(0)
    worst, settled = 0.0, False
    for batch, size in [(1, declared), (2, declared), *((1, s) for s in _other_sizes(graph, draw))]:
        relative, rounding = _outputs(sides, batch, size)
        worst, settled = max(worst, relative if not rounding else 0.0), settled or rounding
    for size in _sizes_to_judge(graph, draw):
        _verdict(sides, size)
    _proofs(sides, declared)
    _gradients(sides, declared)
    _read_backs(graph, declared, opset)  # last, so that what runs is judged without it
    return worst, settled


def _read_backs(graph: Graph, declared: Size, opset: int) -> None:
    """That what is emitted, read back, is the graph: as it is, folded, fused for inference, and for one size."""
    with doing("folding"):
        folded = fold(graph)
    with doing("reading back the source"):
        emit_pytorch(graph)
        emit_pytorch(folded)
        emit_inference(graph)
    with doing("reading back the ONNX"):
        build_onnx(graph, opset=opset)
        build_onnx(folded, opset=opset)
    with doing("building the ONNX for one size"):
        build_onnx(graph, opset=opset, interface=Interface(size=declared, batch=1))


def _outputs(sides: Sides, batch: int, size: Size) -> tuple[float, bool]:
    import numpy as np

    image = sides.image(batch, size)
    given = image.copy()
    at = f"at {batch} × {size[0]} × {size[1]}"
    with doing(f"torch {at}"):
        theirs = sides.torch(image)
    if (image != given).any():
        raise Disagreement("input", "the network writes on its input")
    with doing(f"ONNX Runtime {at}"):
        ours = sides.onnx(image)
    graph = sides.graph
    promised = (batch, *shape_at(graph.shape(graph.output), _sizes(size)))
    if not theirs.shape == ours.shape == promised:
        shapes = f"torch {theirs.shape}, ONNX Runtime {ours.shape}, promised {promised}"
        raise Disagreement("output shape", f"{at}: {shapes}")
    if not np.isfinite(theirs).all():
        raise Disagreement("not finite", f"{at}: the numbers are too large to compare")
    relative = peers.relative_difference(ours, theirs)
    if relative <= TOLERANCE:
        return relative, False
    with doing("float64"):
        if is_rounding(sides, image):
            return relative, True
    raise Disagreement("outputs", f"{at}: {relative:.2e} apart")


def _sizes(size: Size) -> dict[str, int]:
    return {"H": size[0], "W": size[1]}


def _other_sizes(graph: Graph, draw: random.Random) -> list[Size]:
    """Sizes beside the declared one at which both outputs must work: one below or above, one at random."""
    if not graph.any_size:
        return []
    found = []
    for _ in range(2):
        size = []
        for extent in graph.extents:
            step = extent.multiple_of
            least = max(extent.minimum, graph.minimum_extents[extent.axis])
            least = -(-least // step) * step
            size.append(draw.randrange(least, max(least, extent.declared) + 2 * step + 8, step))
        found.append((size[0], size[1]))
    return found


def _counts(sides: Sides, size: Size) -> None:
    """Parameters, MACs, and what each module with weights puts out, as torch has them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    graph, network, measures = sides.graph, sides.network, Measures(sides.graph)
    parameters = sum(each.numel() for each in network.parameters())
    if parameters != measures.parameters:
        raise Disagreement("parameters", f"torch {parameters}, promised {measures.parameters}")
    shapes: dict[str, tuple[int, ...]] = {}
    blurred: list[int] = []

    def see(name: str, module: Any) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            shapes[name] = tuple(output.shape[1:])
            if type(module).__name__ == "BlurPool2d":  # a convolution without weights
                blurred.append(9 * output.numel())

        return module.register_forward_hook(hook)

    hooks = [
        see(name, module)
        for name, module in network.named_modules()
        if name in graph.nodes and (list(module.parameters()) or "Blur" in type(module).__name__)
    ]
    with doing("counting"), FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.from_numpy(sides.image(1, size)))
    for hook in hooks:
        hook.remove()
    macs = counter.get_total_flops() // 2 - sum(blurred)
    if macs != measures.macs:
        raise Disagreement("MACs", f"torch {macs}, promised {measures.macs}")
    for name, shape in shapes.items():
        if shape != graph.concrete(name):
            raise Disagreement(
                "layer shape", f"{name}: torch {shape}, promised {graph.concrete(name)}"
            )
    activations = sum(prod(shapes[layer.name]) for layer in measures.layers if layer.macs)
    if activations != measures.activations:
        raise Disagreement("activations", f"torch {activations}, promised {measures.activations}")


def _layers(sides: Sides, size: Size) -> None:
    """Every layer's shape, and the weighted layers along the trunk, from a run of the ONNX without fusions."""
    with doing("ONNX Runtime, every layer"):
        values = sides.every_layer(sides.image(1, size))
    graph = sides.graph
    for node in graph:
        name = OUTPUT if node.name == graph.output else node.name
        if name in values and values[name].shape[1:] != graph.concrete(node.name):
            shape, promised = values[name].shape[1:], graph.concrete(node.name)
            raise Disagreement("layer shape", f"{name}: ONNX Runtime {shape}, promised {promised}")
    counted = weighted_layers(sides, values)
    promised = sorted(layer.name for layer in Measures(graph).layers if layer.weighted)
    if counted != promised:
        differing = sorted(set(counted) ^ set(promised))
        raise Disagreement("weighted layers", f"not counted alike: {', '.join(differing)}")


def _sizes_to_judge(graph: Graph, draw: random.Random) -> list[Size]:
    """Sizes to put to the proof: the least, those below it, counterexamples, and some at random."""
    height, width = graph.declared["H"], graph.declared["W"]
    least = (graph.minimum_extents["H"], graph.minimum_extents["W"])
    found = [least, (least[0] - 1, width), (height, least[1] - 1)]
    found += [(height + 1, width), (height, width + 1)]
    found += [
        (draw.randint(least[0], height + 9), draw.randint(least[1], width + 9)) for _ in range(2)
    ]
    for proof in graph.proofs:
        if proof.counterexample is not None:
            found.append(_counterexample(graph, proof.counterexample))
    return [size for size in dict.fromkeys(found) if min(size) > 0]


def _counterexample(graph: Graph, found: Any) -> Size:
    size = {**graph.declared, found.axis: found.extent}
    return size["H"], size["W"]


def _verdict(sides: Sides, size: Size) -> None:
    """Whether torch takes an image of this size exactly where the proof says so."""
    promised = works_at(sides.graph, *size)
    at = f"{size[0]} × {size[1]}"
    try:
        output = sides.torch(sides.image(1, size))
    except Exception as failure:
        if promised and not str(failure).startswith(SINGLE_VALUE):
            raise Disagreement(
                "verdict", f"torch fails at {at}, promised to work: {failure}"
            ) from None
        return
    if promised:
        shape = shape_at(sides.graph.shape(sides.graph.output), _sizes(size))
        if output.shape[1:] != shape:
            raise Disagreement(
                "output shape", f"at {at}: torch {output.shape[1:]}, promised {shape}"
            )
    elif not _repeats(sides.graph, size):
        raise Disagreement("verdict", f"torch works at {at}, promised to fail")


def _repeats(graph: Graph, size: Size) -> bool:
    """Whether the first thing that goes wrong at this size is a 1, which torch repeats where the language does not."""
    sizes = _sizes(size)
    for node in graph:
        if any(dim_at(dim, sizes) < 1 for dim in node.shape):
            return False
        pairs = node.operator.must_agree(graph.input_shapes(node))
        at = [(dim_at(left, sizes), dim_at(right, sizes)) for _, left, right in pairs]
        differing = [pair for pair in at if pair[0] != pair[1]]
        if differing:
            return node.operator.word != "concat" and all(1 in pair for pair in differing)
    return False


def _proofs(sides: Sides, declared: Size) -> None:
    """The verdict on the whole is that of its joins, and each counterexample is one."""
    graph = sides.graph
    if graph.any_size != all(proof.verdict == "all sizes" for proof in graph.proofs):
        raise Disagreement("verdict", "the whole is not as its joins")
    for proof in graph.proofs:
        found = proof.counterexample
        if (found is None) != (proof.verdict == "all sizes"):
            raise Disagreement("verdict", f"{proof.node}: {proof.verdict}, counterexample {found}")
        if found is not None and works_at(graph, *_counterexample(graph, found)):
            raise Disagreement("verdict", f"{proof.node}: works at its counterexample {found}")


def _gradients(sides: Sides, size: Size) -> None:
    """That the source can be trained: nothing that a gradient needs is overwritten."""
    import torch

    if _torch_would_crash(sides.graph):
        return
    image = torch.from_numpy(sides.image(2, size)).requires_grad_()
    sides.network.train()
    with doing("the gradient"):
        sides.network(image).square().mean().backward()
    sides.network.eval()


def _torch_would_crash(graph: Graph) -> bool:
    """Whether torch (2.13, CPU) may write out of bounds: in the gradient of a convolution with two unlike strides, of
    channels that stand last in memory, as a layer norm leaves them."""
    operators = [node.operator for node in graph]
    unlike = any(isinstance(o, Conv) and o.stride[0] != o.stride[1] for o in operators)
    return unlike and any(isinstance(o, LayerNorm) for o in operators)
