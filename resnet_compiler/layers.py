"""Lists of layers → nodes: names, inputs, conditions, repetition, and operators with their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

from resnet_compiler import absent, blocks, codes, definitions, joins, unread
from resnet_compiler.definitions import Layer, Located
from resnet_compiler.diagnostics import LimitError, Span, SpecError, listed, misspelt
from resnet_compiler.environment import Bound, Environment, settled
from resnet_compiler.graph import INPUT
from resnet_compiler.maker import Maker
from resnet_compiler.operator_of import operator_of
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.attributes import describe, integer
from resnet_compiler.place import NOTHING, Place
from resnet_compiler.values import UNKNOWN, BlockCall, UnknownValue, Wanted

_WHEN = Wanted("flag", "`when`", "when")
_COUNT = Wanted("number", "`count`", "count")


def make_layers(maker: Maker, layers: Iterable[Layer], place: Place, value: str) -> str:
    """Make layers one after the other; returns the last one's output."""
    return absent.read(maker, _make_turn(maker, layers, place, value), None)


def _make_turn(maker: Maker, layers: Iterable[Layer], place: Place, value: str) -> str:
    """Make layers; the value they end with may be one that an absent layer cannot give, since others may read on."""
    for layer in layers:
        before, value = value, NOTHING
        with maker.findings.attempt():
            value = _make_layer(maker, layer, place, before)
        unknown = value == NOTHING and not isinstance(value, absent.Ungiven)
        if unknown and layer.repeat is None:
            with maker.findings.attempt():
                place.layers[place.environment.interpolate(layer.name, layer.span)] = NOTHING
    return value


def _make_layer(maker: Maker, layer: Layer, place: Place, value: str) -> str:
    environment = place.environment
    maker.step(layer.span, 1 + len(layer.arguments) + len(layer.sources or ()))
    if layer.repeat is not None:
        if layer.when is not None and not environment.evaluate(layer.when, _WHEN):
            return absent.given_by(maker, layer, place, value)
        return _repeat(maker, layer.repeat, place, _begin(maker, layer, place, value))
    local = environment.interpolate(layer.name, layer.span)
    if local == INPUT:
        raise maker.failure(
            codes.INVALID_NAME,
            "`input` is what comes into the block; no layer can have that name",
            layer.span,
        )
    if layer.when is not None and not environment.evaluate(layer.when, _WHEN):
        return absent.give_on(maker, layer, place, local, value)
    maker.refuse_members(local, layer.span, place.layers)
    inputs = _inputs(maker, layer, place, value)
    if NOTHING in inputs:
        maker.findings.is_incomplete = True
    bound = _bound(maker, layer, environment)
    if bound is not None and bound.value is None:
        return absent.give_on(maker, layer, place, local, value)
    call = _meaning(maker, layer, environment, bound)
    word, word_span, arguments = call.word, call.span or layer.word_span, dict(call.arguments)
    shortcut = layer.arguments.get("shortcut")
    arguments |= {
        key: _bind(maker, word, key, argument, environment)
        for key, argument in layer.arguments.items()
        if key != "shortcut" or word in OPERATORS
    }
    # those laid over what a name is bound to are for any block that could stand there
    unread.tell_arguments(maker, word, arguments if bound is None else call.arguments)
    name = place.name(local)
    if word in OPERATORS:
        if word == "parameter" and "." in local:
            raise maker.failure(
                codes.INVALID_NAME,
                f"`{local}`: a learned tensor has a name of one word",
                layer.span,
                help=["put it in a block of its own, whose name then comes before the dot"],
            )
        if OPERATORS[word].arity == 0 and layer.sources is None:
            inputs = []
        output = _make_operator(maker, word, arguments, name, inputs, layer, place)
    else:
        inputs = [absent.read(maker, each, layer.span) for each in inputs]
        if len(inputs) != 1 and NOTHING not in inputs:
            raise maker.failure(
                codes.WRONG_ARITY, f"the block `{word}` takes one input", layer.span
            )
        output = blocks.make_block(
            maker, word, arguments, place, name, inputs[0], word_span, shortcut
        )
        maker.add_places(name, word_span, layer.span, *layer.also)
    place.layers[local] = output
    return output


def make_unknown(layers: Iterable[Layer], place: Place) -> None:
    """Take layers that are not made, since there is an error, for known by name: nothing is said of what reads them."""
    for layer in layers:
        if "{" not in layer.name:
            place.layers.setdefault(layer.name, NOTHING)


def _meant(maker: Maker, word: str, span: Span, environment: Environment) -> str:
    """The operator or block that an unknown word probably means; the error is told, and work goes on with that.

    Raises:
        SpecError: nothing is near, and this error is still to be told.
    """
    wanted = Wanted("layer", "the layer", "use")
    names = [key for key, bound in environment.bindings.items() if wanted.fits(bound.value)]
    refusal = maker.vocabulary.unknown(word, span, names=[*names, "repeat"])
    meant = next((each.meant for each in refusal.diagnostics), None)
    if meant is None or meant == "repeat":
        raise refusal
    maker.findings.tell(*refusal.diagnostics)
    call = environment.bindings[meant].value if meant in environment.bindings else meant
    if call is None or call is UNKNOWN:
        raise UnknownValue
    return call.word if isinstance(call, BlockCall) else str(call)


def _bound(maker: Maker, layer: Layer, environment: Environment) -> Bound | None:
    """What a layer's word is bound to here, if that is what it means: `none`, a parameter, or an expression's value."""
    word = layer.word
    if word == "none" and not layer.arguments and word not in environment.bindings:
        return Bound(None)
    if layer.is_use and not word.isidentifier():
        return environment.bind(Located(word, layer.word_span))
    bound = environment.bindings.get(word)
    return None if bound is None or _hides_nothing(maker, word, bound) else bound


def _meaning(
    maker: Maker, layer: Layer, environment: Environment, bound: Bound | None
) -> BlockCall:
    """The operator or block that a layer's word is, or that it is bound to, with the arguments of that call."""
    word, call = layer.word, BlockCall(layer.word, {}, layer.word_span)
    if bound is not None:
        if bound.value is UNKNOWN:
            raise UnknownValue
        if not isinstance(bound.value, BlockCall):
            at, labels = maker.given_at(bound, layer.word_span)
            summary = f"`{word}` is {describe(bound.value)} here, not an operator or block"
            raise maker.failure(codes.UNKNOWN_WORD, summary, at, secondary=labels)
        call = bound.value
    if call.word in OPERATORS or maker.vocabulary.block(call.word) is not None:
        return call
    span = call.span or layer.word_span
    return replace(call, word=_meant(maker, call.word, span, environment))


def _hides_nothing(maker: Maker, word: str, bound: Bound) -> bool:
    """Whether a parameter that is no block leaves the operator or block of its name in sight."""
    is_block = bound.value is None or isinstance(bound.value, BlockCall)
    return not is_block and maker.vocabulary.knows(word)


def _bind(maker: Maker, word: str, key: str, argument: Located, environment: Environment) -> Bound:
    """An argument's value. Where an operator's attribute is one of several words, such a word stands for itself."""
    field = OPERATORS[word].attributes().get(key) if word in OPERATORS else None
    if field is not None and argument.value in field.metadata["words"]:
        return Bound(argument.value, (argument.entry,), argument.span, argument.key)
    if field is not None:
        kind, words = field.metadata["kind"], field.metadata["words"]
        form: Literal["flag", "word", "number"] = (
            "flag" if kind == "flag" else "word" if kind == "word" else "number"
        )
        wanted: Wanted | None = Wanted(form, f"`{key}` of `{word}`", key, words)
    else:
        wanted = blocks.wanted_for(maker, word, key)
    bound = Bound(UNKNOWN, (argument.entry,), argument.span, argument.key)
    try:
        return environment.bind(argument, wanted)
    except LimitError:
        raise
    except SpecError as refusal:
        # of a value under a name that the operator does not have, that alone is said
        for each in refusal.diagnostics if field is not None or word not in OPERATORS else ():
            maker.findings.tell(each)
    return bound


def _begin(maker: Maker, layer: Layer, place: Place, value: str) -> str:
    """What the first turn of a `repeat` begins with."""
    if layer.sources is None:
        return value
    found = _inputs(maker, layer, place, value)
    if len(found) != 1:
        summary = f"a `repeat` begins with one value, and {len(found)} are given"
        help = ["name one in its `from`; its layers can read the others by name"]
        raise maker.failure(codes.WRONG_ARITY, summary, layer.span, help=help)
    return found[0]


def _repeat(maker: Maker, repeat: definitions.Repeat, place: Place, value: str) -> str:
    try:
        count = integer(place.environment.evaluate(repeat.count, _COUNT), 0)
    except ValueError as reason:
        raise maker.failure(codes.WRONG_VALUE, f"`count`: {reason}", repeat.count.span) from None
    if count > (most := maker.limits.layers):
        summary = f"{count:,} turns; the limit is {most:,}"
        raise maker.over_limit(codes.LAYER_LIMIT, "layers", summary, repeat.count.span)
    if place.depth >= (most := maker.limits.nesting):
        summary = f"blocks and `repeat`s are nested over {most} deep"
        raise maker.over_limit(codes.BLOCK_CYCLE, "nesting", summary, repeat.count.span)
    for turn in range(count):
        maker.step(repeat.count.span, 1 + len(place.environment.bindings) // 64)
        bindings = place.environment.extended({repeat.index: Bound(turn)})
        inner = replace(place, environment=bindings, depth=place.depth + 1)
        value = _make_turn(maker, repeat.layers, inner, value)
    return value


def _inputs(maker: Maker, layer: Layer, place: Place, value: str) -> list[str]:
    if layer.sources is None:
        return [value]
    found = []
    for source in layer.sources:
        local = place.environment.interpolate(str(source.value), source.span)
        if "*" in local:
            maker.step(source.span, len(place.layers) * (1 + local.count("*") // 4))
            matching = [name for name in place.layers if fnmatchcase(name, local)]
            found += [place.layers[name] for name in matching]
            if matching:
                continue
        if local not in place.layers:
            summary = f"there is no layer `{local}` before `{layer.name}`"
            others = [f"before it there are: {listed(place.layers)}"]
            at = (codes.UNKNOWN_LAYER, summary, source.span)
            refusal = misspelt(*at, local, place.layers, otherwise=others, kind="name")
            maker.findings.tell(
                refusal
                if local == source.value
                else replace(refusal, fix=None)  # an expression made it; no word can replace it
            )
            local = refusal.meant or NOTHING
        found.append(place.layers.get(local, NOTHING))
    return found


def _make_operator(
    maker: Maker,
    word: str,
    arguments: Mapping[str, Bound],
    name: str,
    inputs: list[str],
    layer: Layer,
    place: Place,
) -> str:
    kind = OPERATORS[word]
    if len(inputs) != kind.arity if kind.arity is not None else len(inputs) < 2:
        wanted = (
            "two or more inputs"
            if kind.arity is None
            else f"{kind.arity} input{'s' * (kind.arity > 1)}"
        )
        raise maker.failure(
            codes.WRONG_ARITY,
            f"`{word}` takes {wanted}, and {len(inputs)} {'is' if len(inputs) == 1 else 'are'} given",
            layer.word_span,
            help=["name them: `from: [first, second]`"] if len(inputs) == 1 else [],
        )
    channels = maker.channels(inputs[0]) if inputs else UNKNOWN
    operator = operator_of(maker, kind, settled(arguments, channels), layer)
    inputs = [absent.read(maker, each, layer.span) for each in inputs]
    if NOTHING in inputs:
        return NOTHING
    with absent.explained(layer, place):
        maker.add_node(name, operator, inputs, layer, origins=arguments)
    if operator.must_agree([maker.shape(source) for source in inputs]):
        joins.prove(maker, name, is_residual=False, labels=absent.labels_of(layer, place))
        absent.warn_of_repeats(maker, layer, inputs, place)
    return name
