"""Instances of blocks: what names mean inside one, its layers, and the scope it leaves in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from resnet_compiler import absent, codes, definitions, instances, layers, residual, trial
from resnet_compiler.definitions import REQUIRED, STAGE_KEYS, Located
from resnet_compiler.diagnostics import Label, Span, error, listed, misspelt
from resnet_compiler.environment import IN_CHANNELS, Bound, Environment, settled
from resnet_compiler.graph import INPUT, Scope
from resnet_compiler.maker import Maker
from resnet_compiler.place import NOTHING, Place
from resnet_compiler.values import UNKNOWN, Wanted


def make_block(
    maker: Maker,
    word: str,
    arguments: Mapping[str, Bound],
    place: Place,
    name: str,
    value: str,
    span: Span,
    shortcut: Located | None = None,
    name_span: Span | None = None,
) -> str:
    """Make an instance of a block under a name; returns its output."""
    block = maker.vocabulary.block(word)
    if block is None:
        raise maker.vocabulary.unknown(word, span)
    if place.depth >= maker.limits.nesting:
        summary = f"`{word}` is nested {place.depth} deep: blocks use each other without end"
        help = "let a `when` end it; a block of your own hides the shipped one of its name"
        raise maker.over_limit(codes.BLOCK_CYCLE, "nesting", summary, span, [help])
    maker.enter_block(span)
    maker.step(span, len(block.parameters) + len(block.let))
    maker.refuse_taken(name, name_span or span)
    arguments = settled(arguments, maker.channels(value))
    environment = _environment(maker, block, arguments, place, value, span)
    if environment is None:
        return NOTHING
    key = instances.key_of(maker, word, environment, value, span, shortcut, place.depth)
    if key is not None:
        output = instances.copied(maker, key, name, value)
        if output is not None:
            return output
    inner = Place(name, environment, {INPUT: value}, place.depth + 1)
    before = trial.mark(maker)
    count = before.nodes
    joined = None
    if block.layers is not None:
        if shortcut is not None:
            raise maker.failure(
                codes.NO_SHORTCUT,
                f"the block `{block.name}` has no residual path, so no shortcut stands beside it",
                shortcut.entry,
                help=["take `shortcut` away, or use a block with `residual`"],
            )
        output = layers.make_layers(maker, block.layers, inner, value)
    else:
        output, joined = residual.make_residual(
            maker, block, inner, value, shortcut, span, place.environment
        )
    absent.leave_out(maker, count, output)
    if len(maker.nodes) == count or NOTHING in (value, output):
        return output
    _refuse_numbers_beside_tensors(maker, name, count)
    maker.scopes[name] = _scope(block, name, value, output, environment, joined, span)
    if key is not None:
        instances.remember(maker, key, name, value, output, before)
    return output


def _scope(
    block: definitions.Block,
    name: str,
    entry: str,
    output: str,
    environment: Environment,
    joined: residual.Joined | None,
    span: Span,
) -> Scope:
    """What an instance leaves in the graph of its block."""
    return Scope(
        name=name,
        block=block.name,
        title=block.title,
        doc=block.doc,
        entry=entry,
        exit=output,
        values=MappingProxyType({key: bound.value for key, bound in environment.bindings.items()}),
        defaults=MappingProxyType(
            {key: p.value for key, p in block.parameters.items() if p.value != REQUIRED}
        ),
        join=joined.join if joined else None,
        shortcut=joined.kind if joined else "none",
        shortcut_layers=joined.layers if joined else (),
        span=span,
    )


def _refuse_numbers_beside_tensors(maker: Maker, name: str, count: int) -> None:
    """Refuse a learned tensor among layers whose names are numbers: no attributes of a class, they are put into a
    container, and that holds modules only."""
    inside = {each: each[len(name) + 1 :].split(".") for each in maker.made_since(count)}
    learned = [n for n, parts in inside.items() if len(parts) == 1 and not maker.nodes[n].inputs]
    numbered = [n for n, parts in inside.items() if parts[0].isdecimal()]
    if learned and numbered:
        raise maker.failure(
            codes.INVALID_NAME,
            f"`{inside[learned[0]][0]}`: a learned tensor cannot stand beside layers whose names are numbers",
            maker.nodes[learned[0]].span,
            help=["give those layers other names, or put a word before the number: `layers.0`"],
        )


def _environment(
    maker: Maker,
    block: definitions.Block,
    arguments: Mapping[str, Bound],
    place: Place,
    value: str,
    span: Span,
) -> Environment | None:
    """What names mean in a block: its parameters, its `let`, `in_channels`, and the norm and act around it.

    None where a parameter that must be given is missing.
    """
    inherited = {name: place.environment.bindings[name] for name in ("norm", "act")}
    arguments = _known(maker, block, arguments, [*block.parameters, *inherited], span)
    is_complete = True
    bindings = {**inherited, IN_CHANNELS: Bound(maker.channels(value))}
    environment = Environment(bindings, maker)
    for name, default in block.parameters.items():
        if name in arguments:
            bindings[name] = arguments[name]
        elif default.value == REQUIRED:
            summary = f"the block `{block.name}` needs `{name}`"
            required = [Label(default.span, "required here")]
            maker.findings.tell(error(codes.MISSING_PARAMETER, summary, span, secondary=required))
            is_complete = False
        else:
            bindings[name] = environment.default(default)
    bindings |= {name: arguments[name] for name in inherited if name in arguments}
    if not is_complete:
        return None
    return environment.extended(evaluate_let(maker, block.let, environment))


def wanted_for(maker: Maker, word: str, key: str) -> Wanted | None:
    """The kind of value that a block's parameter takes, as far as its default tells; None where it does not."""
    default, what = maker.vocabulary.default(word, key), f"`{key}` of `{word}`"
    if isinstance(default, bool):
        return Wanted("flag", what, key)
    return Wanted("number", what, key) if isinstance(default, int | float) else None


def _known(
    maker: Maker,
    block: definitions.Block,
    arguments: Mapping[str, Bound],
    names: list[str],
    span: Span,
) -> dict[str, Bound]:
    """The arguments under names that the block has; of one misspelt it is known where it is meant for."""
    found = {name: bound for name, bound in arguments.items() if name in names}
    for name, bound in arguments.items():
        if name in names:
            continue
        summary = f"the block `{block.name}` has no parameter `{name}`"
        others = [f"it has: {listed(block.parameters)}"]
        at = (codes.UNKNOWN_PARAMETER, summary, bound.key or bound.span or span)
        known = [each for each in (*names, *STAGE_KEYS) if each not in arguments]
        refusal = misspelt(*at, name, known, otherwise=others)
        maker.findings.tell(refusal)
        if refusal.fix is not None and refusal.fix.text in names:
            found.setdefault(refusal.fix.text, bound if refusal.meant else Bound(UNKNOWN))
    return found


def evaluate_let(
    maker: Maker, let: Mapping[str, Located], environment: Environment
) -> dict[str, Bound]:
    """Definitions in order, each seeing those before it, and what its own name meant before."""
    found: dict[str, Bound] = {}
    bindings = dict(environment.bindings)  # grows, since a copy for each would grow with its square
    here = Environment(bindings, environment.context)
    for name, located in let.items():
        found[name] = Bound(UNKNOWN)
        with maker.findings.attempt():
            found[name] = here.bind(located)
        bindings[name] = found[name]
    return found
