"""The proof of each join as it is made, and what is said when it fails: both sides, where each came from, ways out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from math import prod
from typing import TYPE_CHECKING

from resnet_compiler import codes, definitions, layers
from resnet_compiler.definitions import Call, Layer, Located
from resnet_compiler.diagnostics import Diagnostic, Fix, Label, Span, SpecError, error
from resnet_compiler.graph import INPUT, Node, Proof
from resnet_compiler.operators.base import show
from resnet_compiler.prove import prove_join
from resnet_compiler.shapes import (
    Dim,
    Disagreement,
    Extent,
    Shape,
    Size,
    dim_at,
    same_for_all,
    shape_at,
    window_size,
)
from resnet_compiler.trial import trial

if TYPE_CHECKING:
    from resnet_compiler.maker import Maker
    from resnet_compiler.place import Place


def stride_between(start: Shape, end: Shape) -> int | tuple[int, int]:
    """How many input pixels one output pixel stands for, along height and width."""
    ratios = [
        b.stride // a.stride if isinstance(a, Size) and isinstance(b, Size) else 1
        for a, b in zip(start[1:], end[1:], strict=True)
    ]
    height, width = (max(1, ratio) for ratio in ratios)
    return height if height == width else (height, width)


def prove(
    maker: Maker,
    name: str,
    *,
    is_residual: bool,
    block: definitions.Block | None = None,
    place: Place | None = None,
    choice: Located | None = None,
    span: Span | None = None,
    labels: Iterable[Label] = (),
) -> str:
    """Prove one join and keep the proof; where it fails, add the diagnostic that says why. Returns the verdict."""
    node = maker.nodes[name]
    shapes = [maker.shape(source) for source in node.inputs]
    verdict, counterexample = prove_join(node.operator, shapes, maker.extents)
    if is_residual or node.operator.word == "add":
        left, right = shapes[0], shapes[1]
        maker.proofs.append(Proof(name, is_residual, left, right, verdict, counterexample))  # type: ignore[arg-type]
    elif verdict != "all sizes":
        maker.proofs.append(Proof(name, False, shapes[0], shapes[1], verdict, counterexample))  # type: ignore[arg-type]
    if verdict == "all sizes":
        return verdict
    scope = place.prefix if place else name
    if verdict == "no":
        found = _mismatch(maker, node, scope, choice, block, place)
    else:
        assert counterexample is not None
        found = _some_sizes(maker, node, scope, counterexample, is_residual)
    found = replace(found, secondary=(*found.secondary, *labels))
    same = (found.code, found.span)
    if all((other.code, other.span) != same for other in maker.findings.diagnostics):
        maker.findings.add(found)
    else:
        maker.findings.met_again()
    return verdict


def _numbers(maker: Maker, shape: Shape) -> str:
    return show(shape_at(shape, maker.declared))


def _mismatch(
    maker: Maker,
    node: Node,
    scope: str,
    choice: Located | None,
    block: definitions.Block | None,
    place: Place | None,
) -> Diagnostic:
    left, right = (maker.shape(source) for source in node.inputs[:2])
    stage_span = maker.findings.stage
    labels, derivations = _path_labels(maker, node.inputs[0], left, right)
    if block is None:
        shapes = " and ".join(_numbers(maker, maker.shape(s)) for s in node.inputs)
        code = codes.RESIDUAL_MISMATCH if node.operator.word == "add" else codes.JOIN_MISMATCH
        return error(
            code,
            f"`{node.operator.word}` at {node.name} joins different shapes: {shapes}",
            node.span,
            secondary=[Label(stage_span, f"while making {scope}")] if stage_span else [],
            notes=_reasons(node, [maker.shape(source) for source in node.inputs]),
            help=_swapped(node, left, right),
        )
    value = choice.value if choice else "auto"
    said = value.word if isinstance(value, Call) else str(value)
    reason = {
        "identity": "an identity cannot change the shape",
        "auto": "the block's own projection does not give the residual path's shape"
        if block.shortcut
        else "the shapes differ, and the block has no projection",
    }.get(said, f"the shortcut ends with {_numbers(maker, right)}")
    entry = maker.nodes.get(node.inputs[1])
    if entry is not None and entry.span and said == "identity" and maker.stages:
        text = f"the shortcut carries {maker.stages[-1].name}'s output: {_numbers(maker, right)}"
        labels.append(Label(maker.network.stages[len(maker.stages) - 1].block.span, text))
    return error(
        codes.RESIDUAL_MISMATCH,
        f"the residual add of {scope} joins different shapes",
        choice.entry if choice else stage_span or block.span,
        reason,
        secondary=labels,
        notes=[
            f"the residual path ends with {_numbers(maker, left)}, "
            f"the shortcut with {_numbers(maker, right)}",
            *derivations,
        ],
        help=(ways := _ways_out(maker, node, block, place, said)),
        fix=Fix(choice.span, "projection", is_safe=False)
        if choice and said == "identity" and any("projection" in way for way in ways)
        else None,
    )


def _swapped(node: Node, left: Shape, right: Shape) -> list[str]:
    """A hint where the two inputs only stand in the wrong order: a gate before its value."""
    if node.operator.gate_input is None or len(left) != len(right):
        return []
    fits = all(a == b for _, a, b in node.operator.must_agree([right, left]))
    return ["swap the two: `from: [value, gate]`"] if fits else []


def _reasons(node: Node, shapes: list[Shape]) -> list[str]:
    """What differs among what must be equal: a `concat` may have any channels."""
    names = ("channels", "height", "width")
    pairs = dict.fromkeys(node.operator.must_agree(shapes))
    return [f"{names[position]}: {a} against {b}" for position, a, b in pairs if a != b]


_FARTHEST = 1000
"""How many layers up the residual path the one that gave it its shape is looked for."""


def _path_labels(
    maker: Maker, path: str, left: Shape, right: Shape
) -> tuple[list[Label], list[str]]:
    """What the spec wrote that gave the residual path its channels and its size, and how that was worked out."""
    labels: dict[Span, str] = {}
    derivations: list[str] = []
    height, width = left[1:] if len(left) == 3 else (1, 1)

    def note(attribute: str, text: str, dim: int) -> None:
        if left[dim] == right[dim]:
            return
        name = path
        for _ in range(_FARTHEST):
            if name not in maker.nodes or not maker.nodes[name].inputs:
                return
            node = maker.nodes[name]
            before = maker.shape(node.inputs[0])
            if before[dim] != node.shape[dim] and attribute in maker.origins.get(name, {}):
                origin = maker.origins[name][attribute]
                for span in origin.origins:
                    labels.setdefault(span, text)
                derivations.extend(f"in {name}, {line}" for line in origin.derivation()[-1:])
                return
            if before == right or len(node.inputs) > 1:
                return
            name = node.inputs[0]

    note("out", f"the residual path ends with {left[0]} channels", 0)
    if len(left) == 3:
        sizes = _numbers(maker, (height, width))
        note("stride", f"the residual path is {sizes} from here", 1)
    return [Label(span, text) for span, text in labels.items()], derivations


def _ways_out(
    maker: Maker, node: Node, block: definitions.Block, place: Place | None, said: str
) -> list[str]:
    """What to write instead, with what it costs."""
    lines: list[str] = []
    if block.shortcut and said == "identity" and place is not None:
        cost = _cost(maker, block.shortcut, place, node.inputs[1])
        if cost is not None:
            lines.append(
                f"write `shortcut: projection` (the block's own; adds {cost:,} parameters),"
            )
    if (
        said != "zero_pad"
        and place is not None
        and _zero_pad_fits(maker.shape(node.inputs[0]), maker.shape(place.layers[INPUT]))
    ):
        lines.append(
            f"{'or ' if lines else 'write `shortcut: '}{'`' if lines else ''}zero_pad` (adds none)"
        )
    pools = _rounding_down(maker, place.prefix if place else "")
    if not lines and pools:
        lines.append(f"{_rounding_up(maker, pools[0])}, or declare an input that halves evenly")
    return ["\n".join(lines)] if lines else []


def _zero_pad_fits(path: Shape, entry: Shape) -> bool:
    """Whether subsampling and padding with zeros would bring a block's input to the residual path's shape."""
    if len(path) != 3 or len(entry) != 3 or not isinstance(path[0], int):
        return False
    stride = stride_between(entry, path)
    strides = stride if isinstance(stride, tuple) else (stride, stride)
    sizes = tuple(window_size(size, 1, s, 0) for size, s in zip(entry[1:], strides, strict=True))
    return isinstance(entry[0], int) and path[0] >= entry[0] and sizes == path[1:]


def _cost(maker: Maker, wanted: Iterable[Layer], place: Place, value: str) -> int | None:
    """The trainable parameters that a block's projection would add here, found by making it and taking it back."""
    if maker.tried > maker.limits.steps:
        return None
    try:
        with trial(maker, place) as made:
            layers.make_layers(maker, wanted, made.place, value)
            if made.failed:
                return None
            return sum(
                prod(tensor.shape)
                for node in map(maker.nodes.__getitem__, maker.made_since(made.mark.nodes))
                for tensor in node.operator.tensors([maker.shape(s) for s in node.inputs])
                if tensor.trainable
            )
    except SpecError:
        return None


def _some_sizes(
    maker: Maker, node: Node, scope: str, found: Disagreement, is_residual: bool
) -> Diagnostic:
    pairs = node.operator.must_agree([maker.shape(source) for source in node.inputs])
    there = {**maker.declared, found.axis: found.extent}
    sides = next(
        _sides(left, right, is_residual)
        for _, left, right in pairs
        if (dim_at(left, there), dim_at(right, there)) == (found.left, found.right)
    )
    sizes = " × ".join(str(extent.declared) for extent in maker.extents)
    claimed = any(extent.is_open and extent.axis == found.axis for extent in maker.extents)
    pools = _rounding_down(maker, scope)
    way = _rounding_up(maker, pools[0]) if pools else "make both branches round alike"
    declared = _sizes_that_hold(maker, [(left, right) for _, left, right in pairs])
    if declared is None:
        way = "make both branches follow the size of the image alike"
    else:
        way += f", or declare the sizes it is for:\n`input: {{{declared}}}`"
    return error(
        codes.RESIDUAL_SOME_SIZES if is_residual else codes.JOIN_SOME_SIZES,
        f"{scope} {'adds' if is_residual else 'joins'} equal shapes at {sizes}, but not at every size",
        maker.findings.stage or node.span,
        notes=[
            f"{sides}; the next size where they differ is {found.extent}: {found.left} against {found.right}"
        ],
        help=[way],
        severity="error" if claimed else "warning",
    )


def _sizes_that_hold(maker: Maker, pairs: Iterable[tuple[Dim, Dim]]) -> str | None:
    """What to declare of each axis along which the sides differ at some claimed size; None where nothing helps."""
    lines: list[str] = []
    pairs = list(pairs)
    for extent, name in zip(maker.extents, ("height", "width"), strict=True):
        along = [
            pair
            for pair in pairs
            if any(isinstance(side, Size) and side.axis == extent.axis for side in pair)
            and not same_for_all(*pair, extent)
        ]
        if along:
            multiple = _multiple_that_holds(along)
            if multiple is None:
                return None
            lines.append(f"{name}: {{multiple_of: {multiple}}}")
    return ", ".join(lines) or None


def _multiple_that_holds(pairs: Iterable[tuple[Dim, Dim]]) -> int | None:
    """The least power of two such that sizes are equal for all its multiples. There is none where they part for good."""
    for multiple in (1 << power for power in range(21)):
        if all(
            same_for_all(left, right, Extent(side.axis, multiple, True, multiple, multiple))
            for left, right in pairs
            for side in (left, right)
            if isinstance(side, Size)
        ):
            return multiple
    return None


def _rounding_down(maker: Maker, scope: str) -> list[Node]:
    """The poolings in a block that drop what is left over at the edge."""
    prefix = f"{scope}."  # a block's nodes are made one behind the other, and these are the last
    inside = takewhile(lambda n: n.name.startswith(prefix), reversed(maker.nodes.values()))
    return [
        node
        for node in inside
        if getattr(node.operator, "ceil_mode", True) is False
        and node.shape != maker.shape(node.inputs[0])
    ][::-1]


def _rounding_up(maker: Maker, pool: Node) -> str:
    """The advice to round up, with the line to change: of a pooling in a shipped block, where it was given."""
    given = [bound.span for bound in maker.origins.get(pool.name, {}).values() if bound.span]
    places = [span for span in (pool.span, *given) if span is not None]
    ours = next((span for span in places if not span.is_shipped), pool.span)
    return "pool with `ceil_mode: true`" + (f" in {ours.file}:{ours.line}" if ours else "")


def _sides(left: Dim, right: Dim, is_residual: bool) -> str:
    names = ("residual path", "shortcut") if is_residual else ("first input", "other input")
    return f"{names[0]} {left}, {names[1]} {right}"
