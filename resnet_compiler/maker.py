"""The graph in the making: nodes so far, their shapes, the block being made, and how an error there is raised."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any

from resnet_compiler import codes, definitions
from resnet_compiler.codes import Code
from resnet_compiler.definitions import Layer, Located
from resnet_compiler.diagnostics import (
    Fix,
    Label,
    LimitError,
    Span,
    SpecError,
    error,
)
from resnet_compiler.emit.names import CONTAINER_ATTRIBUTES, reserved_part
from resnet_compiler.environment import Bound
from resnet_compiler.extents import extents_of
from resnet_compiler.findings import Findings
from resnet_compiler.graph import INPUT, NAME, Node, Proof, Scope, Section, Stage
from resnet_compiler.library import Library, SpecFile
from resnet_compiler.limits import Limits, way_to_raise
from resnet_compiler.operators.base import Operator, ShapeError
from resnet_compiler.place import NOTHING, derived
from resnet_compiler.shapes import Dim, Shape, Size, dim_at
from resnet_compiler.values import UNKNOWN
from resnet_compiler.vocabulary import Vocabulary

if TYPE_CHECKING:
    from resnet_compiler.instances import Instance


class Maker:
    """One graph in the making. State grows as layers are made: nodes in order, scopes, stages, proofs, findings."""

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
        self.vocabulary = Vocabulary(library, network.blocks, chain)
        self.nodes: dict[str, Node] = {}
        self.origins: dict[str, Mapping[str, Bound]] = {}
        self.constants: dict[str, None] = {}
        """The nodes that nothing of the image reaches: parameters, and what is computed of them alone."""
        self.passed_over: dict[str, Layer] = {}
        """Nodes that an absent layer would have read and does not give on, each with that layer."""
        self.sorted_names: list[str] = []
        self.scopes: dict[str, Scope] = {}
        self.stages: list[Stage] = []
        self.proofs: list[Proof] = []
        self.findings = Findings()
        self.section: Section = "stem"
        self.input_shape, self.extents = extents_of(network.root)
        self.declared = {extent.axis: extent.declared for extent in self.extents}
        self.operators: dict[Any, Operator] = {}
        self.tried = 0
        """The steps of trials that were taken back; where there were too many, no more are made."""
        self._steps = 0
        self._instances = 0
        self._parameters = 0
        self.instances: dict[Hashable, Instance] = {}
        self.reads: dict[str, frozenset[str]] = {}

    def shape(self, name: str) -> Shape:
        """The shape of a node's output, or of the input."""
        return self.input_shape if name == INPUT else self.nodes[name].shape

    def channels(self, name: str) -> Any:
        """The first dimension of a node's output, for expressions; unknown where the node could not be made."""
        return UNKNOWN if name == NOTHING else self.shape(name)[0]

    def made_since(self, count: int) -> list[str]:
        """The names of the nodes made since there were ``count`` of them, in order."""
        return list(islice(reversed(self.nodes), len(self.nodes) - count))[::-1]

    def refuse_taken(self, name: str, span: Span | None) -> None:
        """Refuse a name that a layer or block has already, or that would put one of them inside another."""
        dots = [at for at, letter in enumerate(name) if letter == "."]
        shown = name if len(name) <= 40 else f"{name[:20]}…{name[-20:]}"
        if len(name) > (most := self.limits.name_length):
            summary = f"the name `{shown}` has {len(name):,} characters; the limit is {most:,}"
            raise self.over_limit(codes.NAME_LIMIT, "name_length", summary, span)
        if len(dots) >= (most := self.limits.name_parts):
            summary = f"the name `{shown}` has {len(dots) + 1} parts; the limit is {most}"
            raise self.over_limit(codes.NAME_LIMIT, "name_parts", summary, span)
        around = (name[:at] for at in dots)
        outer = next((each for each in around if each in self.nodes or each in self.scopes), None)
        within = self._inside(name) if outer is None else None
        if outer is not None or within is not None:
            inside, whole = (name, outer) if outer else (within, name)
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

    def refuse_members(self, local: str, span: Span | None, siblings: Collection[str] = ()) -> None:
        """Refuse names inside a container of modules that the container has for something else."""
        first, *members = local.split(".")
        # where a block has numbered layers, a container holds them all
        if first.isdecimal():
            members += [name for name in sorted(CONTAINER_ATTRIBUTES) if name in siblings]
        elif first in CONTAINER_ATTRIBUTES and any(name[0].isdecimal() for name in siblings):
            members.append(first)
        for part in members:
            if part in CONTAINER_ATTRIBUTES:
                raise self.failure(
                    codes.INVALID_NAME,
                    f"a layer in a container cannot be called `{part}`: torch's containers have it already",
                    span,
                    help=[f"write another name, such as `{part}_layer`"],
                )

    def _inside(self, name: str) -> str | None:
        """A layer whose name begins with this one and a dot, or None."""
        at = bisect_left(self.sorted_names, f"{name}.")
        found = self.sorted_names[at : at + 1]
        return found[0] if found and found[0].startswith(f"{name}.") else None

    def add_node(
        self,
        name: str,
        operator: Operator,
        inputs: list[str],
        layer: Layer | None,
        span: Span | None = None,
        origins: Mapping[str, Bound] | None = None,
    ) -> None:
        """Add a node with its shape, after checking its name, its inputs and that no size vanishes.

        ``origins`` are its operator's attributes as they were given.
        """
        span = layer.span if layer else span
        self.refuse_taken(name, span)
        self._refuse_name(name, span)
        if len(self.nodes) >= (most := self.limits.layers):
            summary = f"there are over {most:,} layers"
            raise self.over_limit(codes.LAYER_LIMIT, "layers", summary, span)
        shapes = [self.shape(source) for source in inputs]
        try:
            shape = operator.infer(shapes)
        except ShapeError as reason:
            origin = (origins or {}).get(reason.attribute or "")
            assert layer is not None
            at, labels = self.given_at(origin, layer.word_span)
            raise self.failure(
                codes.SHAPE_MISMATCH,
                f"{name}: {reason.reason}",
                at,
                secondary=labels,
                notes=derived(origin),
                help=[reason.help] if reason.help else [],
            ) from None
        for dim in shape:
            self._refuse_huge(name, dim, span)
            if dim_at(dim, self.declared) < 1:
                self._refuse_vanishing(name, shape, 1, span)
        least = operator.least_size()
        for dim in (dim for source in inputs for dim in self.shape(source)[1:] if least > 1):
            if dim_at(dim, self.declared) < least:
                self._refuse_vanishing(name, self.shape(inputs[0]), least, span)
        self._count_parameters(name, operator, shapes, span)
        insort(self.sorted_names, name)
        also = layer.also if layer else ()
        self.keep(
            Node(name, operator, tuple(inputs), shape, self.section, span, also),
            origins,
        )

    def _refuse_name(self, name: str, span: Span | None) -> None:
        """Refuse what cannot be a layer's name."""
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

    def keep(self, node: Node, origins: Mapping[str, Bound] | None) -> None:
        """Keep a node that was found right; its name is among the sorted ones."""
        self.nodes[node.name] = node
        if origins is not None:
            self.origins[node.name] = origins
        if all(name in self.constants for name in node.inputs):
            self.constants[node.name] = None

    def drop(self, name: str) -> None:
        """Take out a node that no other reads."""
        del self.nodes[name], self.sorted_names[bisect_left(self.sorted_names, name)]
        self.origins.pop(name, None)
        self.constants.pop(name, None)

    def add_places(self, name: str, at: Span, *others: Span) -> None:
        """Keep on which lines but the first a block is written; it has no scope if all its layers were left out."""
        also = tuple(each for each in others if (each.file, each.line) != (at.file, at.line))
        if also and name in self.scopes:
            self.scopes[name] = replace(self.scopes[name], also=also)

    def step(self, span: Span | None, count: int = 1) -> None:
        """Count a block, a turn, a layer or a value that is looked at, whether or not anything comes of it."""
        self._steps += count
        if self._steps > (most := self.limits.steps):
            summary = f"over {most:,} blocks, turns of `repeat`, layers and values were looked at"
            raise self.over_limit(codes.STEP_LIMIT, "steps", summary, span)

    def most_steps(self) -> int:
        """The limit that ``step`` holds to."""
        return self.limits.steps + 1

    def _count_parameters(
        self, name: str, operator: Operator, shapes: list[Shape], span: Span | None
    ) -> None:
        tensors = operator.tensors(shapes)
        self._parameters += sum(prod(tensor.shape) for tensor in tensors if tensor.trainable)
        if self._parameters > (most := self.limits.parameters):
            summary = f"with {name} there are over {most:,} parameters"
            raise self.over_limit(codes.PARAMETER_LIMIT, "parameters", summary, span)
        largest = max((prod(tensor.shape) for tensor in tensors), default=0)
        if largest > (most := self.limits.tensor):  # a tensor is made as a whole
            gibibytes = largest * 4 / 2**30
            summary = f"a tensor of {name} has {largest:,} numbers, {gibibytes:,.0f} GiB; the limit is {most:,}"
            raise self.over_limit(codes.TENSOR_LIMIT, "tensor", summary, span)

    def over_limit(
        self, code: Code, limit: str, summary: str, span: Span | None, help: Iterable[str] = ()
    ) -> LimitError:
        """An error to raise where a limit is passed."""
        return LimitError([error(code, summary, span, help=[*help, way_to_raise(limit)])])

    def _refuse_huge(self, name: str, dim: Dim, span: Span | None) -> None:
        """Refuse what no attribute may be, where it comes of several: of doubled channels, or of stride upon stride."""
        number = dim.stride if isinstance(dim, Size) else dim
        if number > (most := self.limits.attribute):
            what = "a stride" if isinstance(dim, Size) else "a dimension"
            summary = f"{name} has {what} of {number:,} in all; the limit is {most:,}"
            raise self.over_limit(codes.ATTRIBUTE_LIMIT, "attribute", summary, span)

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

    @property
    def counts(self) -> tuple[int, int, int]:
        """What was counted towards the limits: steps, instances of blocks, parameters."""
        return self._steps, self._instances, self._parameters

    def count(self, more: tuple[int, int, int]) -> None:
        """Count what a copy of an instance holds; the caller knows that it is within the limits."""
        self._steps += more[0]
        self._instances += more[1]
        self._parameters += more[2]

    def take_back(self, counts: tuple[int, int, int]) -> None:
        """Count again from what was counted before a trial; its steps are kept apart."""
        self.tried += self._steps - counts[0]
        self._steps, self._instances, self._parameters = counts

    def enter_block(self, span: Span | None) -> None:
        """Count an instance of a block, whether or not layers come of it."""
        self.step(span)
        self._instances += 1
        if self._instances > (most := self.limits.layers):
            raise self.over_limit(
                codes.LAYER_LIMIT, "layers", f"there are over {most:,} blocks", span
            )

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

    def failure(
        self,
        code: Code,
        summary: str,
        span: Span | None,
        *,
        secondary: Iterable[Label] = (),
        notes: Iterable[str] = (),
        help: Iterable[str] = (),
        fix: Fix | None = None,
    ) -> SpecError:
        """An error to raise."""
        return SpecError(
            [error(code, summary, span, secondary=secondary, notes=notes, help=help, fix=fix)]
        )
