"""Rules on names, the input and order."""

from __future__ import annotations

from collections.abc import Iterator

from resnet_compiler.emit.names import reserved_part
from resnet_compiler.graph import INPUT
from resnet_compiler.operators.base import show
from resnet_compiler.rules.view import Finding, View
from resnet_compiler.shapes import Size

SECTIONS = ("stem", "stages", "head")


def nodes_are_filed_by_name(view: View) -> Iterator[Finding]:
    """Each node is filed under its own name, which is not the input's."""
    if INPUT in view.nodes:
        yield INPUT, "the name is taken by a node"
    for name, node in view.nodes.items():
        if node.name != name:
            yield node.name, f"the name is taken twice or filed under another, {name}"


def names_do_not_nest(view: View) -> Iterator[Finding]:
    """Nothing is inside a node: no node's name is the beginning of another's, or a scope's."""
    holders: dict[str, str] = {}
    for name in (*view.nodes, *view.graph.scopes):
        outer = name.rpartition(".")[0]
        while outer and outer not in holders:
            holders[outer] = name
            outer = outer.rpartition(".")[0]
    for name in view.nodes:
        if name in holders:
            yield name, f"{holders[name]} is inside it"
        if name in view.graph.scopes:
            yield name, "a scope has the same name"


def names_are_free(view: View) -> Iterator[Finding]:
    """No part of a name is a word that Python or torch.nn.Module needs."""
    if any(map(reserved_part, set(".".join(view.nodes).split(".")))):
        for name in view.nodes:
            part = reserved_part(name)
            if part is not None:
                yield name, f"{part} is reserved"


def the_input_is_an_image(view: View) -> Iterator[Finding]:
    """The input is channels, height and width, and its extents are those two axes, at sizes that the spec admits."""
    shape, extents = view.graph.input_shape, view.graph.extents
    if len(shape) != 3 or not is_count(shape[0]) or shape[1:] != (Size("H"), Size("W")):
        yield INPUT, f"its shape is {show(shape)}, not channels × H × W"
    if [extent.axis for extent in extents] != ["H", "W"]:
        yield INPUT, "its extents are not those of H and W"
    for extent in extents:
        if not all(map(is_count, (extent.declared, extent.multiple_of, extent.minimum))):
            yield INPUT, f"an extent of {extent.axis} is no whole number from 1"
        elif not extent.admits(extent.declared):
            yield INPUT, f"its bounds do not admit the declared {extent.axis}, {extent.declared}"


def is_count(value: object) -> bool:
    """Whether a value is a whole number from 1, and no flag or float that equals one."""
    return type(value) is int and value >= 1


def inputs_come_before(view: View) -> Iterator[Finding]:
    """Each input is the graph's, or a node that comes before: the order is topological and nothing reads itself."""
    seen = {INPUT}
    for name, node in view.nodes.items():
        for source in node.inputs:
            if source not in seen:
                yield name, f"its input {source} does not come before it"
        seen.add(name)


def nothing_is_dead(view: View) -> Iterator[Finding]:
    """The output is a node, and every node leads to it."""
    output = view.graph.output
    if output not in view.nodes:
        yield output, "it is the output, but there is no such node"
    alive = {output}
    for name in reversed(view.nodes):
        if name in alive:
            alive.update(view.nodes[name].inputs)
    for name in view.nodes:
        if name not in alive:
            yield name, "nothing uses it"


def sections_follow_each_other(view: View) -> Iterator[Finding]:
    """The nodes of the stem come first, then those of the stages, then those of the head."""
    now = SECTIONS[0]
    for name, node in view.nodes.items():
        if node.section == now:
            continue
        if node.section not in SECTIONS:
            yield name, f"there is no section {node.section}"
        elif SECTIONS.index(node.section) < SECTIONS.index(now):
            yield name, f"it is of the {node.section}, but comes behind the {now}"
        now = node.section
