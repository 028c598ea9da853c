"""Types and shapes of every value, at a size: the file's own, or one that is asked for where it leaves the size open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, error
from resnet_compiler.inspect.bare import bare_model
from resnet_compiler.inspect.library import ExhaustedError, Library, LibraryError, Request
from resnet_compiler.inspect.structure import Structure
from resnet_compiler.inspect.tensors import text, type_name

if TYPE_CHECKING:
    import onnx

Dimension = int | str | None
"""A number, a name, or neither."""
Shape = tuple[Dimension, ...]

_COLOUR_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What stands for dimensions that a file leaves open: the image's height and width, and the batch."""

    height: int | None = None
    width: int | None = None
    batch: int | None = None


AS_DECLARED = Sizes()


class SizeError(Exception):
    """A size that the file does not take; the message says why."""


@dataclass(frozen=True)
class Typed:
    """The element type and the shape of values, where they are known. ``inputs`` are as inspected, sizes put in."""

    types: Mapping[str, str]
    shapes: Mapping[str, Shape]
    inputs: Mapping[str, Shape | None]

    def shape(self, name: str) -> Shape | None:
        return self.shapes.get(name)

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """A shape of which every dimension is a number, or None."""
        shape = self.shapes.get(name)
        if shape is None:
            return None
        known = tuple(dim for dim in shape if isinstance(dim, int))
        return known if len(known) == len(shape) else None


def value_type(value: onnx.ValueInfoProto) -> tuple[str, Shape | None]:
    """The element type and shape that a declaration gives."""
    kind = value.type.WhichOneof("value")
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return (kind or "unknown").removesuffix("_type"), None
    declared = getattr(value.type, kind)
    if not declared.HasField("shape"):
        return type_name(declared.elem_type), None
    return type_name(declared.elem_type), tuple(_dimension(dim) for dim in declared.shape.dim)


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> Dimension:
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return text(dim.dim_param) or None


def infer(
    structure: Structure,
    asked: Sizes,
    usual: Sizes,
    library: Library,
    warnings: list[Diagnostic],
) -> Typed:
    """Shapes by ONNX's own inference, at the sizes asked for, or else the usual ones where the file leaves them open.

    Raises:
        SizeError: the file does not take these sizes.
    """
    bare = bare_model(structure)
    inputs = _put_in(bare, structure, asked, usual)
    found, failure = _inferred(library, bare)
    if failure is not None:
        summary = "not all shapes can be inferred, so figures that depend on them may be missing"
        warnings.append(
            error(codes.INCOMPLETE_INSPECTION, summary, notes=[failure], severity="warning")
        )
    types: dict[str, str] = {}
    shapes: dict[str, Shape] = {}
    for value in (*found.graph.input, *found.graph.value_info, *found.graph.output):
        name = text(value.name)
        types[name], shape = value_type(value)
        if shape is not None:
            shapes[name] = shape
    for name, tensor in structure.initializers.items():
        types[name], shapes[name] = type_name(tensor.data_type), tuple(tensor.dims)
    for name, sparse in structure.sparse.items():
        types[name], shapes[name] = type_name(sparse.values.data_type), tuple(sparse.dims)
    return Typed(types, shapes, inputs)


def _inferred(library: Library, model: onnx.ModelProto) -> tuple[onnx.ModelProto, str | None]:
    """The model with shapes, as far as inference comes, and what it has against it, where it has."""
    failure = None
    requests: tuple[Request, ...] = ("strict", "lenient", "plain")
    exhausted = False
    for request in requests:
        if exhausted and request == "lenient":
            continue
        try:
            return library.call(request, model), failure
        except LibraryError as reason:
            failure = failure or str(reason)
            exhausted = isinstance(reason, ExhaustedError)
    return model, failure


def _put_in(
    model: onnx.ModelProto, structure: Structure, asked: Sizes, usual: Sizes
) -> dict[str, Shape | None]:
    """Put the sizes into the open dimensions of the inputs; a name stands for one number everywhere."""
    fed = [value for value in model.graph.input if text(value.name) in structure.inputs]
    shaped = [value for value in fed if value_type(value)[1] is not None]
    image = next((value for value in shaped if len(value_type(value)[1] or ()) == 4), None)
    if image is None and asked.height is not None:
        raise SizeError("it has no input of four dimensions, so no height and width")
    numbers: dict[str, int] = {}
    for value in shaped:
        shape = value_type(value)[1] or ()
        pairs = {0: (asked.batch, usual.batch)}
        if image is not None and value is image:
            rows, columns = _spatial(shape)
            pairs |= {rows: (asked.height, usual.height), columns: (asked.width, usual.width)}
        for position, (wanted, otherwise) in pairs.items():
            here = shape[position] if position < len(shape) else 0
            number = otherwise if wanted is None else wanted
            if isinstance(here, int):
                if (image is None or value is image) and wanted not in (None, here):
                    raise SizeError(
                        f"dimension {position} of `{text(value.name)}` is {here}, fixed"
                    )
            elif number is not None:
                _dimensions(value)[position].dim_value = number
                if here is not None:
                    numbers.setdefault(here, number)
    for value in shaped:
        for dim in _dimensions(value):
            if text(dim.dim_param) in numbers:
                dim.dim_value = numbers[text(dim.dim_param)]
    return {text(value.name): value_type(value)[1] for value in fed}


def _dimensions(value: onnx.ValueInfoProto) -> Any:
    return getattr(value.type, value.type.WhichOneof("value")).shape.dim


def _spatial(shape: Sequence[Dimension]) -> tuple[int, int]:
    """Where height and width stand: last, or before the channels where those can only stand last."""
    channels_last = shape[3] in _COLOUR_CHANNELS and shape[1] not in _COLOUR_CHANNELS
    return (1, 2) if channels_last else (2, 3)
