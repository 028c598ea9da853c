"""Spec → graph: stages become blocks, blocks become nodes, and every node gets its shape as it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, replace
from types import MappingProxyType
from typing import Any

from resnet_compiler import codes, definitions, residual
from resnet_compiler.codes import Code
from resnet_compiler.definitions import REQUIRED, Layer, Located
from resnet_compiler.diagnostics import Diagnostic, Label, Span, SpecError, did_you_mean, error
from resnet_compiler.environment import BlockCall, Bound, Environment
from resnet_compiler.extents import extents_of
from resnet_compiler.graph import (
    INPUT,
    NAME,
    Graph,
    Identity,
    Node,
    Proof,
    Scope,
    Section,
    Stage,
    build_structure,
)
from resnet_compiler.library import Library, SpecFile
from resnet_compiler.limits import Limits
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.base import Operator, ShapeError, coerce, show
from resnet_compiler.shapes import Shape, dim_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where layers are being made: the scope's dotted name, what names mean, and the layers so far by local name."""

    prefix: str
    environment: Environment
    layers: dict[str, str]
    depth: int = 0

    def name(self, local: str) -> str:
        return f"{self.prefix}.{local}" if self.prefix else local


class Elaborator:
    """Makes one graph. State grows as layers are made: nodes in order, scopes, stages, proofs, diagnostics."""

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
        self.scopes: dict[str, Scope] = {}
        self.stages: list[Stage] = []
        self.proofs: list[Proof] = []
        self.diagnostics: list[Diagnostic] = []
        self.section: Section = "stem"
        self.input_shape, self.extents = extents_of(network.root)
        self.declared = {extent.axis: extent.declared for extent in self.extents}
        self._trace: list[tuple[str, Span]] = []
        self._operators: dict[Any, Operator] = {}

    # --- the network ---

    def run(self, identity: Identity) -> Graph:
        """The graph of the whole network.

        Raises:
            SpecError: with all findings so far, as soon as one makes the rest meaningless.
        """
        words = Environment({}, self.knows_word)
        defaults = {"norm": Bound(BlockCall("batch_norm")), "act": Bound(BlockCall("relu"))}
        for name, given in (("norm", self.network.norm), ("act", self.network.act)):
            if given is not None:
                defaults[name] = words.bind(given)
        base = words.extended(defaults)
        top = base.extended(self._let(self.network.let, base))
        layers: dict[str, str] = {}
        value = self.make_layers(self.network.stem, Place("", top, layers), INPUT)
        self.section = "stages"
        value = self._stages(top, layers, value)
        self.section = "head"
        value = self.make_layers(self.network.head, Place("", top, layers), value)
        if not self.nodes:
            raise self.failure(codes.NO_LAYERS, "the network has no layers", self.network.name.span)
        self._refuse_unused(value)
        return Graph(
            identity=identity,
            input_shape=self.input_shape,
            extents=self.extents,
            structure=build_structure(self.nodes),
            output=value,
            scopes=MappingProxyType(self.scopes),
            stages=tuple(self.stages),
            proofs=tuple(self.proofs),
        )

    def _stages(self, top: Environment, layers: dict[str, str], value: str) -> str:
        depths = [self._depth(stage, top) for stage in self.network.stages]
        total = sum(depths)
        if total > self.limits.nodes:
            raise self.failure(
                codes.BLOCK_LIMIT,
                f"the stages hold {total:,} blocks; the limit is {self.limits.nodes:,}",
                self.network.stages[0].depth.span,
            )
        before = 0
        for stage, depth in zip(self.network.stages, depths, strict=True):
            value = self._stage(stage, depth, before, total, top, value)
            layers[stage.name] = value
            before += depth
        return value

    def _depth(self, stage: definitions.Stage, top: Environment) -> int:
        depth = top.evaluate(stage.depth)
        if (
            isinstance(depth, bool)
            or not isinstance(depth, int | float)
            or depth != int(depth)
            or depth < 1
        ):
            raise self.failure(
                codes.WRONG_VALUE,
                "`depth` is the number of blocks, an integer from 1",
                stage.depth.span,
            )
        return int(depth)

    def _stage(
        self,
        stage: definitions.Stage,
        depth: int,
        before: int,
        total: int,
        top: Environment,
        value: str,
    ) -> str:
        pattern = str(stage.names.value) if stage.names else self.network.names
        blocks = []
        for index in range(depth):
            counters = {
                "index": index,
                "depth": depth,
                "block_index": before + index,
                "block_count": total,
            }
            here = top.extended({name: Bound(number) for name, number in counters.items()})
            filled = pattern.replace("{stage}", stage.name)
            name = here.interpolate(filled, stage.names.span if stage.names else stage.span)
            with self.tracing(name, stage.span):
                arguments = {
                    key: self._per_block(key, argument, here, index, depth)
                    for key, argument in stage.arguments.items()
                }
                if index == 0:
                    if stage.stride is not None:
                        arguments["stride"] = here.bind(stage.stride)
                    arguments |= {key: here.bind(argument) for key, argument in stage.first.items()}
                call = here.evaluate(stage.block)
                if not isinstance(call, BlockCall) or call.word in OPERATORS:
                    raise self.unknown_word(
                        str(stage.block.value), stage.block.span, blocks_only=True
                    )
                place = Place("", here, {})
                value = self.make_block(
                    call.word, arguments, place, name, value, stage.block.span, stage.shortcut
                )
            blocks.append(name)
        self.stages.append(Stage(stage.name, tuple(blocks), value))
        return value

    def _per_block(
        self, key: str, argument: Located, here: Environment, index: int, depth: int
    ) -> Bound:
        """A stage's argument for one of its blocks: a list gives one value per block."""
        if isinstance(argument.value, tuple):
            if len(argument.value) != depth:
                raise self.failure(
                    codes.UNKNOWN_STAGE_LIST,
                    f"`{key}` lists {len(argument.value)} values for {depth} blocks",
                    argument.span,
                    help=["give one value for each block, or one value without a list for all"],
                )
            argument = argument.value[index]
        return Bound(here.evaluate(argument), (argument.span,), argument.span)

    # --- layers ---

    def make_layers(self, layers: Iterable[Layer], place: Place, value: str) -> str:
        """Make layers one after the other; returns the last one's output."""
        for layer in layers:
            value = self._make_layer(layer, place, value)
        return value

    def _make_layer(self, layer: Layer, place: Place, value: str) -> str:
        environment = place.environment
        if layer.repeat is not None:
            return self._repeat(layer.repeat, place, value)
        local = environment.interpolate(layer.name, layer.span)
        if layer.when is not None and not environment.evaluate(layer.when):
            place.layers[local] = value
            return value
        inputs = self._inputs(layer, place, value)
        word, arguments = layer.word, {}
        bound = environment.bindings.get(word)
        if bound is not None:
            call = bound.value
            if call is None:
                place.layers[local] = value
                return value
            if not isinstance(call, BlockCall):
                raise self.failure(
                    codes.UNKNOWN_WORD,
                    f"`{word}` is {call} here, not an operator or block",
                    layer.word_span,
                )
            word, arguments = call.word, dict(call.arguments)
        shortcut = layer.arguments.get("shortcut")
        arguments |= {
            key: environment.bind(argument)
            for key, argument in layer.arguments.items()
            if key != "shortcut" or word in OPERATORS
        }
        name = place.name(local)
        if word in OPERATORS:
            output = self._make_operator(word, arguments, name, inputs, layer)
        else:
            if len(inputs) != 1:
                raise self.failure(
                    codes.WRONG_ARITY, f"the block `{word}` takes one input", layer.span
                )
            output = self.make_block(
                word, arguments, place, name, inputs[0], layer.word_span, shortcut
            )
        place.layers[local] = output
        return output

    def _repeat(self, repeat: definitions.Repeat, place: Place, value: str) -> str:
        count = place.environment.evaluate(repeat.count)
        if (
            isinstance(count, bool)
            or not isinstance(count, int | float)
            or count != int(count)
            or count < 0
        ):
            raise self.failure(codes.WRONG_VALUE, "`count` is an integer from 0", repeat.count.span)
        for turn in range(int(count)):
            inner = place.environment.extended({repeat.index: Bound(turn)})
            value = self.make_layers(repeat.layers, replace(place, environment=inner), value)
        return value

    def _inputs(self, layer: Layer, place: Place, value: str) -> list[str]:
        if layer.sources is None:
            return [value]
        found = []
        for source in layer.sources:
            local = place.environment.interpolate(str(source.value), source.span)
            if local not in place.layers:
                known = ", ".join(place.layers) or "none"
                raise self.failure(
                    codes.UNKNOWN_LAYER,
                    f"there is no layer `{local}` before `{layer.name}`",
                    source.span,
                    help=did_you_mean(local, place.layers) or [f"before it there are: {known}"],
                )
            found.append(place.layers[local])
        return found

    def _make_operator(
        self, word: str, arguments: Mapping[str, Bound], name: str, inputs: list[str], layer: Layer
    ) -> str:
        kind = OPERATORS[word]
        if len(inputs) != kind.arity if kind.arity is not None else len(inputs) < 2:
            wanted = (
                "two or more inputs"
                if kind.arity is None
                else f"{kind.arity} input{'s' * (kind.arity > 1)}"
            )
            raise self.failure(
                codes.WRONG_ARITY,
                f"`{word}` takes {wanted}, and {len(inputs)} {'is' if len(inputs) == 1 else 'are'} given",
                layer.word_span,
                help=["name them: `from: [first, second]`"] if len(inputs) == 1 else [],
            )
        operator = self._operator(kind, arguments, layer)
        self.origins[name] = arguments
        self.add_node(name, operator, inputs, layer)
        if operator.must_agree([self.shape(source) for source in inputs]):
            residual.prove(self, name, is_residual=False)
        return name

    def _operator(
        self, kind: type[Operator], arguments: Mapping[str, Bound], layer: Layer
    ) -> Operator:
        """The operator with its attributes: the layer's, else the spec's `defaults`, else its own."""
        given = dict(arguments)
        for key, located in self.network.defaults.get(kind.word, {}).items():
            if key not in given:
                given[key] = Environment({}, self.knows_word).bind(located)
        known = (kind, tuple((name, bound.value) for name, bound in given.items()))
        if known in self._operators:
            return self._operators[known]
        fields = kind.attributes()
        values = {}
        for name, bound in given.items():
            span = bound.span or layer.word_span
            if name not in fields:
                help = did_you_mean(name, fields) or [f"it has: {', '.join(fields) or 'none'}"]
                raise self.failure(
                    codes.UNKNOWN_ATTRIBUTE,
                    f"`{kind.word}` has no attribute `{name}`",
                    span,
                    help=help,
                )
            if bound.value is None and fields[name].default is None:
                continue
            try:
                values[name] = coerce(fields[name], bound.value)
            except (ValueError, OverflowError) as reason:
                raise self.failure(
                    codes.WRONG_VALUE, f"`{name}` of `{kind.word}`: {reason}", span
                ) from None
        for name, field in fields.items():
            if name not in values and field.default is MISSING:
                raise self.failure(
                    codes.MISSING_PARAMETER,
                    f"`{kind.word}` needs `{name}`: {field.metadata['doc']}",
                    layer.word_span,
                )
        self._operators[known] = kind(**values)
        return self._operators[known]

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
        if name in self.nodes or name in self.scopes or name == INPUT:
            other = self.nodes[name].span if name in self.nodes else None
            raise self.failure(
                codes.DUPLICATE_LAYER,
                f"there are two layers `{name}`",
                span,
                secondary=[Label(other, "the first one")] if other and other != span else [],
            )
        if not NAME.fullmatch(name):
            raise self.failure(
                codes.INVALID_NAME,
                f"`{name}` cannot be a layer's name",
                span,
                help=[
                    "a name is words of letters, digits and `_`, with dots between; the first is no number"
                ],
            )
        if len(self.nodes) >= self.limits.nodes:
            raise self.failure(
                codes.BLOCK_LIMIT, f"there are over {self.limits.nodes:,} layers", span
            )
        try:
            shape = operator.infer([self.shape(source) for source in inputs])
        except ShapeError as reason:
            origin = self.origins.get(name, {}).get(reason.attribute or "")
            at = origin.span if origin and origin.span else (layer.word_span if layer else span)
            raise self.failure(
                codes.SHAPE_MISMATCH,
                f"{name}: {reason.reason}",
                at,
                help=[reason.help] if reason.help else [],
            ) from None
        for dim in shape:
            if dim_at(dim, self.declared) < 1:
                self._refuse_vanishing(name, shape, span)
        self.nodes[name] = Node(name, operator, tuple(inputs), shape, self.section, span)

    def _refuse_vanishing(self, name: str, shape: Shape, span: Span | None) -> None:
        sizes = " × ".join(str(extent.declared) for extent in self.extents)
        needs = [f"{d.axis} ≥ {d.minimum_extent}" for d in shape if not isinstance(d, int)]
        raise self.failure(
            codes.SIZE_VANISHES,
            f"nothing is left of the image at {name}: {show(shape)} at {sizes}",
            span,
            help=[
                f"declare a larger input ({', '.join(needs)}), or take a smaller kernel or stride"
            ],
        )

    # --- blocks ---

    def make_block(
        self,
        word: str,
        arguments: Mapping[str, Bound],
        place: Place,
        name: str,
        value: str,
        span: Span,
        shortcut: Located | None = None,
    ) -> str:
        """Make an instance of a block under a name; returns its output."""
        block = self.library.find_block(word, self.network.blocks, self.chain)
        if block is None:
            raise self.unknown_word(word, span)
        if place.depth >= self.limits.nesting:
            raise self.failure(
                codes.BLOCK_CYCLE,
                f"`{word}` is nested {place.depth} deep: blocks use each other without end",
                span,
            )
        environment = self._block_environment(block, arguments, place, value, span)
        inner = Place(name, environment, {INPUT: value}, place.depth + 1)
        count = len(self.nodes)
        joined = None
        if block.layers is not None:
            output = self.make_layers(block.layers, inner, value)
        else:
            output, joined = residual.make_residual(self, block, inner, value, shortcut, span)
        if len(self.nodes) == count:
            return output
        self.scopes[name] = Scope(
            name=name,
            block=block.name,
            title=block.title,
            doc=block.doc,
            entry=value,
            exit=output,
            values=MappingProxyType(
                {key: bound.value for key, bound in environment.bindings.items()}
            ),
            defaults=MappingProxyType(
                {key: p.value for key, p in block.parameters.items() if p.value != REQUIRED}
            ),
            join=joined.join if joined else None,
            shortcut=joined.kind if joined else "none",
            shortcut_layers=joined.layers if joined else (),
            span=span,
        )
        return output

    def _block_environment(
        self,
        block: definitions.Block,
        arguments: Mapping[str, Bound],
        place: Place,
        value: str,
        span: Span,
    ) -> Environment:
        """What names mean in a block: its parameters, its `let`, `in_channels`, and the norm and act around it."""
        inherited = {name: place.environment.bindings[name] for name in ("norm", "act")}
        for name, bound in arguments.items():
            if name not in block.parameters and name not in inherited:
                known = [*block.parameters, *inherited]
                raise self.failure(
                    codes.UNKNOWN_PARAMETER,
                    f"the block `{block.name}` has no parameter `{name}`",
                    bound.span or span,
                    help=did_you_mean(name, known)
                    or [f"it has: {', '.join(block.parameters) or 'none'}"],
                )
        bindings = {**inherited, "in_channels": Bound(self.shape(value)[0])}
        environment = Environment(bindings, self.knows_word)
        for name, default in block.parameters.items():
            if name in arguments:
                bindings[name] = arguments[name]
            elif default.value == REQUIRED:
                raise self.failure(
                    codes.MISSING_PARAMETER,
                    f"the block `{block.name}` needs `{name}`",
                    span,
                    secondary=[Label(default.span, "required here")],
                )
            else:
                bindings[name] = environment.bind(default)
        bindings |= {name: arguments[name] for name in inherited if name in arguments}
        return environment.extended(self._let(block.let, environment))

    def _let(self, let: Mapping[str, Located], environment: Environment) -> dict[str, Bound]:
        found: dict[str, Bound] = {}
        for name, located in let.items():
            found[name] = environment.extended(found).bind(located)
        return found

    # --- helpers for all of the above ---

    def shape(self, name: str) -> Shape:
        """The shape of a node's output, or of the input."""
        return self.input_shape if name == INPUT else self.nodes[name].shape

    def knows_word(self, word: str) -> bool:
        """Whether a word names an operator or a block."""
        return word in OPERATORS or (
            self.library.find_block(word, self.network.blocks, self.chain) is not None
        )

    def unknown_word(self, word: str, span: Span, blocks_only: bool = False) -> SpecError:
        """The error for a word that names nothing."""
        blocks = self.library.block_words(self.network.blocks, self.chain)
        known = blocks if blocks_only else [*OPERATORS, *blocks]
        what = "block" if blocks_only else "operator or block"
        return self.failure(
            codes.UNKNOWN_WORD, f"there is no {what} `{word}`", span, help=did_you_mean(word, known)
        )

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

    @contextmanager
    def tracing(self, name: str, span: Span) -> Iterator[None]:
        """Remember which block of which stage is being made, for errors in the block's own file."""
        self._trace.append((name, span))
        yield
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
        """An error to raise: everything found so far, and this, with the block instance it happened in."""
        labels = [*secondary]
        if self._trace:
            name, stage = self._trace[-1]
            if span != stage:
                labels.append(Label(stage, f"while making {name}"))
        return SpecError(
            [*self.diagnostics, error(code, summary, span, secondary=labels, help=help)]
        )

    def _refuse_unused(self, output: str) -> None:
        alive = {output}
        for node in reversed(self.nodes.values()):
            if node.name in alive:
                alive.update(node.inputs)
        dead = [node for node in self.nodes.values() if node.name not in alive]
        for node in dead:
            summary = f"nothing uses the output of `{node.name}`"
            self.diagnostics.append(error(codes.UNUSED_LAYER, summary, node.span))
