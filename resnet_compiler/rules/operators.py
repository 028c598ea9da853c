"""Rules on operators, shapes and joins."""

from __future__ import annotations

from collections.abc import Iterator

from resnet_compiler.operators.attributes import coerce
from resnet_compiler.operators.base import ShapeError, show
from resnet_compiler.rules.structure import is_count
from resnet_compiler.rules.view import Finding, View
from resnet_compiler.shapes import dim_at, shape_at


def attributes_are_in_range(view: View) -> Iterator[Finding]:
    """Each attribute of an operator has a value of its kind: a stride from 1, one of the words, a finite number."""
    for kind in {id(kind.operator): kind for kind in reversed(view.kinds)}.values():
        name, operator = kind.name, kind.operator
        for key, field in operator.attributes().items():
            value = getattr(operator, key)
            if value is field.default:
                continue
            try:
                fits = coerce(field, value) == value
            except ValueError as reason:
                yield name, f"{key} of {operator.word}: {reason}"
                continue
            if not fits:
                yield name, f"{key} of {operator.word} cannot be {value!r}"


def arities_fit(view: View) -> Iterator[Finding]:
    """Each operator has as many inputs as it takes."""
    for kind in view.kinds:
        arity, count = kind.operator.arity, len(kind.inputs)
        if count != arity if arity is not None else count < 2:
            wanted = "two or more" if arity is None else arity
            yield kind.name, f"{kind.operator.word} takes {wanted} inputs, and {count} are given"


def shapes_are_inferred(view: View) -> Iterator[Finding]:
    """Each shape is the one that the operator infers from its inputs'."""
    for name, node in view.nodes.items():
        try:
            inferred = view.kind_of[name].output
        except ShapeError as reason:
            yield name, f"its inputs do not fit: {reason.reason}"
            continue
        if view.shapes[name] != inferred:
            yield name, f"its shape is not {show(node.shape)}, but {show(inferred)}"


def sizes_are_left(view: View) -> Iterator[Finding]:
    """At the declared input, no size is below 1, or below what a layer needs of its input."""
    declared = view.graph.declared
    for kind in view.kinds:
        output = shape_at(kind.output, declared)
        if min(output, default=1) < 1:
            yield kind.name, f"nothing is left of the image: {show(output)}"
        least = kind.operator.least_size()
        if least > 1 and any(dim_at(d, declared) < least for s in kind.inputs for d in s[1:]):
            yield kind.name, f"its input is below {least} rows or columns"


def tensors_can_be_filled(view: View) -> Iterator[Finding]:
    """A node's tensors have different names, and dimensions from 1."""
    for kind in view.kinds:
        tensors = kind.operator.tensors(kind.inputs)
        if len({tensor.name for tensor in tensors}) < len(tensors):
            yield kind.name, "two of its tensors have one name"
        for tensor in tensors:
            if not all(map(is_count, tensor.shape)):
                yield kind.name, f"its tensor {tensor.name} is {show(tensor.shape)}"


def joins_agree(view: View) -> Iterator[Finding]:
    """Where branches meet, dimensions are equal: constants always, sizes at the declared input. Nothing broadcasts."""
    for name, kind in view.joins.items():
        if kind.proved[0] == "no":
            left, right = next(
                (left, right)
                for _, left, right in kind.pairs
                if dim_at(left, view.graph.declared) != dim_at(right, view.graph.declared)
            )
            yield name, f"joins {left} and {right}"


def proofs_are_true(view: View) -> Iterator[Finding]:
    """Each proof is of a join, once, of the shapes that it joins, and says what proving it anew says."""
    residual = {scope.join for scope in view.graph.scopes.values()}
    seen = set()
    for proof in view.graph.proofs:
        name = proof.node
        if name not in view.joins:
            yield name, "there is a proof of it, but it is no join"
            continue
        if name in seen:
            yield name, "there are two proofs of it"
        seen.add(name)
        kind = view.joins[name]
        if (proof.left, proof.right) != kind.operator.sides(kind.inputs):
            yield name, "its proof is of other shapes"
        if proof.residual != (name in residual):
            yield name, "its proof is wrong about whether it ends a residual path"
        verdict, counterexample = kind.proved
        if proof.verdict != verdict:
            yield name, f"its proof says {proof.verdict}, but it is {verdict}"
        if proof.counterexample != counterexample:
            yield name, "its proof has another counterexample"


def joins_are_proved(view: View) -> Iterator[Finding]:
    """There is a proof of each add, and of each join that does not hold at all sizes."""
    proved = {proof.node for proof in view.graph.proofs}
    for name, kind in view.joins.items():
        needed = kind.operator.word == "add" or kind.proved[0] != "all sizes"
        if needed and name not in proved:
            yield name, "there is no proof of it"


def claims_are_kept(view: View) -> Iterator[Finding]:
    """A join holds at every size that the spec claims."""
    claimed = {extent.axis for extent in view.graph.extents if extent.is_open}
    for name, kind in view.joins.items():
        found = kind.proved[1]
        if found is not None and found.axis in claimed:
            yield name, f"joins {found.left} and {found.right} at {found.axis} = {found.extent}"
