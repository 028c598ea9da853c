"""What a spec expects of its network: each fact held against the graph, and a guess at where the difference is."""

from __future__ import annotations

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, Fix, error, is_shipped
from resnet_compiler.graph import Graph
from resnet_compiler.library import SpecFile, shipped_specs
from resnet_compiler.measure import Measures
from resnet_compiler.source import Mapping, Scalar, Sequence
from resnet_compiler.spelling import is_surely
from resnet_compiler.support.read import text


def check_expectations(
    graph: Graph, root: Mapping, chain: tuple[SpecFile, ...]
) -> list[Diagnostic]:
    """A diagnostic for each fact under `expect` that is not true.

    The first tells in which stages the network differs from the nearest shipped one, where one is near. ``chain`` are the
    files of the spec, the variant first.
    """
    expected = root.get("expect")
    if not isinstance(expected, Mapping):
        return []
    measures = graph.measures
    found: list[Diagnostic] = []
    differences: list[str] | None = None
    for key, node in expected.entries:
        name = str(key.value)
        wanted: object = node.value if isinstance(node, Scalar) else None
        if isinstance(node, Sequence):
            wanted = [item.value for item in node.items if isinstance(item, Scalar)]
        if wanted is None:
            continue
        actual: object = (
            list(graph.concrete(graph.output))
            if name == "output_shape"
            else getattr(measures, name)
        )
        if wanted != actual:
            notes = [f"{actual} = {measures.breakdown}"] if name == "weighted_layers" else []
            if differences is None:  # told once, with the first
                differences = differences_from_nearest(measures, root, chain)
                notes += differences
            found.append(
                error(
                    codes.EXPECT_FAILED,
                    f"`{name}` is {_figure(actual)}, not {_figure(wanted)}",
                    node.span,
                    f"{_difference(actual, wanted)}expected here",
                    notes=notes,
                    fix=Fix(node.span, str(actual), is_safe=False),
                )
            )
    return found


def _figure(value: object) -> str:
    if isinstance(value, list) and len(value) > 8:
        return f"a list of {len(value):,}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _difference(actual: object, wanted: object) -> str:
    if isinstance(actual, int) and isinstance(wanted, int):
        more = actual - wanted
        return f"{abs(more):,} {'fewer' if more > 0 else 'more'} than there are: "
    return ""


def differences_from_nearest(
    measures: Measures, root: Mapping, chain: tuple[SpecFile, ...]
) -> list[str]:
    """In which stages a network differs from the shipped one that it is probably meant to be; empty where none is near."""
    from resnet_compiler.pipeline import compile_file
    from resnet_compiler.rows import summary_rows

    name = measures.graph.identity.name
    near = _nearest_shipped(name, root, chain)
    other = compile_file(near).graph if near is not None else None
    if near is None or other is None:
        return []
    ours = {row.name: row.cells() for row in summary_rows(measures, "stage")}
    theirs = {row.name: row.cells() for row in summary_rows(other.measures, "stage")}
    shipped = other.identity.name if other.identity.name != name else f"the shipped {name}"
    lines = []
    for stage in dict.fromkeys([*ours, *theirs]):
        if stage not in theirs:
            lines.append(f"`{stage}` is not in {shipped}")
        elif stage not in ours:
            lines.append(f"`{stage}` of {shipped} is missing")
        elif ours[stage] != theirs[stage]:
            lines.append(f"`{stage}` {_difference_of(ours[stage], theirs[stage], shipped)}")
    return lines or [f"stem, stages and head are those of {shipped}, in all that is counted"]


_COLUMNS = ("", "of {}", "{} blocks deep", "with output {}", "with {} parameters", "with {} MACs")
"""How the cells of a row of the summary are said."""


def _difference_of(ours: tuple[str, ...], theirs: tuple[str, ...], shipped: str) -> str:
    """The first two cells that differ, from left to right: what follows from them need not be said."""
    pairs = [
        (form.format(a or "no"), form.format(b or "no"))
        for form, a, b in zip(_COLUMNS, ours, theirs, strict=True)
        if a != b
    ][:2]
    return (
        f"is {', '.join(a for a, _ in pairs)}; in {shipped} it is {', '.join(b for _, b in pairs)}"
    )


def _nearest_shipped(name: str, root: Mapping, chain: tuple[SpecFile, ...]) -> SpecFile | None:
    """The shipped spec of that name, the one that is extended, one that expects the same, or one of almost that name."""
    own = chain[0].display
    shipped = [spec for spec in shipped_specs() if spec.display != own]
    stems = {spec.path.stem: spec for spec in reversed(shipped) if spec.path}
    if name in stems:
        return stems[name]
    base = next((file for file in chain[1:] if is_shipped(file.display)), None)
    if base is not None:
        return base
    expected = root.get("expect")
    parameters = expected.get("parameters") if isinstance(expected, Mapping) else None
    if isinstance(parameters, Scalar):
        fact = f"parameters: {parameters.value}"
        for spec in shipped:
            said = text(spec.path) if spec.path else ""
            if f"{fact}," in said or f"{fact}}}" in said or f"{fact}\n" in said:
                return spec
    return next((spec for stem, spec in stems.items() if is_surely(name, stem)), None)
