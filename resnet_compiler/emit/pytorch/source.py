"""The module as text: classes from the generalised blocks, the network's own class, and the header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from textwrap import wrap
from types import MappingProxyType

from resnet_compiler.emit.names import IMPORTED_NAMES, SUPPORT_CLASSES, network_class_name
from resnet_compiler.emit.pytorch.bodies import Bodies, Body, Step, local_path
from resnet_compiler.emit.pytorch.classes import ClassDefinition, Generaliser
from resnet_compiler.emit.pytorch.forward import Statements, with_shortcut
from resnet_compiler.emit.pytorch.layout import WIDTH, fitted, literal, signature
from resnet_compiler.emit.pytorch.network import ClassText, chosen_arguments, network_class
from resnet_compiler.emit.pytorch.unify import Parameter
from resnet_compiler.graph import INPUT, Graph, Scope
from resnet_compiler.operators.base import REQUIRED, TorchModule
from resnet_compiler.templating import environment

FOLDING = ("self.register_load_state_dict_pre_hook(fold_norms)",)
"""What the constructor of a fused network ends with: it loads what was trained."""


def emit_pytorch(graph: Graph, version: str) -> str:
    """The PyTorch module of a graph, as source that `ruff format` leaves as it is.

    Its `state_dict` has the graph's names; it imports nothing but torch. Inputs are (N, channels, H, W).
    """
    root_name = network_class_name(graph.identity.title)
    generaliser = Generaliser(graph, (*SUPPORT_CLASSES, *IMPORTED_NAMES, root_name))
    bodies = Bodies(graph, chosen_arguments(graph))
    members = _members(graph)
    for scopes in _by_level(graph):
        level = [bodies.body(scope, _steps(bodies, scope.name, members)) for scope in scopes]
        for body, call in generaliser.generalise(level):
            bodies.calls[body.scope.name] = call
    root = bodies.body(
        _root_scope(graph), _steps(bodies, "", members), [s.exit for s in graph.stages]
    )
    support = _support(graph)
    is_fused = "fused_conv" in support
    main = network_class(graph, root, root_name, FOLDING if is_fused else ())
    classes = [class_text(definition) for definition in generaliser.definitions]
    support += ["prepared"] if is_fused else []
    texts = [environment().get_template(f"support/{name}.py.j2").render() for name in support]
    code = "\n".join([*texts, *(line for each in (*classes, main) for line in each.lines)])
    return (
        environment()
        .get_template("model.py.j2")
        .render(
            header=header(graph, version),
            classes=classes,
            main=main,
            imports=_imports(code),
            support=support,
            reset=_reset(graph, generaliser.definitions, root),
        )
    )


def _support(graph: Graph) -> list[str]:
    """The templates of classes that PyTorch lacks, of the operators that need one."""
    forms = (node.operator.torch_form(graph.input_shapes(node)) for node in graph)
    names = {form.support for form in forms if isinstance(form, TorchModule) and form.support}
    return sorted(names)


def _imports(code: str) -> list[str]:
    """The import lines that the code needs."""
    lines = []
    lines += ["from collections import OrderedDict"] if "OrderedDict(" in code else []
    lines += ["from copy import deepcopy"] if "deepcopy(" in code else []
    lines += [""] if lines else []
    lines += ["import torch"] if re.search(r"\btorch\.", code) else []
    lines += ["import torch.nn.functional as F"] if re.search(r"\bF\.", code) else []
    return [*lines, "from torch import Tensor, nn"]


def _reset(graph: Graph, definitions: Sequence[ClassDefinition], root: Body) -> list[str]:
    """The body of `reset_parameters`: He initialisation, and the norms that begin at zero. Empty where there is neither."""
    zeros = {d.name: _zero_attributes(d.body) for d in definitions if d.sequential is None}
    zeros = {name: attributes for name, attributes in zeros.items() if attributes}
    own = _zero_attributes(root)
    said = "The last norm of each residual path begins at zero."
    rules: list[tuple[str, list[str]]] = []
    if any(node.operator.word == "conv" for node in graph):
        said = "He initialisation (He et al. 2015)."
        if zeros:
            said = "He initialisation; the last norm of each residual path begins at zero."
        rules.append(("nn.Conv2d", ['nn.init.kaiming_normal_(module.weight, mode="fan_out")']))
    classes: dict[tuple[str, ...], list[str]] = {}
    for name, found in zeros.items():
        classes.setdefault(tuple(found), []).append(name)
    for attributes, names in classes.items():
        filled = [f"nn.init.zeros_(module.{attribute}.weight)" for attribute in attributes]
        rules.append((" | ".join(names), filled))
    if not rules and not own:
        return []
    lines = [f'"""{said}"""']
    lines += ["for module in self.modules():"] if rules else []
    for number, (kind, filled) in enumerate(rules):
        lines.append(f"    {'elif' if number else 'if'} isinstance(module, {kind}):")
        lines += [f"        {line}" for line in filled]
    lines += [f"nn.init.zeros_(self.{name}.weight)" for name in own]
    return [f"        {line}" for line in lines]


def _zero_attributes(body: Body) -> list[str]:
    return [step.attribute for step in body.steps if step.starts_at_zero]


def _dissolved(graph: Graph) -> set[str]:
    """Scopes that are containers of their block, not classes: projections, and those with layers that cannot be
    attributes, since their names are numbers."""
    numbered = {name for scope in graph.scopes.values() if (name := _projection(graph, scope))}
    for node in graph:
        parts = node.name.split(".")
        for count in range(1, len(parts)):
            outer = ".".join(parts[:count])
            if outer in graph.scopes and parts[count].isdecimal() and node.inputs:
                numbered.add(outer)
    return numbered


def _projection(graph: Graph, scope: Scope) -> str | None:
    """The scope that stands as a shortcut and is only modules in a row."""
    if not (scope.join and scope.shortcut_layers):
        return None
    nodes = [graph[name] for name in scope.shortcut_layers]
    name = ".".join(nodes[0].name.split(".")[:-1])
    in_a_row = all(after.inputs == (before.name,) for before, after in pairwise(nodes))
    inside = all(node.name.rpartition(".")[0] == name for node in nodes)
    forms = [node.operator.torch_form(graph.input_shapes(node)) for node in nodes]
    modules = all(isinstance(form, TorchModule) and form.input_format == "{}" for form in forms)
    own = name in graph.scopes and name != scope.name
    return name if own and in_a_row and inside and modules else None


def _members(graph: Graph) -> dict[str, list[str]]:
    """For each scope ("" for the network), the nodes and scopes that stand directly in it, in order."""
    dissolved = _dissolved(graph)
    kept = [name for name in graph.scopes if name not in dissolved]
    members: dict[str, list[str]] = {name: [] for name in ("", *kept)}
    entered: set[str] = set()
    for node in graph:
        child = node.name
        parts = node.name.split(".")
        for count in range(len(parts) - 1, -1, -1):
            outer = ".".join(parts[:count])
            if outer in members:
                if child in entered:
                    break
                members[outer].append(child)
                if child != node.name:
                    entered.add(child)
                child = outer
    return members


def _by_level(graph: Graph) -> list[list[Scope]]:
    """The scopes in groups: every scope after those inside it, and all instances of a block together.

    A block's level is one above the highest level of the blocks it holds anywhere. A block that holds itself has no
    such level; then each scope's own height stands for it.
    """
    dissolved = _dissolved(graph)
    kept = [name for name in graph.scopes if name not in dissolved]
    children: dict[str, list[str]] = {name: [] for name in kept}
    for name in kept:
        parts = name.split(".")
        outer = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
        parent = next((each for each in outer if each in children), None)
        if parent is not None:
            children[parent].append(name)
    blocks: TopologicalSorter[str] = TopologicalSorter()
    for name, inner in children.items():
        blocks.add(graph.scopes[name].block, *(graph.scopes[each].block for each in inner))
    levels: dict[int, list[Scope]] = {}
    try:
        blocks.prepare()
        while ready := frozenset(blocks.get_ready()):
            levels[len(levels)] = [graph.scopes[n] for n in kept if graph.scopes[n].block in ready]
            blocks.done(*ready)
    except CycleError:
        heights: dict[str, int] = {}
        for name in sorted(kept, key=lambda name: -name.count(".")):
            heights[name] = 1 + max((heights[each] for each in children[name]), default=-1)
            levels.setdefault(heights[name], []).append(graph.scopes[name])
    return [levels[level] for level in sorted(levels)]


def _steps(bodies: Bodies, scope: str, members: dict[str, list[str]]) -> list[Step]:
    """What stands directly in a scope, as steps."""
    steps = []
    for name in members[scope]:
        path = local_path(scope, name)
        inner = bodies.graph.scopes.get(name) if name in members else None
        if inner is None:
            steps.append(bodies.leaf(bodies.graph[name], path))
        else:
            steps.append(Step(path, (inner.entry,), inner.exit, bodies.calls[name]))
    return steps


def _root_scope(graph: Graph) -> Scope:
    return Scope(
        "",
        "",
        graph.identity.title,
        "",
        INPUT,
        graph.output,
        MappingProxyType({}),
        MappingProxyType({}),
    )


def header(graph: Graph, version: str) -> list[str]:
    """The lines of the module's docstring."""
    measures = graph.measures
    size = "x".join(str(extent.declared) for extent in graph.extents)
    identity = graph.identity
    return [
        f"{identity.name}: {measures.weighted_layers} weighted layers, {measures.parameters:,} parameters, "
        f"{_macs(measures.macs)} at {size}.",
        "",
        f"Generated by resnetc {version} from {docstring(identity.source)} (sha256 {identity.sha256[:8]}).",
        *(
            [f"For inference, as these passes leave it: {', '.join(graph.passes)}."]
            * bool(graph.passes)
        ),
        "Stands alone on torch; yours to edit.",
    ]


def _macs(count: int) -> str:
    """A count of multiply-accumulates with the unit that leaves something to read."""
    return f"{count / 1e9:.2f} GMAC" if count >= 1e7 else f"{count / 1e6:.3g} MMAC"


def docstring(text: str) -> str:
    """Text that can stand in a docstring: nothing in it ends the string or begins an escape."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def class_text(definition: ClassDefinition) -> ClassText:
    """A block's class as source."""
    if definition.sequential is not None:
        head = _init_head(definition.parameters)
        body = fitted("", definition.sequential, 2)
        return ClassText(definition.name, "nn.Sequential", _doc(definition), head, body, [])
    instance = definition.body
    parameters = list(definition.parameters)
    slot = definition.slot
    if slot:
        kind = "nn.Module | None" if definition.slot_is_optional else "nn.Module"
        default = None if definition.slot_is_optional else REQUIRED
        parameters.append(Parameter(slot.parameter, kind, default))
        parameters.sort(key=lambda p: p.default != REQUIRED)
    init = ["        super().__init__()"]
    init += [f"        self.{name} = {name}" for name in definition.stored]
    for name, tree in instance.attributes:
        init += fitted(f"self.{name} = ", tree, 2)
    if slot:
        init.append(f"        self.{slot.name} = {slot.parameter}")
    steps = list(instance.steps)
    scope = instance.scope
    if definition.joins_shortcut:
        steps = with_shortcut(
            definition.identity, steps, scope.join or "", slot, definition.slot_is_optional
        )
    statements = Statements({scope.entry: "x"}, steps, [scope.exit])
    lines = [f"        {line}" for line in statements.write()]
    forward = [
        "    def forward(self, x: Tensor) -> Tensor:",
        *lines,
        f"        return {statements.final(scope.exit)}",
    ]
    head = _init_head(tuple(parameters))
    if len(init) == 1 and not parameters:  # nothing of its own to make
        head, init = [], []
        forward = forward[:]
    return ClassText(definition.name, "nn.Module", _doc(definition), head, init, forward)


def _init_head(parameters: Sequence[Parameter]) -> list[str]:
    texts = [
        f"{p.name}: {p.annotation}" + ("" if p.default == REQUIRED else f" = {literal(p.default)}")
        for p in parameters
    ]
    return signature("def __init__(", ["self", *texts], ") -> None:", 1)


def _doc(definition: ClassDefinition) -> list[str]:
    """The docstring's lines: what the block is, and the shapes it takes and gives."""
    what = (definition.doc or definition.title).strip()
    first = what.split()[0]
    plain = first[1:].islower() or len(first) == 1  # "Three convolutions", not "RegNet block"
    if definition.sequential is None and definition.body.scope.join:
        what = f"Residual block: {what[0].lower() + what[1:] if plain else what}"
    words = definition.words
    if not (words.channels_in and words.channels_out and words.stride):
        return [docstring(line) for line in wrap(f"{what}.", WIDTH - 4 - 6)]
    by = "" if words.stride == "1" else f"/{words.stride}"
    shapes = f"(N, {words.channels_in}, H, W) -> (N, {words.channels_out}, H{by}, W{by})."
    line = f"{what}: {shapes}"
    if len(docstring(line)) + 10 <= WIDTH and ":" not in what:
        return [docstring(line)]
    # wrapped first, so that no escape is cut
    return [*(docstring(line) for line in wrap(f"{what}.", WIDTH - 4 - 3)), "", shapes]
