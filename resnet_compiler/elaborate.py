"""Spec → graph: stem, stages of blocks, head; every node gets its shape as it is made."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from resnet_compiler import absent, blocks, codes, definitions, layers, unread
from resnet_compiler.definitions import Located
from resnet_compiler.diagnostics import Label, SpecError, error, misspelt
from resnet_compiler.environment import Bound, Environment
from resnet_compiler.graph import INPUT, NAME, Graph, Identity, Stage
from resnet_compiler.maker import Maker
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.attributes import integer
from resnet_compiler.place import NOTHING, Place
from resnet_compiler.source import locate_key
from resnet_compiler.values import UNKNOWN, BlockCall, Wanted


def elaborate(maker: Maker, identity: Identity) -> Graph | None:
    """The graph of the whole network, or None where errors were found.

    Raises:
        LimitError: a limit is passed; the findings so far are with the maker.
    """
    _check_defaults(maker)
    _check_stage_names(maker)
    unread.tell_definitions(maker)
    words = Environment({}, maker)
    defaults = {"norm": Bound(BlockCall("batch_norm")), "act": Bound(BlockCall("relu"))}
    for name, given in (("norm", maker.network.norm), ("act", maker.network.act)):
        if given is not None:
            defaults[name] = Bound(UNKNOWN)
            with maker.findings.attempt():
                try:
                    defaults[name] = words.bind(given, Wanted("layer", f"`{name}`", name))
                except SpecError as refusal:
                    meant = next((each.meant for each in refusal.diagnostics), None)
                    if meant is not None and maker.vocabulary.knows(meant):
                        defaults[name] = Bound(BlockCall(meant))
                    raise
    base = words.extended(defaults)
    top = base.extended(blocks.evaluate_let(maker, maker.network.let, base))
    named: dict[str, str] = {INPUT: INPUT}
    value = layers.make_layers(maker, maker.network.stem, Place("", top, named), INPUT)
    maker.section = "stages"
    value = _stages(maker, top, named, value)
    maker.section = "head"
    value = layers.make_layers(maker, maker.network.head, Place("", top, named), value)
    findings = maker.findings
    if not findings.is_incomplete:
        if maker.nodes:
            _tell_unused(maker, value)
        else:
            at = maker.network.name.span
            findings.add(error(codes.NO_LAYERS, "the network has no layers", at))
    if findings.has_errors:
        return None
    return Graph(
        identity=identity,
        input_shape=maker.input_shape,
        extents=maker.extents,
        nodes=MappingProxyType(maker.nodes),
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
            other = [Label(first[stage.name].span, "the first one")]
            summary = f"there are two stages `{stage.name}`"
            maker.findings.tell(error(codes.DUPLICATE_LAYER, summary, stage.span, secondary=other))
        first.setdefault(stage.name, stage)


def _check_defaults(maker: Maker) -> None:
    """Refuse `defaults` of operators and attributes that there are not."""
    for word, attributes in maker.network.defaults.items():
        if word not in OPERATORS:
            summary = f"there is no operator `{word}` to have defaults"
            at = locate_key(maker.network.root, ("defaults", word))
            refusal = misspelt(codes.UNKNOWN_WORD, summary, at, word, OPERATORS, kind="layer")
            maker.findings.tell(refusal)
            continue
        known = OPERATORS[word].attributes()
        for name, located in attributes.items():
            if name not in known:
                others = [f"it has: {', '.join(known) or 'none'}"]
                summary = f"`{word}` has no attribute `{name}`"
                found = (codes.UNKNOWN_ATTRIBUTE, summary, located.key or located.span)
                maker.findings.tell(misspelt(*found, name, known, otherwise=others))


def _stages(maker: Maker, top: Environment, named: dict[str, str], value: str) -> str:
    depths = [_depth(maker, stage, top) for stage in maker.network.stages]
    total = sum(depths)
    if total > (most := maker.limits.layers):
        summary = f"the stages hold {total:,} blocks; the limit is {most:,}"
        deepest = max(zip(depths, maker.network.stages, strict=True), key=lambda pair: pair[0])[1]
        raise maker.over_limit(codes.LAYER_LIMIT, "layers", summary, deepest.depth.span)
    before = 0
    done: set[str] = set()
    for stage, depth in zip(maker.network.stages, depths, strict=True):
        entry, value = value, NOTHING
        if stage.name not in done:
            with maker.findings.attempt():
                value = _stage(maker, stage, depth, before, total, top, entry)
        done.add(stage.name)
        named[stage.name] = value
        before += depth
    return value


def _depth(maker: Maker, stage: definitions.Stage, top: Environment) -> int:
    """A stage's number of blocks; 1 where that is wrong, so that one of them is looked at."""
    with maker.findings.attempt():
        try:
            wanted = Wanted("number", "`depth`, the number of blocks,", "depth")
            return integer(top.evaluate(stage.depth, wanted), 1)
        except ValueError as reason:
            summary = f"`depth`, the number of blocks: {reason}"
            raise maker.failure(codes.WRONG_VALUE, summary, stage.depth.span) from None
    return 1


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
        entry, value = value, NOTHING
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
        maker.refuse_members(name, pattern.span)
        with maker.findings.tracing(name, stage.span), maker.findings.attempt():
            maker.step(stage.span, len(stage.arguments) + len(top.bindings) // 64)
            arguments = _arguments(maker, stage, here, index, depth)
            call = _block_of(maker, stage, here)
            unread.tell_arguments(maker, call.word, arguments)
            place = Place("", here, {})
            value = blocks.make_block(
                maker,
                call.word,
                {**call.arguments, **arguments},
                place,
                name,
                entry,
                stage.block.span,
                stage.shortcut,
                pattern.span,
            )
        maker.add_places(name, stage.block.span, *stage.also)
        if name in maker.scopes:  # else its layers were all left out
            made.append(name)
    maker.stages.append(Stage(stage.name, tuple(made), value))
    return value


def _arguments(
    maker: Maker, stage: definitions.Stage, here: Environment, index: int, depth: int
) -> dict[str, Bound]:
    """A stage's arguments for one of its blocks; each can read those that are written before it."""
    arguments: dict[str, Bound] = {}
    for key, argument in stage.arguments.items():
        within = here.extended(arguments)
        arguments[key] = _per_block(maker, stage, key, argument, within, index, depth)
    if index == 0:
        whole = here.extended(arguments)
        if stage.stride is not None:
            arguments["stride"] = whole.bind(stage.stride, Wanted("number", "`stride`", "stride"))
        word = str(stage.block.value)
        arguments |= {
            key: whole.bind(argument, blocks.wanted_for(maker, word, key))
            for key, argument in stage.first.items()
        }
    return arguments


def _block_of(maker: Maker, stage: definitions.Stage, here: Environment) -> BlockCall:
    """The block of a stage. Where there is none of that name, that is told, and the one that was meant is taken.

    Raises:
        SpecError: none is near, and this error is still to be told.
    """
    word, span = str(stage.block.value), stage.block.span
    if word in here.bindings or maker.vocabulary.block(word) is not None:
        call = here.evaluate(stage.block)
        if isinstance(call, BlockCall) and call.word not in OPERATORS:
            return call
    refusal = maker.vocabulary.unknown(word, span, blocks_only=True)
    meant = next((each.meant for each in refusal.diagnostics), None)
    if meant is None or maker.vocabulary.block(meant) is None:
        raise refusal
    maker.findings.tell(*refusal.diagnostics)
    return BlockCall(meant, {}, span)


def _per_block(
    maker: Maker,
    stage: definitions.Stage,
    key: str,
    argument: Located,
    here: Environment,
    index: int,
    depth: int,
) -> Bound:
    """A stage's argument for one of its blocks: a list gives one value per block."""
    origin, name = argument.entry, argument.key
    if isinstance(argument.value, tuple):
        if len(argument.value) != depth:
            summary = f"`{key}` lists {len(argument.value)} values for {depth} blocks"
            help = ["give one value for each block, or one value without a list for all"]
            found = error(codes.UNKNOWN_STAGE_LIST, summary, argument.span, help=help)
            maker.findings.tell(found)
            return Bound(UNKNOWN)
        argument = argument.value[index]
        origin = argument.span
    wanted = blocks.wanted_for(maker, str(stage.block.value), key)
    with maker.findings.attempt():
        return replace(here.bind(argument, wanted), origins=(origin,), key=name)
    return Bound(UNKNOWN)


def _tell_unused(maker: Maker, output: str) -> None:
    absent.leave_out(maker, 0, output)
    alive = {output}
    for node in reversed(maker.nodes.values()):
        if node.name in alive:
            alive.update(node.inputs)
    read = {name for node in maker.nodes.values() for name in node.inputs}
    # the ends alone: what leads to them is unused for the same reason
    dead = [n for n in maker.nodes.values() if n.name not in alive and n.name not in read]
    for node in {node.span: node for node in reversed(dead)}.values():
        summary = f"nothing uses the output of `{node.name}`"
        help = ["name it in the `from` of a later layer, or take it out"]
        if (layer := maker.passed_over.get(node.name)) is not None:
            help = [
                f"`{layer.name}`, which names it, is not there: give this {absent.same_when(layer)}"
            ]
        maker.findings.add(error(codes.UNUSED_LAYER, summary, node.span, help=help))
