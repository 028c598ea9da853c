"""The language: what a spec file and a block file may hold. Strict, frozen, nothing extra.

The models check the form of a file; names and numbers are resolved when it is elaborated. `resnetc schema` prints them
as JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from resnet_compiler.characters import HIDDEN
from resnet_compiler.diagnostics import listed

WORD = r"^[A-Za-z_][A-Za-z0-9_]*$"
LAYER_NAME = r"^([A-Za-z0-9_]|\{[ -z|~]*\})([A-Za-z0-9_. +*-]|\{[ -z|~]*\})*$"
"""A name; between braces stands an expression, whatever it holds."""
LINE = rf"^[^{HIDDEN}]*[^\s{HIDDEN}][^{HIDDEN}]*$"
"""Text on one line, nothing of it hidden, and not blanks alone."""

Word = Annotated[str, StringConstraints(pattern=WORD, max_length=100)]
LayerName = Annotated[str, StringConstraints(pattern=LAYER_NAME, max_length=200)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Scalar = bool | int | float | Expression | None


def _form(value: Any) -> str:
    """Which branch of a union a value is meant for, so that its errors are about that branch alone."""
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else "scalar"


def _integral(value: Any) -> Any:
    """224.0 is 224: JSON Schema draft 7 knows no difference, so there is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_integral)]
Arguments = TypeAliasType("Arguments", "dict[Word, Value] | None")
Call = Annotated[dict[Word, Arguments], Field(min_length=1, max_length=1)]
Value = TypeAliasType(
    "Value",
    Annotated[
        Annotated[Scalar, Tag("scalar")]
        | Annotated["list[Value]", Tag("list")]
        | Annotated[Call, Tag("mapping")],
        Discriminator(_form),
    ],
)


def _word_or_mapping(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "scalar"


WordOrCall = Annotated[
    Annotated[Word, Tag("scalar")] | Annotated[Call, Tag("mapping")],
    Discriminator(_word_or_mapping),
]


class Strict(BaseModel):
    """A model that coerces nothing and takes nothing it does not know."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)


_MODIFIERS = ("from", "when")


def _one_operator(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what `LayerBody.check` says: one operator beside the modifiers."""
    schema["anyOf"] = [
        {
            "minProperties": 1 + len(present),
            "maxProperties": 1 + len(present),
            "required": list(present),
            "properties": {m: False for m in _MODIFIERS if m not in present},
        }
        for present in ((), ("from",), ("when",), ("from", "when"))
    ]


class Repeat(Strict):
    """Layers that stand `count` times one behind the other; `index` names the number of the turn, from 0."""

    index: Word
    count: Integer | Expression
    layers: Layers


class LayerBody(BaseModel):
    """What a layer is: one operator or block with its arguments; where it reads from; whether it is there."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="allow",
        defer_build=True,
        json_schema_extra=_one_operator,
    )
    __pydantic_extra__: dict[Word, Arguments]

    from_: LayerName | Annotated[list[LayerName], Field(min_length=1)] | None = Field(
        default=None,
        alias="from",
        description="the layer, or layers, it reads; the one before it by default",
    )
    when: bool | Expression | None = Field(
        default=None, description="an expression; the layer is there only where it is true"
    )
    use: Expression | None = Field(
        default=None,
        description="the operator or block to put here: a word, often a parameter, or an expression",
    )
    repeat: Repeat | None = Field(default=None, description="layers to repeat")

    @model_validator(mode="before")
    @classmethod
    def check(cls, data: Any) -> Any:
        if isinstance(data, dict):
            operators = [key for key in data if key not in _MODIFIERS]
            if len(operators) != 1:
                given = listed(f"`{key}`" for key in operators if isinstance(key, str))
                raise PydanticCustomError(
                    "one_operator",
                    "a layer is exactly one operator or block; given: {given}",
                    {"given": given},
                )
        return data


LayerOrWord = Annotated[
    Annotated[Word, Tag("scalar")] | Annotated[LayerBody, Tag("mapping")],
    Discriminator(_word_or_mapping),
]
LayerItem = Annotated[dict[LayerName, LayerOrWord], Field(min_length=1, max_length=1)]
Layers = Annotated[list[LayerItem], Field(max_length=1000)]
LayerOverride = Annotated[
    Annotated[Word | None, Tag("scalar")] | Annotated[LayerBody, Tag("mapping")],
    Discriminator(_word_or_mapping),
]
LayersOrOverrides = Annotated[
    Annotated[Layers, Tag("list")]
    | Annotated[dict[LayerName, LayerOverride], Tag("mapping")]
    | Annotated[None, Tag("scalar")],
    Discriminator(_form),
]


class OpenSize(Strict):
    """Sizes along one axis of the input that the network is for: every multiple of a number, from a minimum on."""

    multiple_of: Annotated[int, Field(ge=1, le=65536), BeforeValidator(_integral)] = 1
    minimum: Annotated[int, Field(ge=1, le=65536), BeforeValidator(_integral)] | None = None
    default: Annotated[int, Field(ge=1, le=65536), BeforeValidator(_integral)] | None = Field(
        default=None,
        description="the size at which costs are counted; by default the first multiple from 224 on",
    )


PixelCount = Annotated[int, Field(ge=1, le=65536), BeforeValidator(_integral)]
InputSize = Annotated[
    Annotated[PixelCount, Tag("scalar")] | Annotated[OpenSize, Tag("mapping")],
    Discriminator(_word_or_mapping),
]


class Input(Strict):
    """The image: channels, and the size, either one that is declared or all of a kind."""

    channels: Annotated[int, Field(ge=1, le=2**20), BeforeValidator(_integral)] = 3
    height: InputSize = 224
    width: InputSize = 224


def _layers_or_residual(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what `BlockBody.check` says."""
    absent = {"type": "null"}
    beside = dict.fromkeys(("residual", "shortcut", "after"), absent)
    schema["anyOf"] = [
        {"required": ["layers"], "properties": {"layers": {"type": "array"}, **beside}},
        {"required": ["residual"], "properties": {"residual": {"type": "array"}, "layers": absent}},
    ]


class BlockBody(Strict):
    """A block: layers over parameters. Either `layers`, or `residual` with what stands beside and behind it."""

    model_config = ConfigDict(json_schema_extra=_layers_or_residual)

    title: Line | None = None
    doc: Line | None = None
    parameters: dict[Word, Value] = {}
    let: dict[Word, Value] = {}
    layers: Layers | None = None
    residual: Layers | None = None
    shortcut: Layers | None = None
    after: Layers | None = None

    @model_validator(mode="after")
    def check(self) -> BlockBody:
        beside = (self.residual, self.shortcut, self.after)
        if self.layers is not None and any(part is not None for part in beside):
            raise PydanticCustomError(
                "layers_or_residual",
                "a block has `layers`, or `residual`, `shortcut` and `after`, not both",
            )
        if self.layers is None and self.residual is None:
            raise PydanticCustomError("no_layers", "a block needs `layers` or `residual`")
        return self


class Block(BlockBody):
    """A block in a file of its own."""

    name: Word


class Stage(BaseModel):
    """Blocks of one kind in a row. Other keys are the block's parameters; a list gives one value per block."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", defer_build=True)
    __pydantic_extra__: dict[Word, Value]

    block: Word
    depth: Integer | Expression
    stride: Value = Field(default=None, description="the stride of the stage's first block")
    shortcut: WordOrCall | None = Field(
        default=None,
        description="auto, identity, projection, none, or a block to stand where shapes differ (zero_pad)",
    )
    first: dict[Word, Value] | None = Field(
        default=None, description="parameters of the first block alone"
    )
    names: LayerName | None = Field(default=None, description="pattern of the blocks' names")


class StageOverride(Stage):
    """What a variant changes of a stage; `null` takes a parameter away."""

    block: Word | None = None  # type: ignore[assignment]
    depth: Integer | Expression | None = None  # type: ignore[assignment]


StageItem = Annotated[dict[LayerName, Stage], Field(min_length=1, max_length=1)]
StageName = Annotated[
    str, StringConstraints(pattern=r"^(\*|[A-Za-z_][A-Za-z0-9_.]*)$", max_length=200)
]
StagesOrOverrides = Annotated[
    Annotated[Annotated[list[StageItem], Field(min_length=1, max_length=1000)], Tag("list")]
    | Annotated[dict[StageName, StageOverride | None], Tag("mapping")]
    | Annotated[None, Tag("scalar")],
    Discriminator(_form),
]


class Expect(Strict):
    """Facts that must be true of the network; each is checked at every compile."""

    weighted_layers: Integer | None = None
    parameters: Integer | None = None
    macs: Integer | None = None
    output_shape: list[Integer] | None = None


def _complete_without_extends(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what `Network.check` says."""
    schema["anyOf"] = [
        {"required": ["extends"], "properties": {"extends": {"type": "string"}}},
        {
            "required": ["stages"],
            "properties": {
                "extends": {"type": "null"},
                "stages": {"type": "array"},
                "stem": {"type": ["array", "null"]},
                "head": {"type": ["array", "null"]},
            },
        },
    ]


class Network(Strict):
    """A spec: a network by its stem, stages and head, or a variant of another by `extends`."""

    model_config = ConfigDict(json_schema_extra=_complete_without_extends)

    name: Word
    title: Line | None = Field(default=None, description="the name as people write it: ResNet-50")
    doc: Line | None = Field(default=None, description="one line about the network")
    extends: Line | None = Field(
        default=None, description="the spec this is a variant of: a shipped name or a path"
    )
    input: Input | None = None
    norm: WordOrCall | None = Field(
        default=None, description="what `norm` means in blocks: batch_norm"
    )
    act: WordOrCall | None = Field(default=None, description="what `act` means in blocks: relu")
    defaults: dict[Word, dict[Word, Value]] | None = Field(
        default=None, description="attributes an operator has where a layer does not say otherwise"
    )
    let: dict[Word, Value] | None = Field(
        default=None, description="values that expressions can name"
    )
    names: LayerName | None = Field(
        default=None, description='pattern of block names: "{stage}.{index}"'
    )
    stem: LayersOrOverrides = None
    stages: StagesOrOverrides = None
    head: LayersOrOverrides = None
    blocks: dict[Word, BlockBody] | None = None
    expect: Expect | None = None

    @model_validator(mode="after")
    def check(self) -> Network:
        if self.extends is None:
            if self.stages is None:
                raise PydanticCustomError(
                    "no_stages", "a spec needs `stages`, or `extends` and what it changes"
                )
            for key in ("stem", "stages", "head"):
                if isinstance(getattr(self, key), dict):
                    raise PydanticCustomError(
                        "not_a_list",
                        "`{key}` is a list here; a mapping overrides layers of the spec that `extends` names",
                        {"key": key},
                    )
        return self
