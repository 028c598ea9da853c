"""The front half of the pipeline in one call: a spec, by name, path or text, to a proved graph with its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from resnet_compiler import codes, source
from resnet_compiler.definitions import network_of
from resnet_compiler.diagnostics import Diagnostic, Fix, SpecError, error
from resnet_compiler.elaborate import elaborate
from resnet_compiler.expect import check_expectations
from resnet_compiler.graph import Graph, Identity, Proof, verify_graph
from resnet_compiler.library import Library, SpecFile, find_spec
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.maker import Maker


@dataclass(frozen=True, slots=True)
class Compilation:
    """What became of a spec. ``graph`` is None when the spec is wrong; ``texts`` are the files read, for snippets.

    ``draft`` is the graph also where it is only not what `expect` says: to look at while a spec is worked on, and nothing
    to make outputs of.
    """

    spec: SpecFile
    graph: Graph | None
    proofs: tuple[Proof, ...]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    draft: Graph | None = None

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return self.errors == 0

    @property
    def errors(self) -> int:
        """How many of the diagnostics are errors."""
        return sum(diagnostic.severity == "error" for diagnostic in self.diagnostics)


def compile_file(
    spec: SpecFile,
    text: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    overlay: Mapping[str, str] = MappingProxyType({}),
) -> Compilation:
    """Compile one spec that was found. Findings are returned, never raised.

    ``text`` stands for the spec's file; ``overlay`` has texts for this and other files, by the names used in spans.
    """
    library = Library(limits, overlay=overlay)
    maker: Maker | None = None
    graph: Graph | None = None
    found: list[Diagnostic] = []
    try:
        root, chain = library.read_spec(spec, text)
        network = network_of(root)
        maker = Maker(network, library, chain, limits)
        graph = elaborate(maker, Identity(str(network.name.value), network.title, spec.origin, ""))
        if graph is not None and not library.problems:
            graph = replace(graph, identity=replace(graph.identity, sha256=library.sha256))
            found = _sizes_below_minimum(graph, root)
            if not found:
                verify_graph(graph)
                found = check_expectations(graph, root, chain)
    except SpecError as failure:
        found = list(failure.diagnostics)
    found = _in_order(
        spec, [*library.problems, *(maker.findings.diagnostics if maker else ()), *found]
    )
    errors = {diagnostic.code for diagnostic in found if diagnostic.severity == "error"}
    draft = graph if errors <= {codes.EXPECT_FAILED} else None
    if errors:
        graph = None
    proofs = tuple(maker.proofs) if maker else ()
    return Compilation(spec, graph, proofs, tuple(found), MappingProxyType(library.texts), draft)


def _in_order(spec: SpecFile, found: list[Diagnostic]) -> list[Diagnostic]:
    """Findings in the order of the text: those of the spec itself first, then those of other files."""
    files = dict.fromkeys([spec.display, *(each.span.file for each in found if each.span)])
    place = {file: index for index, file in enumerate(files)}
    return sorted(
        found,
        key=lambda each: (
            (place[each.span.file], each.span.line, each.span.column) if each.span else (-1, 0, 0)
        ),
    )


def compile_spec(name: str, text: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """The graph of a spec by name or path, or from its text.

    Raises:
        SpecError: with every diagnostic, when one of them is an error.
    """
    found = SpecFile(name, None) if text is not None else find_spec(name)
    compilation = compile_file(found, text, limits)
    if compilation.graph is None:
        raise SpecError(compilation.diagnostics)
    return compilation.graph


_AXES = {"H": "height", "W": "width"}


def _sizes_below_minimum(graph: Graph, root: source.Mapping) -> list[Diagnostic]:
    """An error where the smallest size that the spec claims is one at which a feature map vanishes.

    Sizes grow with the input, so where that one works, so do all that are claimed.
    """
    least = graph.minimum_extents
    found = []
    for extent in graph.extents:
        if not extent.is_open or extent.first_from(1) >= least[extent.axis]:
            continue
        first = str(extent.first_from(least[extent.axis]))
        path = ("input", _AXES[extent.axis])
        at = source.locate(root, (*path, "minimum"))
        is_written = at != source.locate(root, path)
        found.append(
            error(
                codes.MINIMUM_TOO_SMALL,
                f"sizes from {extent.first_from(1)} are declared for the {_AXES[extent.axis]}, but nothing is left of the "
                f"image below {least[extent.axis]}",
                at,
                help=[f"write `minimum: {first}`"],
                fix=Fix(at, first, is_safe=False) if is_written else None,
            )
        )
    return found
