"""Spec → graph: stem, stages of blocks, head; every node gets its shape as it is made."""

from __future__ import annotations

from types import MappingProxyType

from resnet_compiler import blocks, codes, definitions, layers
from resnet_compiler.definitions import Located
from resnet_compiler.diagnostics import Label, did_you_mean, error
from resnet_compiler.environment import BlockCall, Bound, Environment
from resnet_compiler.graph import INPUT, NAME, Graph, Identity, Stage, build_structure
from resnet_compiler.maker import Maker, Place
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.base import integer
from resnet_compiler.source import locate_key


def elaborate(maker: Maker, identity: Identity) -> Graph:
    """The graph of the whole network.

    Raises:
        SpecError: with all findings so far, as soon as one makes the rest meaningless.
    """
    _check_defaults(maker)
    _check_stage_names(maker)
    words = Environment({}, maker)
    defaults = {"norm": Bound(BlockCall("batch_norm")), "act": Bound(BlockCall("relu"))}
    for name, given in (("norm", maker.network.norm), ("act", maker.network.act)):
        if given is not None:
            defaults[name] = words.bind(given)
    base = words.extended(defaults)
    top = base.extended(blocks.evaluate_let(maker.network.let, base))
    named: dict[str, str] = {INPUT: INPUT}
    value = layers.make_layers(maker, maker.network.stem, Place("", top, named), INPUT)
    maker.section = "stages"
    value = _stages(maker, top, named, value)
    maker.section = "head"
    value = layers.make_layers(maker, maker.network.head, Place("", top, named), value)
    if not maker.nodes:
        raise maker.failure(codes.NO_LAYERS, "the network has no layers", maker.network.name.span)
    _refuse_unused(maker, value)
    return Graph(
        identity=identity,
        input_shape=maker.input_shape,
        extents=maker.extents,
        structure=build_structure(maker.nodes),
        output=value,
        scopes=MappingProxyType(maker.scopes),
        stages=tuple(maker.stages),
        proofs=tuple(maker.proofs),
    )


def _check_stage_names(maker: Maker) -> None:
    """Refuse two stages of one name."""
    first: dict[str, definitions.Stage] = {}
    for stage in maker.network.stages:
        if stage.name in first:
            raise maker.failure(
                codes.DUPLICATE_LAYER,
                f"there are two stages `{stage.name}`",
                stage.span,
                secondary=[Label(first[stage.name].span, "the first one")],
            )
        first[stage.name] = stage


def _check_defaults(maker: Maker) -> None:
    """Refuse `defaults` of operators and attributes that there are not."""
    for word, attributes in maker.network.defaults.items():
        for name, located in attributes.items():
            if word not in OPERATORS:
                near = did_you_mean(word, OPERATORS)
                summary = f"there is no operator `{word}` to have defaults"
                at = locate_key(maker.network.root, ("defaults", word))
                raise maker.failure(codes.UNKNOWN_WORD, summary, at, help=near)
            known = OPERATORS[word].attributes()
            if name not in known:
                help = did_you_mean(name, known) or [f"it has: {', '.join(known) or 'none'}"]
                summary = f"`{word}` has no attribute `{name}`"
                raise maker.failure(codes.UNKNOWN_ATTRIBUTE, summary, located.key, help=help)


def _stages(maker: Maker, top: Environment, named: dict[str, str], value: str) -> str:
    depths = [_depth(maker, stage, top) for stage in maker.network.stages]
    total = sum(depths)
    if total > maker.limits.nodes:
        raise maker.failure(
            codes.BLOCK_LIMIT,
            f"the stages hold {total:,} blocks; the limit is {maker.limits.nodes:,}",
            maker.network.stages[0].depth.span,
        )
    before = 0
    for stage, depth in zip(maker.network.stages, depths, strict=True):
        value = _stage(maker, stage, depth, before, total, top, value)
        named[stage.name] = value
        before += depth
    return value


def _depth(maker: Maker, stage: definitions.Stage, top: Environment) -> int:
    try:
        return integer(top.evaluate(stage.depth), 1)
    except ValueError as reason:
        summary = f"`depth`, the number of blocks: {reason}"
        raise maker.failure(codes.WRONG_VALUE, summary, stage.depth.span) from None


def _stage(
    maker: Maker,
    stage: definitions.Stage,
    depth: int,
    before: int,
    total: int,
    top: Environment,
    value: str,
) -> str:
    pattern = stage.names or maker.network.names or Located("{stage}.{index}", stage.span)
    made: list[str] = []
    for index in range(depth):
        counters = {
            "index": index,
            "depth": depth,
            "block_index": before + index,
            "block_count": total,
        }
        here = top.extended({name: Bound(number) for name, number in counters.items()})
        filled = str(pattern.value).replace("{stage}", stage.name)
        name = here.interpolate(filled, pattern.span)
        if not NAME.fullmatch(name):
            raise maker.failure(
                codes.INVALID_NAME, f"`{name}` cannot be a block's name", pattern.span
            )
        maker.refuse_members(name.split(".")[1:], pattern.span)
        with maker.tracing(name, stage.span):
            arguments = {
                key: _per_block(maker, key, argument, here, index, depth)
                for key, argument in stage.arguments.items()
            }
            if index == 0:
                if stage.stride is not None:
                    arguments["stride"] = here.bind(stage.stride)
                arguments |= {key: here.bind(argument) for key, argument in stage.first.items()}
            call = here.evaluate(stage.block)
            if not isinstance(call, BlockCall) or call.word in OPERATORS:
                raise maker.unknown_word(str(stage.block.value), stage.block.span, blocks_only=True)
            place = Place("", here, {})
            value = blocks.make_block(
                maker,
                call.word,
                {**call.arguments, **arguments},
                place,
                name,
                value,
                stage.block.span,
                stage.shortcut,
                pattern.span,
            )
        made.append(name)
    maker.stages.append(Stage(stage.name, tuple(made), value))
    return value


def _per_block(
    maker: Maker, key: str, argument: Located, here: Environment, index: int, depth: int
) -> Bound:
    """A stage's argument for one of its blocks: a list gives one value per block."""
    origin = argument.entry
    if isinstance(argument.value, tuple):
        if len(argument.value) != depth:
            raise maker.failure(
                codes.UNKNOWN_STAGE_LIST,
                f"`{key}` lists {len(argument.value)} values for {depth} blocks",
                argument.span,
                help=["give one value for each block, or one value without a list for all"],
            )
        argument = argument.value[index]
        origin = argument.span
    return Bound(here.evaluate(argument), (origin,), argument.span, argument.key)


def _refuse_unused(maker: Maker, output: str) -> None:
    alive = {output}
    for node in reversed(maker.nodes.values()):
        if node.name in alive:
            alive.update(node.inputs)
    read = {name for node in maker.nodes.values() for name in node.inputs}
    # the ends alone: what leads to them is unused for the same reason
    dead = [n for n in maker.nodes.values() if n.name not in alive and n.name not in read]
    for node in {node.span: node for node in reversed(dead)}.values():
        summary = f"nothing uses the output of `{node.name}`"
        maker.diagnostics.append(error(codes.UNUSED_LAYER, summary, node.span))
