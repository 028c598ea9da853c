"""Operators that join branches, or cut one: add, mul, shift, maximum, concat, part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.attributes import attribute
from resnet_compiler.operators.base import (
    Argument,
    Binding,
    OnnxBuilder,
    Operator,
    ShapeError,
    TorchExpression,
    need_feature_map,
    show,
)
from resnet_compiler.shapes import Dim, Shape


def _same_rank(word: str, inputs: Sequence[Shape]) -> None:
    if len({len(shape) for shape in inputs}) > 1:
        shapes = " and ".join(show(shape) for shape in inputs)
        raise ShapeError(f"`{word}` cannot join {shapes}")


@dataclass(frozen=True)
class Add(Operator):
    """Elementwise sum of equal shapes. It never broadcasts: channels, height and width must be equal."""

    word: ClassVar[str] = "add"
    arity: ClassVar[int | None] = None
    pointwise: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        _same_rank(self.word, inputs)
        return inputs[0]

    def must_agree(self, inputs: Sequence[Shape]) -> list[tuple[int, Dim, Dim]]:
        return [
            (position, dim, other[position])
            for other in inputs[1:]
            for position, dim in enumerate(inputs[0])
        ]

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        template = " + ".join(f"{{{index}}}" for index in range(len(inputs)))
        return TorchExpression(template, binds="sum", operands="sum", makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        total, *rest = inputs
        for index, value in enumerate(rest, start=1):
            suffix = f"partial{index}" if index < len(rest) else ""
            total = builder.node("Add", [total, value], suffix)
        return total


@dataclass(frozen=True)
class Broadcast(Operator):
    """What joins a value with a smaller one: `from: [value, other]`, where a dimension of 1 of the other is repeated."""

    arity: ClassVar[int | None] = 2
    pointwise: ClassVar[bool] = True
    symbol: ClassVar[str]
    onnx_type: ClassVar[str]
    binds: ClassVar[Binding]

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        _same_rank(self.word, inputs)
        return inputs[0]

    def must_agree(self, inputs: Sequence[Shape]) -> list[tuple[int, Dim, Dim]]:
        value, other = inputs
        return [
            (position, dim, other[position])
            for position, dim in enumerate(value)
            if other[position] != 1
        ]

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        template = f"{{0}} {self.symbol} {{1}}"
        return TorchExpression(template, binds=self.binds, operands=self.binds, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node(self.onnx_type, inputs)


@dataclass(frozen=True)
class Mul(Broadcast):
    """Elementwise product of a value and its gate: `from: [value, gate]`. A gate's dimension of 1 is repeated."""

    word: ClassVar[str] = "mul"
    gate_input: ClassVar[int | None] = 1
    symbol: ClassVar[str] = "*"
    onnx_type: ClassVar[str] = "Mul"
    binds: ClassVar[Binding] = "product"


@dataclass(frozen=True)
class Shift(Broadcast):
    """Elementwise sum of a value and an offset: `from: [value, offset]`. An offset's dimension of 1 is repeated.

    It is for learned offsets and context; where two branches meet, `add` is the operator, and it repeats nothing.
    """

    word: ClassVar[str] = "shift"
    gate_input: ClassVar[int | None] = 1
    symbol: ClassVar[str] = "+"
    onnx_type: ClassVar[str] = "Add"
    binds: ClassVar[Binding] = "sum"


@dataclass(frozen=True)
class Maximum(Broadcast):
    """The greater of a value and a threshold: `from: [value, threshold]`. A threshold's dimension of 1 is repeated."""

    word: ClassVar[str] = "maximum"
    gate_input: ClassVar[int | None] = 1
    onnx_type: ClassVar[str] = "Max"

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        return TorchExpression("torch.maximum({0}, {1})", makes_tensor=True)


@dataclass(frozen=True)
class Concat(Operator):
    """Feature maps one behind the other along the channels; height and width must be equal."""

    word: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        _same_rank(self.word, inputs)
        channels = [shape[0] for shape in inputs if isinstance(shape[0], int)]
        return (sum(channels), *inputs[0][1:])

    def must_agree(self, inputs: Sequence[Shape]) -> list[tuple[int, Dim, Dim]]:
        return [
            (position, dim, other[position])
            for other in inputs[1:]
            for position, dim in enumerate(inputs[0])
            if position > 0
        ]

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        listed = ", ".join(f"{{{index}}}" for index in range(len(inputs)))
        return TorchExpression(f"torch.cat([{listed}], 1)", makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("Concat", inputs, axis=1)


@dataclass(frozen=True)
class Part(Operator):
    """Some of the channels: one of equal parts (`part: {index: 0, of: 4}`), or a run (`part: {start: 16, stop: 48}`)."""

    word: ClassVar[str] = "part"

    index: int | None = attribute("index", "which of the equal parts, from 0", None)
    of: int = attribute("count", "how many equal parts there are", 1)
    start: int = attribute("index", "the first channel of the run", 0)
    stop: int | None = attribute("count", "the channel behind the last of the run", None)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = need_feature_map(self.word, inputs[0])
        if self.index is None:
            stop = channels if self.stop is None else self.stop
            if not self.start < stop <= channels:
                raise ShapeError(
                    f"there is no run {self.start} to {stop} of {channels} channels", "stop"
                )
            return (stop - self.start, height, width)
        if channels % self.of:
            raise ShapeError(f"{channels} channels cannot be cut into {self.of} equal parts", "of")
        if self.index >= self.of:
            raise ShapeError(
                f"there is no part {self.index} of {self.of}: they count from 0", "index"
            )
        return (channels // self.of, height, width)

    def _run(self, shape: Shape) -> tuple[int, int]:
        channels, _, _ = need_feature_map(self.word, shape)
        if self.index is None:
            return self.start, channels if self.stop is None else self.stop
        width = channels // self.of
        return self.index * width, (self.index + 1) * width

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return self._run(inputs[0]) == (0, inputs[0][0])

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        if self.index is None:
            start, stop = self._run(inputs[0])
            run = (Argument("start", start), Argument("stop", stop))
            return TorchExpression("{0}[:, {start}:{stop}]", run, operands="atom")
        arguments = (Argument("of", self.of), Argument("index", self.index))
        return TorchExpression("{0}.chunk({of}, 1)[{index}]", arguments, operands="atom")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        start, stop = self._run(shapes[0])
        return builder.node(
            "Slice",
            [
                *inputs,
                builder.integers("starts", (start,)),
                builder.integers("ends", (stop,)),
                builder.integers("axes", (1,)),
            ],
        )
