"""The operator of a layer with its attributes: those that the layer gives, else the spec's `defaults`, else its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING

from resnet_compiler import codes
from resnet_compiler.definitions import Layer
from resnet_compiler.diagnostics import error, misspelt
from resnet_compiler.environment import Bound, Environment
from resnet_compiler.maker import Maker
from resnet_compiler.operators.attributes import MOST_DIMENSIONS, coerce
from resnet_compiler.operators.base import Operator
from resnet_compiler.place import derived
from resnet_compiler.values import UNKNOWN, UnknownValue

ROUNDINGS = "round it: `floor(…)`, `ceil(…)`, `round(…)`, or `make_divisible(…, 8)` for channels"


def _key(value: object) -> object:
    """What tells an attribute's value from others; of one that no attribute can have, only that."""
    if isinstance(value, tuple) and len(value) <= MOST_DIMENSIONS:
        return tuple(_key(each) if not isinstance(each, tuple) else None for each in value)
    return (type(value), value) if isinstance(value, bool | int | float | str | None) else None


def _refuse_large(maker: Maker, what: str, value: object, bound: Bound, layer: Layer) -> None:
    """Refuse a number that no layer has, before anything is computed with it."""
    numbers = value if isinstance(value, tuple) else (value,)
    most = maker.limits.attribute
    large = next((n for n in numbers if isinstance(n, int) and n > most), None)
    if large is not None:
        at, _ = maker.given_at(bound, layer.word_span)
        summary = f"{what} is {large:,}; the limit is {most:,}"
        raise maker.over_limit(codes.ATTRIBUTE_LIMIT, "attribute", summary, at)


def operator_of(
    maker: Maker, kind: type[Operator], arguments: Mapping[str, Bound], layer: Layer
) -> Operator:
    """The operator with its attributes: the layer's, else the spec's `defaults`, else its own."""
    given = dict(arguments)
    for key, located in maker.network.defaults.get(kind.word, {}).items():
        if key not in given:
            given[key] = Environment({}, maker).bind(located)
    # with types, since True equals 1
    known = (kind, tuple((name, _key(bound.value)) for name, bound in given.items()))
    if known in maker.operators:
        return maker.operators[known]
    fields = kind.attributes()
    values: dict[str, object] = {}
    is_known = True
    for name, bound in given.items():
        span = bound.span or layer.word_span
        if name not in fields:
            summary = f"`{kind.word}` has no attribute `{name}`"
            others = [f"it has: {', '.join(fields) or 'none'}"]
            at = (codes.UNKNOWN_ATTRIBUTE, summary, bound.key or span)
            known_names = [each for each in fields if each not in given]
            refusal = misspelt(*at, name, known_names, otherwise=others)
            maker.findings.tell(refusal)
            meant = refusal.meant
            if meant is None:
                is_known = False
                continue
            name = meant
        if bound.value is UNKNOWN:
            is_known = False
            continue
        if bound.value is None and fields[name].default is None:
            continue
        try:
            values[name] = coerce(fields[name], bound.value)
            _refuse_large(maker, f"`{name}` of `{kind.word}`", values[name], bound, layer)
        except (ValueError, OverflowError) as reason:
            where, labels = maker.given_at(bound, layer.word_span)
            summary = f"`{name}` of `{kind.word}`: {reason}"
            is_whole = fields[name].metadata["kind"] not in ("number", "rate")
            fraction = is_whole and isinstance(bound.value, float) and bound.value % 1 != 0
            help = [ROUNDINGS] if fraction else []
            found = (codes.WRONG_VALUE, summary, where)
            maker.findings.tell(error(*found, secondary=labels, notes=derived(bound), help=help))
            is_known = False
    if not is_known:
        raise UnknownValue
    for name, field in fields.items():
        if name not in values and field.default is MISSING:
            raise maker.failure(
                codes.MISSING_PARAMETER,
                f"`{kind.word}` needs `{name}`: {field.metadata['doc']}",
                layer.word_span,
                help=[] if given else [f"write `{{{kind.word}: {{{name}: …}}}}`"],
            )
    maker.operators[known] = kind(**values)
    return maker.operators[known]
