"""The front half of the pipeline in one call: a spec, by name, path or text, to a proved graph with its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from resnet_compiler import codes, source
from resnet_compiler.definitions import network_of
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.elaborate import elaborate
from resnet_compiler.graph import Graph, Identity, Proof, verify_graph
from resnet_compiler.library import Library, SpecFile, find_spec
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.maker import Maker
from resnet_compiler.measure import check_expectations


@dataclass(frozen=True, slots=True)
class Compilation:
    """What became of a spec. ``graph`` is None when the spec is wrong; ``texts`` are the files read, for snippets."""

    spec: SpecFile
    graph: Graph | None
    proofs: tuple[Proof, ...]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


def compile_file(
    spec: SpecFile, text: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Compilation:
    """Compile one spec that was found. Findings are returned, never raised."""
    library = Library(limits)
    graph: Graph | None = None
    proofs: Sequence[Proof] = ()
    try:
        root, chain = library.read_spec(spec, text)
        network = network_of(root)
        name = str(network.name.value)
        maker = Maker(network, library, chain, limits)
        proofs = maker.proofs
        graph = elaborate(maker, Identity(name, network.title, spec.origin, ""))
        graph = replace(graph, identity=replace(graph.identity, sha256=library.sha256))
        found = [*maker.diagnostics, *_sizes_below_minimum(graph, root)]
        if all(diagnostic.severity != "error" for diagnostic in found):
            verify_graph(graph)
            found += check_expectations(graph, root)
    except SpecError as failure:
        found, graph = list(failure.diagnostics), None
    if any(diagnostic.severity == "error" for diagnostic in found):
        graph = None
    return Compilation(spec, graph, tuple(proofs), tuple(found), MappingProxyType(library.texts))


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
    """An error where the spec claims sizes at which a feature map would vanish."""
    least = graph.minimum_extents
    return [
        error(
            codes.MINIMUM_TOO_SMALL,
            f"sizes from {extent.minimum} are declared for the {_AXES[extent.axis]}, but nothing is left of the image below "
            f"{least[extent.axis]}",
            source.locate(root, ("input", _AXES[extent.axis], "minimum")),
            help=[f"write `minimum: {least[extent.axis]}`"],
        )
        for extent in graph.extents
        if 1 < extent.minimum < least[extent.axis]
    ]
