"""What an operator is: attributes, a shape rule, parameters, costs, and how PyTorch and ONNX write it.

An operator is a frozen dataclass whose fields are its attributes. It knows nothing of other operators, of blocks or of
networks. Neither torch nor onnx is imported: the two forms are descriptions, and the emitters turn them into text or
protobuf.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from resnet_compiler.operators.attributes import Pair
from resnet_compiler.shapes import Dim, Shape

Initialisation = Literal["he", "uniform", "constant", "counter"]


class ShapeError(Exception):
    """An operator cannot take these inputs. ``attribute`` names the attribute to change, where there is one."""

    def __init__(self, reason: str, attribute: str | None = None, help: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.attribute = attribute
        self.help = help


# --- parameters ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that a layer owns: ``name`` follows the layer's name, as in ``conv1.weight``.

    ``trainable`` is False for buffers (running statistics). ``fill`` is what a "constant" begins with. A "counter" is an
    integer scalar that only training reads.
    """

    name: str
    shape: tuple[int, ...]
    initialisation: Initialisation
    fill: float = 0.0
    trainable: bool = True


# --- the PyTorch form ---------------------------------------------------------------------------------------------

REQUIRED = "<required>"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call. It is left out where it equals ``default`` in every use; ``positional`` ones come first."""

    name: str
    value: Any
    default: Any = REQUIRED
    positional: bool = False


@dataclass(frozen=True, slots=True)
class TorchModule:
    """A layer as an ``nn.Module``: the class to call, its arguments, and how its input is written.

    ``stateless`` modules have no tensors, so equal ones may share one attribute. ``can_overwrite``: takes
    ``inplace=True``. ``makes_tensor``: its output is a new tensor that no gradient needs, so that a following layer may
    overwrite it. ``support`` names a template with a class that PyTorch lacks. ``input_format`` adapts the input.
    """

    callee: str
    arguments: tuple[Argument, ...] = ()
    stateless: bool = False
    can_overwrite: bool = False
    makes_tensor: bool = False
    support: str | None = None
    input_format: str = "{}"


Binding = Literal["atom", "product", "sum"]
"""How tightly an expression holds together."""


@dataclass(frozen=True, slots=True)
class TorchExpression:
    """A layer as an expression: ``{0}``, ``{1}`` stand for the inputs, ``{inputs}`` for all, ``{name}`` for arguments.

    ``binds`` is how tightly the expression holds together: an "atom" never needs parentheses, a "sum" or "product"
    does inside a tighter one. ``operands`` is how tightly the inputs must hold together.
    """

    template: str
    arguments: tuple[Argument, ...] = ()
    binds: Binding = "atom"
    operands: Binding | Literal["any"] = "any"
    makes_tensor: bool = False
    support: str | None = None


@dataclass(frozen=True, slots=True)
class TorchParameter:
    """A learned tensor of its own: how it is filled (``torch.full``), and ``view``, the text behind its name where used."""

    shape: tuple[int, ...]
    fill: float
    view: str = ""


TorchForm = TorchModule | TorchExpression | TorchParameter


# --- the ONNX form ------------------------------------------------------------------------------------------------


class OnnxBuilder(Protocol):
    """What the ONNX emitter offers an operator. Everything made is named after the layer."""

    @property
    def opset(self) -> int: ...

    def node(self, op_type: str, inputs: Sequence[str], suffix: str = "", **attributes: Any) -> str:
        """Add a node; returns its output's name. Without a suffix it is the layer's own node, and its output."""
        ...

    def reduce_mean(self, inputs: Sequence[str], suffix: str, axes: Sequence[int]) -> str:
        """The mean over axes, which are kept with size 1; written as the opset wants it."""
        ...

    def reduce_max(self, inputs: Sequence[str], suffix: str, axes: Sequence[int]) -> str:
        """The greatest over axes, likewise."""
        ...

    def parameter(self, name: str) -> str:
        """The initializer of one of the layer's tensors."""
        ...

    def fixed(self, shape: Shape) -> tuple[int, ...] | None:
        """A shape in numbers; None where it depends on the input's size and that is dynamic."""
        ...

    def shape(self, value: str, shape: Shape) -> str:
        """The shape of a value as an int64 vector, for reshaping another to it."""
        ...

    def integers(self, name: str, values: Sequence[int]) -> str:
        """A constant int64 vector."""
        ...

    def number(self, name: str, value: float) -> str:
        """A constant float scalar."""
        ...

    def numbers(self, name: str, values: Sequence[float], shape: Sequence[int]) -> str:
        """A constant float tensor, its values in row-major order."""
        ...


HalfPrecision = Literal["half", "float32", "as its inputs"]
"""What a layer computes in where the network is of half precision: sums of squares overflow there, and differences of
nearly equal numbers lose their digits."""


# --- operators ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """Base of all operators. ``word`` is its name in a spec."""

    word: ClassVar[str]
    arity: ClassVar[int | None] = 1
    """How many inputs it takes; None for two or more."""
    weighted: ClassVar[bool] = False
    """Whether it counts as a weighted layer in the paper's sense (convolution, linear)."""
    gate_input: ClassVar[int | None] = None
    """The input that only modulates the other one, for multiplications."""
    pointwise: ClassVar[bool] = False
    """Whether each element of its output needs one element of each input and nothing else, at inference, so that it can be
    worked out while its input is still at hand."""

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        """The output's shape (batch left out) for these input shapes.

        Raises:
            ShapeError: the inputs do not fit.
        """
        return inputs[0]

    def must_agree(self, inputs: Sequence[Shape]) -> list[tuple[int, Dim, Dim]]:
        """Pairs of dimensions (position, first input's, other input's) that must be equal for every input size."""
        return []

    def sides(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """The shapes that a join joins, the residual path's first."""
        return tuple(inputs[:2])

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        """The tensors the layer owns, in the order of PyTorch's ``state_dict``."""
        return ()

    def macs(self, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
        """Multiply-accumulates for one sample, given concrete shapes."""
        return 0

    def window(self) -> tuple[Pair, Pair] | None:
        """(extent, stride) of the window it slides over height and width, or None where it works pointwise."""
        return None

    def least_size(self) -> int:
        """The least height and width of its input, beyond what leaves its output at least one pixel."""
        return 1

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        """Whether its output is its input where nothing is trained."""
        return False

    @property
    def starts_at_zero(self) -> bool:
        """Whether its weight begins at zero, so that a residual block begins as the identity (Goyal et al. 2017)."""
        return False

    @property
    def in_half_precision(self) -> HalfPrecision:
        """What it computes in, in a network of half precision; its tensors have that type too."""
        return "half"

    def inference_value(self, name: str, value: Any) -> Any:
        """What stands for one of its tensors (a numpy array, or a run of its rows) where nothing is trained."""
        return value

    def onnx_dims(self, tensor: Tensor) -> tuple[int, ...]:
        """The dimensions of one of its tensors in ONNX, where it must broadcast as it is: no node is spent on that."""
        return tensor.shape

    def torch_form(self, inputs: Sequence[Shape]) -> TorchForm:
        raise NotImplementedError(self.word)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        """Add the nodes that compute this operator; returns the name of its output."""
        raise NotImplementedError(self.word)

    @classmethod
    def attributes(cls) -> Mapping[str, dataclasses.Field[Any]]:
        """The attributes by name, in order."""
        return {field.name: field for field in dataclasses.fields(cls)}


def need_feature_map(operator: str, shape: Shape) -> tuple[int, Dim, Dim]:
    """Channels, height and width of a feature map.

    Raises:
        ShapeError: the shape is not (channels, height, width).
    """
    if len(shape) != 3 or not isinstance(shape[0], int):
        raise ShapeError(
            f"`{operator}` needs a feature map (channels × height × width), "
            f"but its input is {show(shape)}"
        )
    return shape[0], shape[1], shape[2]


def show(shape: Shape) -> str:
    """A shape as text: ``64 × H × W``."""
    return " × ".join(str(dim) for dim in shape)


def compact(pair: Pair) -> int | Pair:
    """One number where both are equal, as people write it."""
    return pair[0] if pair[0] == pair[1] else pair
