"""Layers that are not there, by `when` or by a `use` of `none`: what they give on, and what is said where that is nothing.

An absent layer gives on the first value that it names in `from`, or without one what stands before it in the list. What
nothing of the image reaches (a `parameter`, and what is computed of parameters alone) is never given on: it is there for
the layer that is absent, and is absent with it where no other layer reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from resnet_compiler import codes
from resnet_compiler.definitions import Layer
from resnet_compiler.diagnostics import Label, LimitError, Span, SpecError, error
from resnet_compiler.maker import Maker
from resnet_compiler.operators import OPERATORS
from resnet_compiler.place import NOTHING, Place


class Ungiven(str):
    """What an absent layer gives that has nothing to give on. To read it is an error at that layer.

    As text it is `NOTHING`, so that whoever has it takes it for the output of what could not be made.
    """

    layer: Layer

    @classmethod
    def of(cls, layer: Layer) -> Ungiven:
        given = cls(NOTHING)
        given.layer = layer
        return given


def give_on(maker: Maker, layer: Layer, place: Place, local: str, value: str) -> str:
    """Put what an absent layer gives on under its name; returns it, for what stands behind in the list."""
    if _reads_nothing(layer):
        place.layers[local], place.absent[local] = Ungiven.of(layer), layer
        return value  # it stands in no one's way
    place.layers[local] = given_by(maker, layer, place, value)
    place.absent[local] = layer
    return place.layers[local]


def given_by(maker: Maker, layer: Layer, place: Place, value: str) -> str:
    """What an absent layer gives on: the first value of the image that it would have read."""
    read = list(_named(maker, layer, place)) or [value]
    for source in read:
        if isinstance(source, Ungiven) or source in maker.constants:
            continue
        for other in read:
            if other not in (source, NOTHING):
                maker.passed_over.setdefault(other, layer)
        return source
    return Ungiven.of(layer)


def _named(maker: Maker, layer: Layer, place: Place) -> Iterator[str]:
    """The values that a layer names, in order; a name that is not there, in a first turn say, is left out."""
    for source in layer.sources or ():
        local = place.environment.interpolate(str(source.value), source.span)
        if local in place.layers:
            yield place.layers[local]
        elif "*" in local:
            maker.step(source.span, len(place.layers) * (1 + local.count("*") // 4))
            yield from (each for name, each in place.layers.items() if fnmatchcase(name, local))


def leave_out(maker: Maker, since: int, output: str) -> None:
    """Take out the learned tensors that absent layers alone would have read: they are there for those layers.

    Args:
        maker: the graph in the making.
        since: how many nodes there were before those that are looked at; none of these is read by a node before them.
        output: what is read of them later.
    """
    if not maker.passed_over:
        return
    made = maker.made_since(since)
    if not any(name in maker.passed_over and name in maker.constants for name in made):
        return
    readers = Counter(source for name in made for source in maker.nodes[name].inputs)
    readers[output] += 1
    for name in reversed(made):
        if name in maker.passed_over and name in maker.constants and not readers[name]:
            layer = maker.passed_over.pop(name)
            for source in maker.nodes[name].inputs:  # it stood there for this one
                readers[source] -= 1
                maker.passed_over.setdefault(source, layer)
            maker.drop(name)


def read(maker: Maker, value: str, at: Span | None) -> str:
    """A value that is read at a place. One that an absent layer should have given on is told, and then unknown."""
    if not isinstance(value, Ungiven):
        return value
    layer = value.layer
    if _reads_nothing(layer):
        why = f"a `{layer.word}` reads nothing"
    elif layer.sources:
        why = "nothing that it names comes from the image"
    else:
        why = "what stands before it does not come from the image"
    maker.findings.tell(
        error(
            codes.NOTHING_TO_GIVE,
            f"`{layer.name}` is not there, and has nothing to give on",
            layer.span,
            why,
            secondary=[Label(at, "read here")] if at and at != layer.span else [],
            help=[f"give what reads it {same_when(layer)}, or let that name another layer"],
        )
    )
    return NOTHING


def same_when(layer: Layer) -> str:
    """What to write for another layer to be there only with this one."""
    if layer.when is None:
        return "a `when` of its own"
    value = layer.when.value
    return f"the same `when: {str(value).lower() if isinstance(value, bool) else value}`"


def _reads_nothing(layer: Layer) -> bool:
    return layer.sources is None and layer.word in OPERATORS and OPERATORS[layer.word].arity == 0


def warn_of_repeats(maker: Maker, layer: Layer, inputs: Sequence[str], place: Place) -> None:
    """Say where a layer reads one value twice, since one that it names is not there and gives on the other."""
    for source in layer.sources or () if place.absent else ():
        local = place.environment.interpolate(str(source.value), source.span)
        missing = place.absent.get(local)
        if missing is None or inputs.count(place.layers[local]) < 2:
            continue
        maker.findings.add(
            error(
                codes.READ_TWICE,
                f"`{layer.name}` reads one value twice: `{local}` is not there, and gives on the other",
                source.span,
                secondary=[Label(missing.span, "not there")],
                help=[
                    f"give `{layer.name}` {same_when(missing)}, if it should not be there either"
                ],
                severity="warning",
            )
        )
        return


def labels_of(layer: Layer, place: Place) -> list[Label]:
    """A label for each absent layer in the place of which a layer reads something else."""
    if layer.sources is not None:
        names: Iterable[str] = [str(source.value) for source in layer.sources]
    else:
        names = list(place.layers)[-1:]
    return [
        Label(place.absent[name].span, f"`{name}` is not there, and gives on what it would read")
        for name in names
        if name in place.absent
    ]


@contextmanager
def explained(layer: Layer, place: Place) -> Iterator[None]:
    """Errors in here tell which of the layers that are read are not there."""
    try:
        yield
    except LimitError:
        raise
    except SpecError as failure:
        labels = labels_of(layer, place)
        if not labels or not failure.diagnostics:
            raise
        found = [
            replace(each, secondary=(*each.secondary, *labels)) for each in failure.diagnostics
        ]
        raise SpecError(found) from None
