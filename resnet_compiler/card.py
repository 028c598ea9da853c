"""A network's card: a page of Markdown with its figures, its counts, what was proved, how to load it, where it is from.

All of it follows from the graph. What a spec does not say, such as a licence or what the network was trained on, the card
does not say either.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from urllib.parse import quote

from resnet_compiler.graph import Graph, Proof
from resnet_compiler.measure import Measures, tensors_of
from resnet_compiler.rows import shape_text, smallest_text, summary_rows

FIGURES = ("compact", "blocks")
"""The details of the figures that stand beside a card."""


def card_files(graph: Graph, name: str, version: str) -> dict[str, str]:
    """The card and its figures, by the names of their files.

    Args:
        graph: the network.
        name: the card's file, such as "README.md"; the figures' names begin with its stem, where it is another.
        version: of the compiler.
    """
    from resnet_compiler.draw import figure, svg

    stem = name.rsplit(".", 1)[0]
    lead = "" if stem == "README" else f"{stem}-"
    names = {detail: f"{lead}{detail}.svg" for detail in FIGURES}
    files = {name: card_text(graph, version, tuple(names.values()))}
    return files | {
        names["compact"]: svg(figure(graph, "compact")),
        names["blocks"]: svg(figure(graph, "blocks")),
    }


def card_text(graph: Graph, version: str, figures: tuple[str, ...]) -> str:
    """The card as Markdown, in the form that CommonMark with tables reads."""
    from resnet_compiler.templating import environment

    measures = graph.measures
    tensors = [f"{node.name}.{each.name}" for node in graph for each in tensors_of(graph, node)]
    proofs = [proof for proof in graph.proofs if proof.residual]
    return (
        environment()
        .get_template("card.md.j2")
        .render(
            title=plain_text(graph.identity.title),
            description=f"{measures.breakdown} weighted layers",
            figures=[quote(name) for name in figures],
            facts=list(_facts(graph, measures)),
            size=_size(graph),
            columns=("stage", "block", "depth", "output", "parameters", "MACs"),
            rows=[row.cells() for row in summary_rows(measures, "stage")],
            proof=_proof(proofs),
            exceptions=[_exception(proof) for proof in proofs if proof.verdict != "all sizes"],
            input=_input(graph),
            first_tensor=tensors[0] if tensors else "",
            last_tensor=tensors[-1] if tensors else "",
            torch_example=_torch_example(graph),
            onnx_example=_onnx_example(graph),
            provenance=list(_provenance(graph, version)),
        )
    )


def plain_text(text: str) -> str:
    """Text as Markdown that shows it as it is: no markup, no HTML, no address and no cell of a table comes of it.

    CommonMark lets a backslash stand before any ASCII punctuation. What means nothing inside a line is left alone.
    """
    line = " ".join(text.split())
    line = re.sub(r"""[!"#$%&()*+:;<=>?@\[\\\]^_`{|}~]""", r"\\\g<0>", line)
    return re.sub(r"(?i)(?<=www)\.", r"\\.", line)


def _facts(graph: Graph, measures: Measures) -> Iterator[tuple[str, str]]:
    yield "name", f"`{graph.identity.name}`"
    yield "weighted layers", f"{measures.breakdown} = {measures.weighted_layers}"
    yield "parameters", f"{measures.parameters:,}"
    yield "MACs", f"{measures.macs:,}"
    yield "activations", f"{measures.activations:,}"
    yield "input", shape_text(graph.concrete("input"))
    yield "output", shape_text(graph.concrete(graph.output))
    yield "smallest input", smallest_text(graph)
    if graph.passes:
        yield "passes", ", ".join(f"`{name}`" for name in graph.passes)


def _size(graph: Graph) -> str:
    return " × ".join(str(extent.declared) for extent in graph.extents)


def _proof(proofs: list[Proof]) -> str:
    """What is proved of the residual adds, in a sentence."""
    held = sum(proof.verdict == "all sizes" for proof in proofs)
    if not proofs:
        return "There are none."
    count = "The residual add is" if len(proofs) == 1 else f"All {len(proofs)} residual adds are"
    if held == len(proofs):
        return _wrapped(
            f"{count} proved: both sides have equal channels, height and width at every input size that the spec admits."
        )
    return _wrapped(
        f"There are {len(proofs)}. Of {held} it is proved that both sides have equal channels, height and width at every "
        "input size; of these only that they have at the size above:"
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _exception(proof: Proof) -> str:
    found = proof.counterexample
    if found is None:
        return f"`{proof.node}`"
    axis = {"H": "height", "W": "width"}[found.axis]
    return f"`{proof.node}`: at a {axis} of {found.extent} the sides are {found.left} and {found.right}"


def _input(graph: Graph) -> str:
    """What the network takes in, and what is not said of it."""
    channels = graph.concrete("input")[0]
    claims = [
        f"every {axis} from {extent.minimum} that is a multiple of {extent.multiple_of}"
        for extent, axis in zip(graph.extents, ("height", "width"), strict=True)
        if extent.is_open
    ]
    if claims:
        sizes = f"The spec admits {' and '.join(claims)}."
    elif graph.any_size:
        sizes = f"The spec is for {_size(graph)}; other sizes can be taken in."
    else:
        sizes = f"The spec is for {_size(graph)}; at other sizes an add may fail, as said above."
    return _wrapped(
        f"A batch of images as float32, (batch, {channels}, height, width). {sizes} What the values of the pixels are "
        "(the order of the colours, their mean and scale) is a matter of the weights; the spec says nothing of it."
    )


def _torch_example(graph: Graph) -> str:
    from resnet_compiler.emit.names import network_class_name

    name = network_class_name(graph.identity.title)
    return "\n".join(
        [
            "import torch",
            "",
            f"from model import {name}",
            "",
            f"network = {name}().eval()",
            f"output = network(torch.zeros(1, {_sizes(graph)}))",
            f"assert output.shape == {_batch_of_one(graph)}",
        ]
    )


def _onnx_example(graph: Graph) -> str:
    return "\n".join(
        [
            "import numpy as np",
            "import onnxruntime",
            "",
            'session = onnxruntime.InferenceSession("model.onnx")',
            f'(output,) = session.run(None, {{"input": np.zeros((1, {_sizes(graph)}), np.float32)}})',
            f"assert output.shape == {_batch_of_one(graph)}",
        ]
    )


def _sizes(graph: Graph) -> str:
    return ", ".join(str(size) for size in graph.concrete("input"))


def _batch_of_one(graph: Graph) -> str:
    return repr((1, *graph.concrete(graph.output)))


def _provenance(graph: Graph, version: str) -> Iterator[tuple[str, str]]:
    identity = graph.identity
    yield "spec", plain_text(identity.source)
    yield "sha256 of the spec and its blocks", f"`{identity.sha256}`"
    yield "compiler", f"resnetc {version}"
    yield "weights", "none"
