"""The graph in the making: nodes so far, their shapes, the block being made, and how an error there is raised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from resnet_compiler import codes, definitions
from resnet_compiler.codes import Code
from resnet_compiler.definitions import Layer, Located
from resnet_compiler.diagnostics import Diagnostic, Label, Span, SpecError, did_you_mean, error
from resnet_compiler.emit.names import CONTAINER_ATTRIBUTES, reserved_part
from resnet_compiler.environment import Bound, Environment
from resnet_compiler.extents import extents_of
from resnet_compiler.graph import INPUT, NAME, Node, Proof, Scope, Section, Stage
from resnet_compiler.library import Library, SpecFile
from resnet_compiler.limits import Limits
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.base import Operator, ShapeError
from resnet_compiler.shapes import Shape, Size, dim_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where layers are being made: the scope's dotted name, what names mean, and the layers so far by local name."""

    prefix: str
    environment: Environment
    layers: dict[str, str]
    depth: int = 0

    def name(self, local: str) -> str:
        return f"{self.prefix}.{local}" if self.prefix else local


class Maker:
    """One graph in the making. State grows as layers are made: nodes in order, scopes, stages, proofs, diagnostics."""

    def __init__(
        self,
        network: definitions.Network,
        library: Library,
        chain: tuple[SpecFile, ...],
        limits: Limits,
    ) -> None:
        self.network = network
        self.library = library
        self.chain = chain
        self.limits = limits
        self.nodes: dict[str, Node] = {}
        self.origins: dict[str, Mapping[str, Bound]] = {}
        self.prefixes: dict[str, str] = {}
        self.scopes: dict[str, Scope] = {}
        self.stages: list[Stage] = []
        self.proofs: list[Proof] = []
        self.diagnostics: list[Diagnostic] = []
        self.section: Section = "stem"
        self.input_shape, self.extents = extents_of(network.root)
        self.declared = {extent.axis: extent.declared for extent in self.extents}
        self._blocks: dict[str, definitions.Block | None] = {}
        self._trace: list[tuple[str, Span]] = []
        self.operators: dict[Any, Operator] = {}

    def shape(self, name: str) -> Shape:
        """The shape of a node's output, or of the input."""
        return self.input_shape if name == INPUT else self.nodes[name].shape

    def made_since(self, count: int) -> list[str]:
        """The names of the nodes made since there were ``count`` of them, in order."""
        return list(islice(reversed(self.nodes), len(self.nodes) - count))[::-1]

    def block(self, word: str) -> definitions.Block | None:
        """The block of that name, looked for once."""
        if word not in self._blocks:
            self._blocks[word] = self.library.find_block(word, self.network.blocks, self.chain)
        return self._blocks[word]

    def knows_word(self, word: str) -> bool:
        """Whether a word names an operator or a block."""
        return word in OPERATORS or self.block(word) is not None

    def refuse_taken(self, name: str, span: Span | None) -> None:
        """Refuse a name that a layer or block has already, or that would put one of them inside another."""
        parts = name.split(".")
        around = [".".join(parts[:count]) for count in range(1, len(parts))]
        outer = next((each for each in around if each in self.nodes or each in self.scopes), None)
        if outer is not None or name in self.prefixes:
            inside, whole = (name, outer) if outer else (self.prefixes[name], name)
            raise self.failure(
                codes.DUPLICATE_LAYER,
                f"`{whole}` is complete, so `{inside}` cannot be inside it",
                span,
                help=["give one of them another name"],
            )
        if name in self.nodes or name in self.scopes or name == INPUT:
            other = self.nodes[name].span if name in self.nodes else None
            raise self.failure(
                codes.DUPLICATE_LAYER,
                f"there are two layers `{name}`",
                span,
                secondary=[Label(other, "the first one")] if other and other != span else [],
            )

    def refuse_members(self, parts: Iterable[str], span: Span | None) -> None:
        """Refuse names inside a container of modules that the container has for something else."""
        for part in parts:
            if part in CONTAINER_ATTRIBUTES:
                raise self.failure(
                    codes.INVALID_NAME,
                    f"a layer behind a dot cannot be called `{part}`: torch's containers have it already",
                    span,
                    help=[f"write another name, such as `{part}_layer`"],
                )

    def add_node(
        self,
        name: str,
        operator: Operator,
        inputs: list[str],
        layer: Layer | None,
        span: Span | None = None,
    ) -> None:
        """Add a node with its shape, after checking its name, its inputs and that no size vanishes."""
        span = layer.span if layer else span
        self.refuse_taken(name, span)
        if not NAME.fullmatch(name):
            raise self.failure(
                codes.INVALID_NAME,
                f"`{name}` cannot be a layer's name",
                span,
                help=[
                    "a name is words of letters, digits and `_`, with dots between, or numbers behind the first"
                ],
            )
        reserved = reserved_part(name)
        if reserved is not None:
            raise self.failure(
                codes.INVALID_NAME,
                f"a layer cannot be called `{reserved}`: Python or torch.nn.Module has it already",
                span,
                help=[f"write another name, such as `{reserved}_layer`"],
            )
        if len(self.nodes) >= self.limits.nodes:
            raise self.failure(
                codes.BLOCK_LIMIT, f"there are over {self.limits.nodes:,} layers", span
            )
        try:
            shape = operator.infer([self.shape(source) for source in inputs])
        except ShapeError as reason:
            origin = self.origins.get(name, {}).get(reason.attribute or "")
            assert layer is not None
            at, labels = self.given_at(origin, layer.word_span)
            raise self.failure(
                codes.SHAPE_MISMATCH,
                f"{name}: {reason.reason}",
                at,
                secondary=labels,
                help=[reason.help] if reason.help else [],
            ) from None
        for dim in shape:
            if dim_at(dim, self.declared) < 1:
                self._refuse_vanishing(name, shape, 1, span)
        least = operator.least_size()
        for dim in (dim for source in inputs for dim in self.shape(source)[1:] if least > 1):
            if dim_at(dim, self.declared) < least:
                self._refuse_vanishing(name, self.shape(inputs[0]), least, span)
        parts = name.split(".")
        self.prefixes |= {".".join(parts[:count]): name for count in range(1, len(parts))}
        self.nodes[name] = Node(name, operator, tuple(inputs), shape, self.section, span)

    def _refuse_vanishing(self, name: str, shape: Shape, least: int, span: Span | None) -> None:
        words = {"H": "height", "W": "width"}
        small = [
            d for d in shape[1:] if isinstance(d, Size) and d.at(self.declared[d.axis]) < least
        ]
        said = " and ".join(
            f"the {words[d.axis]} {d} is {d.at(self.declared[d.axis])}" for d in small
        )
        needs = " and ".join(f"{words[d.axis]} {d.least_extent(least)}" for d in small)
        sizes = " × ".join(str(extent.declared) for extent in self.extents)
        help = f"declare an input of at least {needs}, or take a smaller kernel or stride"
        raise self.failure(
            codes.SIZE_VANISHES,
            f"nothing is left of the image at {name}: for an input of {sizes}, {said or 'it is one pixel'}",
            span,
            help=[help if small else "the layer needs two rows and two columns"],
        )

    def words(self) -> list[str]:
        """Every word there is, for suggestions."""
        blocks = self.library.block_words(self.network.blocks, self.chain)
        return ["norm", "act", *OPERATORS, *blocks]

    def unknown_word(self, word: str, span: Span, blocks_only: bool = False) -> SpecError:
        """The error for a word that names nothing."""
        known = self.words()
        if blocks_only:
            known = [word for word in known if word not in OPERATORS]
        what = "block" if blocks_only else "operator or block"
        help = did_you_mean(word, known)
        if word == "none":
            help = ("write `null` to take a layer of the base away, `use: none` for no block",)
        return self.failure(codes.UNKNOWN_WORD, f"there is no {what} `{word}`", span, help=help)

    @property
    def trace_span(self) -> Span | None:
        """Where the stage stands whose block is being made."""
        return self._trace[-1][1] if self._trace else None

    @property
    def previous_stage(self) -> str:
        """The name of the last stage that is complete."""
        return self.stages[-1].name if self.stages else "the stem"

    @property
    def previous_stage_span(self) -> Span | None:
        """Where the last complete stage stands."""
        index = len(self.stages) - 1
        return self.network.stages[index].block.span if index >= 0 else None

    def given_at(self, bound: Bound | None, fallback: Span) -> tuple[Span, list[Label]]:
        """Where a value was given: in the spec, with the place that passes it on, or else at the fallback."""
        if bound is None or bound.span is None:
            return fallback, []
        if bound.origins and bound.origins[0] not in (
            bound.span,
            Located(None, bound.span, bound.key).entry,
        ):
            return bound.origins[0], [Label(bound.span, "passed on here")]
        return bound.span, []

    @contextmanager
    def tracing(self, name: str, span: Span) -> Iterator[None]:
        """Remember which block of which stage is being made; errors inside tell it."""
        self._trace.append((name, span))
        known = {id(diagnostic) for diagnostic in self.diagnostics}
        try:
            yield
        except SpecError as failure:
            found = failure.diagnostics
            raise SpecError(d if id(d) in known else traced(d, name, span) for d in found) from None
        finally:
            self._trace.pop()

    def failure(
        self,
        code: Code,
        summary: str,
        span: Span | None,
        *,
        secondary: Iterable[Label] = (),
        help: Iterable[str] = (),
    ) -> SpecError:
        """An error to raise: everything found so far, and this."""
        new = error(code, summary, span, secondary=secondary, help=help)
        return SpecError([*self.diagnostics, new])


def traced(diagnostic: Diagnostic, name: str, stage: Span) -> Diagnostic:
    """A diagnostic with the stage it was made for. Where it points into a shipped block, the stage comes first."""
    primary = diagnostic.primary
    labels = [primary, *diagnostic.secondary] if primary else []
    if any((label.span.file, label.span.line) == (stage.file, stage.line) for label in labels):
        return diagnostic
    here = Label(stage, f"while making {name}")
    if primary and primary.span.is_shipped and not stage.is_shipped:
        inside = Label(primary.span, primary.text or "in this block")
        return replace(diagnostic, primary=here, secondary=(inside, *diagnostic.secondary))
    return replace(diagnostic, secondary=(*diagnostic.secondary, here))
