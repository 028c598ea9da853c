"""What an interface can have wrong: values that are none, and what this network cannot do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

from resnet_compiler.diagnostics import did_you_mean
from resnet_compiler.graph import INPUT, Graph, Node, Proof
from resnet_compiler.interface import (
    INDICES,
    OPSETS,
    OUTPUT,
    PRECISIONS,
    VALUES,
    Interface,
    Pair,
    Preprocess,
    Problem,
)
from resnet_compiler.operators.attributes import float32
from resnet_compiler.operators.base import show
from resnet_compiler.prove import works_at
from resnet_compiler.shapes import dim_at, shape_at

LONGEST_LABEL = 200
MOST_LABELS = 5
"""How many labels are complained of at once."""
_AXES = {"H": "height", "W": "width"}


def problems_of(
    graph: Graph, interface: Interface, opset: int, places: dict[str, str], size: Pair | None
) -> list[Problem]:
    """Every option that this network cannot have.

    Args:
        graph: the network.
        interface: what is asked for.
        opset: of the model.
        places: the features that there are, with their nodes.
        size: the network's, as the interface leaves it.
    """
    return [
        *_opset(interface, opset),
        *_batch(interface),
        *_size(graph, interface),
        *_preprocess(graph, interface, size),
        *_features(interface, places),
        *_classes(graph, interface),
        *islice(_labels(graph, interface), MOST_LABELS),
    ]


def classes_of(graph: Graph) -> int | None:
    """How many classes the network tells apart; None where its output is no list of numbers."""
    shape = graph.shape(graph.output)
    return shape[0] if len(shape) == 1 and isinstance(shape[0], int) else None


def is_count(value: object) -> bool:
    """Whether this is a whole number from 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_size(size: object) -> bool:
    if isinstance(size, tuple):
        return len(size) == 2 and all(map(is_count, size))
    return size in ("auto", "declared", "dynamic")


def _opset(interface: Interface, opset: int) -> Iterator[Problem]:
    if opset not in OPSETS:
        yield Problem("opset", f"opset {opset} is not one of {OPSETS.start} to {OPSETS.stop - 1}")
    if interface.precision not in PRECISIONS:
        near = did_you_mean(interface.precision, PRECISIONS) or (
            f"there are {', '.join(PRECISIONS)}",
        )
        yield Problem("precision", f"there is no precision `{interface.precision}`", near[0])
    elif interface.precision == "bfloat16" and opset < 22:
        yield Problem(
            "precision",
            f"convolutions take bfloat16 from opset 22 on, and this is opset {opset}",
            "ask for opset 22: `--opset 22`",
        )


def _batch(interface: Interface) -> Iterator[Problem]:
    if interface.batch != "dynamic" and not is_count(interface.batch):
        yield Problem(
            "batch",
            f"{interface.batch} is no number of images",
            "give a whole number from 1, or `dynamic`",
        )


def _size(graph: Graph, interface: Interface) -> Iterator[Problem]:
    size = interface.size
    if size == "dynamic":
        if not graph.any_size:
            proof = next(each for each in graph.proofs if each.verdict != "all sizes")
            yield Problem("size", *_not_every_size(graph, proof))
    elif not _is_size(size):
        help = "give a height and a width, or `declared`, or `dynamic`"
        yield Problem("size", f"{size} is no size", help)
    elif isinstance(size, tuple) and not works_at(graph, *size):
        near = _nearest_size(graph, *size)
        help = f"the nearest size that works is {near[0]} × {near[1]}" if near else ""
        yield Problem("size", _why_not(graph, *size), help)


def _not_every_size(graph: Graph, proof: Proof) -> tuple[str, str]:
    """Why the size cannot be dynamic: the join that was not proved, with its counterexample."""
    node = graph[proof.node]
    summary = f"the sides of {node.name}{_at(node)} are not equal at every size"
    found = proof.counterexample
    if found is not None:
        summary += (
            f": at {_AXES[found.axis]} {found.extent} they are {found.left} and {found.right}"
        )
    height, width = (extent.declared for extent in graph.extents)
    return summary, f"give a size, such as {height} × {width}"


def _why_not(graph: Graph, height: int, width: int) -> str:
    """What goes wrong at a size: something vanishes, or the sides of a join differ."""
    sizes = {"H": height, "W": width}
    least = graph.minimum_extents
    if any(sizes[axis] < least[axis] for axis in sizes):
        return f"nothing is left of an image of {height} × {width}: the least is {least['H']} × {least['W']}"
    for node in graph:
        shapes = graph.input_shapes(node)
        for _, left, right in node.operator.must_agree(shapes):
            if dim_at(left, sizes) != dim_at(right, sizes):
                sides = " and ".join(show(shape_at(shape, sizes)) for shape in shapes)
                return f"at {height} × {width} the sides of {node.name}{_at(node)} are {sides}"
    return f"the network does not take {height} × {width}"


def _at(node: Node) -> str:
    return f" ({node.span.file}:{node.span.line})" if node.span else ""


def _nearest_size(graph: Graph, height: int, width: int) -> Pair | None:
    """The nearest size that works, its sides changed by the same amount."""
    for step in range(1, 513):
        for by in (-step, step):
            if min(height, width) + by > 0 and works_at(graph, height + by, width + by):
                return height + by, width + by
    return None


def _preprocess(graph: Graph, interface: Interface, size: Pair | None) -> Iterator[Problem]:
    given = interface.preprocess
    if given is None:
        return
    channels = graph.concrete(INPUT)[0]
    for name, numbers in (("mean", given.mean), ("std", given.std)):
        if len(numbers) != channels:
            count = f"{len(numbers)} number{'' if len(numbers) == 1 else 's'}"
            yield Problem(name, f"{count} for {channels} channel{'' if channels == 1 else 's'}")
        elif not all(map(math.isfinite, numbers)) or (name == "std" and min(numbers) <= 0):
            yield Problem(name, "finite numbers are needed" + (" above 0" if name == "std" else ""))
    if not (math.isfinite(given.scale) and given.scale > 0):
        yield Problem("scale", f"{given.scale} is no number above 0")
    else:
        yield from _normalisation(given)
    for name, value, known in (
        ("layout", given.layout, ("nhwc", "nchw")),
        ("input_type", given.input_type, ("uint8", "float32")),
    ):
        if value not in known:
            yield Problem(name, f"`{value}` is neither {known[0]} nor {known[1]}")
    if given.resize is not None and not is_count(given.resize):
        yield Problem("resize", f"{given.resize} is no length", "give a whole number from 1")
    elif _is_size(interface.size):
        yield from _resize_and_crop(graph, size, given)


def _normalisation(given: Preprocess) -> Iterator[Problem]:
    """What is subtracted from pixels and what they are multiplied by are float32 numbers."""
    for name, made in (
        ("mean", [mean / given.scale for mean in given.mean if math.isfinite(mean)]),
        ("std", [given.scale / std for std in given.std if math.isfinite(std) and std > 0]),
    ):
        for number in made:
            try:
                float32(number)
            except ValueError as reason:
                yield Problem(name, f"with a scale of {given.scale}, {reason}")
                break


def _resize_and_crop(graph: Graph, size: Pair | None, given: Preprocess) -> Iterator[Problem]:
    if given.crop and size is None:
        yield Problem("crop", "images are cut to the network's size, which is dynamic here")
    elif given.crop and given.resize is not None and size is not None and max(size) > given.resize:
        yield Problem(
            "crop",
            f"{size[0]} × {size[1]} does not fit into images whose shorter side is {given.resize}",
            f"resize to {max(size)} or more",
        )
    elif given.resize is not None and not given.crop and size is not None:
        yield Problem(
            "resize",
            f"images keep their aspect, so that not all become {size[0]} × {size[1]}",
            "crop them too",
        )
    elif given.resize is not None and not given.crop:
        multiple = max(extent.multiple_of for extent in graph.extents)
        if multiple > 1:
            reason = f"images keep their aspect, and the network takes multiples of {multiple}"
            yield Problem("resize", reason, "crop them too")


def _features(interface: Interface, places: dict[str, str]) -> Iterator[Problem]:
    for index, name in enumerate(interface.features):
        if name not in places:
            known = f"there are {', '.join(places)}" if places else "there are no stages"
            near = did_you_mean(name, places) or (known,)
            yield Problem("features", f"there is no stage `{name}`", near[0])
        elif name == INPUT or (name in (OUTPUT, VALUES, INDICES) and interface.has_head):
            yield Problem("features", f"the model's own `{name}` is called so")
        elif name in interface.features[:index]:
            yield Problem("features", f"`{name}` is there twice")


def _classes(graph: Graph, interface: Interface) -> Iterator[Problem]:
    asked = {
        "softmax": interface.softmax,
        "top_k": interface.top_k is not None,
        "labels": bool(interface.labels),
    }
    classes = classes_of(graph)
    for option, is_asked in asked.items():
        if is_asked and not interface.has_head:
            yield Problem(option, "with features alone there are no classes", "keep the head")
        elif is_asked and classes is None:
            shape = show(graph.shape(graph.output))
            yield Problem(option, f"the output is {shape}, not one number for each class")
    if interface.softmax and graph.output != INPUT:
        last = graph[graph.output]
        if last.operator.word == "softmax":
            yield Problem("softmax", f"the network ends with one: {last.name}")
    top_k = interface.top_k
    if top_k is not None and not is_count(top_k):
        yield Problem("top_k", f"{top_k} is no number of classes", "give a whole number from 1")
    elif top_k is not None and classes is not None and top_k > classes:
        yield Problem(
            "top_k", f"there are {classes} classes, so that the best {top_k} are too many"
        )


def _labels(graph: Graph, interface: Interface) -> Iterator[Problem]:
    labels, classes = interface.labels, classes_of(graph)
    if labels and classes is not None and len(labels) != classes:
        yield Problem("labels", f"{len(labels)} labels for {classes} classes")
    for index, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip() or not label.isprintable():
            yield Problem("labels", f"label {index} is not printable text: {label!r:.40}")
        elif len(label) > LONGEST_LABEL:
            yield Problem(
                "labels", f"label {index} is longer than {LONGEST_LABEL} characters: {label:.20}…"
            )
