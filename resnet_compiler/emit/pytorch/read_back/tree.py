"""The tree of modules, asked by names: what stands at a path, and what its tensors begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from resnet_compiler.emit.pytorch.read_back.steps import Initial
from resnet_compiler.emit.pytorch.read_back.values import Made, Template

Writes = Mapping[str, Mapping[str, Initial]]
_NONE: Writes = {}


@dataclass(slots=True)
class Tree:
    """The modules of a network by their names, as in its `state_dict`.

    ``_places`` are the modules looked at so far, each with what outer modules fill inside it.
    """

    root: Made
    _places: dict[str, tuple[Made, Writes] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places[""] = (self.root, self.root.template.writes)

    def at(self, path: str) -> Made | None:
        """The module of a name, or None."""
        found = self._place(path)
        return found[0] if found else None

    def initial(self, path: str) -> tuple[Initial, ...]:
        """What the tensors of a layer begin with, in their order: the innermost module that fills one decides."""
        found = self._place(path)
        layer = found[0].template.layer if found else None
        if found is None or layer is None:
            return ()
        filled = {**found[1].get("", {}), **found[0].template.writes.get("", {})}
        filled |= self.root.template.final_writes.get(path, {})
        if not filled:
            return layer.initial
        names = [tensor.name for tensor in layer.step.tensors]
        return tuple(
            filled.get(name, usual) for name, usual in zip(names, layer.initial, strict=True)
        )

    def with_tensors(self) -> Iterator[str]:
        """The names of all layers that have tensors."""
        waiting = [("", self.root)]
        while waiting:
            path, made = waiting.pop()
            if made.template.layer is not None and made.template.layer.step.tensors:
                yield path
            for name, child in made.template.children.items():
                waiting.append((f"{path}.{name}" if path else name, child))

    def count(self) -> int:
        """How many layers have tensors."""
        return _count(self.root.template)

    def _place(self, path: str) -> tuple[Made, Writes] | None:
        if path not in self._places:
            outer_path, _, name = path.rpartition(".")
            outer = self._place(outer_path)
            self._places[path] = None
            if outer is not None and name in outer[0].template.children:
                made = outer[0].template.children[name]
                inherited = _inside(outer[1], name)
                self._places[path] = (made, _joined(inherited, made.template.writes))
        return self._places[path]


def _inside(writes: Writes, name: str) -> Writes:
    """What is filled inside a member, by paths from there."""
    if not writes:
        return _NONE
    start = f"{name}."
    found = {path[len(start) :]: what for path, what in writes.items() if path.startswith(start)}
    return found | {"": writes[name]} if name in writes else found


def _joined(outer: Writes, inner: Writes) -> Writes:
    """Both together; the loop comes to inner modules later, so theirs stay."""
    if not outer or not inner:
        return outer or inner
    paths = dict.fromkeys((*outer, *inner))
    return {path: {**outer.get(path, {}), **inner.get(path, {})} for path in paths}


def _count(template: Template) -> int:
    if template.tensors < 0:
        own = int(template.layer is not None and bool(template.layer.step.tensors))
        template.tensors = own + sum(_count(each.template) for each in template.children.values())
    return template.tensors
