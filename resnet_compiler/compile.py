"""The front half of the pipeline in one call: a spec, by name, path or text, to a proved graph with its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from resnet_compiler import codes
from resnet_compiler.definitions import network_of
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.elaborate import Elaborator
from resnet_compiler.graph import Graph, Identity, verify_graph
from resnet_compiler.library import Library, SpecFile, find_spec
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.measure import check_expectations


@dataclass(frozen=True, slots=True)
class Compilation:
    """What became of a spec. ``graph`` is None when the spec is wrong; ``texts`` are the files read, for snippets."""

    spec: SpecFile
    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


def compile_file(spec: SpecFile, text: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Compilation:
    """Compile one spec that was found. Findings are returned, never raised."""
    library = Library(limits)
    graph: Graph | None = None
    try:
        root, chain = library.read_spec(spec, text)
        network = network_of(root)
        name = str(network.name.value)
        elaborator = Elaborator(network, library, chain, limits)
        graph = elaborator.run(Identity(name, network.title, spec.origin, ""))
        graph = _with_hash(graph, library.sha256)
        found = [*elaborator.diagnostics, *_sizes_below_minimum(graph, root)]
        if all(diagnostic.severity != "error" for diagnostic in found):
            verify_graph(graph)
            found += check_expectations(graph, root)
    except SpecError as failure:
        found, graph = list(failure.diagnostics), None
    if any(diagnostic.severity == "error" for diagnostic in found):
        graph = None
    return Compilation(spec, graph, tuple(found), MappingProxyType(library.texts))


def compile(spec: str, *, text: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """The proved graph of a spec.

    Args:
        spec: a path ending in .yaml, `folder/name`, or a shipped name such as "resnet50".
        text: the spec's text, where it is not to be read from the file; ``spec`` then only names it.
        limits: what a spec may ask for at most.

    Returns:
        The graph: `graph["layer3.0.conv2"]` is a node; shapes are (channels, height, width) without the batch, with
        height and width as exact functions of the input's.

    Raises:
        SpecError: the spec is wrong, or there is none; its ``diagnostics`` say why, where, and what to write instead.
    """
    found = SpecFile(spec, None) if text is not None else find_spec(spec)
    compilation = compile_file(found, text, limits)
    if compilation.graph is None:
        raise SpecError(compilation.diagnostics)
    return compilation.graph


def _with_hash(graph: Graph, sha256: str) -> Graph:
    from dataclasses import replace

    return replace(graph, identity=replace(graph.identity, sha256=sha256))


def _sizes_below_minimum(graph: Graph, root: object) -> list[Diagnostic]:
    """An error where the spec claims sizes at which a feature map would vanish."""
    from resnet_compiler.source import Mapping as SourceMapping, locate

    assert isinstance(root, SourceMapping)
    least = graph.minimum_extents
    return [
        error(
            codes.MINIMUM_TOO_SMALL,
            f"sizes from {extent.minimum} are declared along {extent.axis}, but nothing is left of the image below "
            f"{least[extent.axis]}",
            locate(root, ("input", "height" if extent.axis == "H" else "width", "minimum")),
            help=[f"write `minimum: {least[extent.axis]}`"],
        )
        for extent in graph.extents
        if 1 < extent.minimum < least[extent.axis]
    ]
