"""The catalogue of diagnostic codes. A code, once released, keeps its meaning.

RC01xx the text (YAML), RC02xx the language, RC03xx shapes and residual adds, RC04xx `expect`, RC05xx outputs, weights
and ONNX files, RC06xx limits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """A diagnostic's stable identity: ``id`` such as RC0301, and a one-line title."""

    id: str
    title: str


# the text
UNREADABLE_FILE = Code("RC0101", "the file cannot be read")
INVALID_ENCODING = Code("RC0102", "the file is not UTF-8 text")
INVALID_YAML = Code("RC0103", "the text is not YAML")
DUPLICATE_KEY = Code("RC0104", "a key stands twice in one mapping")
UNSUPPORTED_YAML = Code("RC0105", "a YAML feature that specs do not use")
INVALID_SCALAR = Code("RC0106", "a value that cannot be read")
INVALID_KEY = Code("RC0107", "a key is not a string")

# the language
UNKNOWN_KEY = Code("RC0201", "a key the language does not have")
MISSING_KEY = Code("RC0202", "a key that must be there is missing")
WRONG_TYPE = Code("RC0203", "a value of the wrong type")
WRONG_VALUE = Code("RC0204", "a value out of its range")
WRONG_FORM = Code("RC0205", "keys that do not go together")
UNKNOWN_SPEC = Code("RC0206", "there is no spec of that name")
UNKNOWN_WORD = Code("RC0207", "neither an operator nor a block")
UNKNOWN_ATTRIBUTE = Code("RC0208", "an attribute the operator does not have")
UNKNOWN_PARAMETER = Code("RC0209", "a parameter the block does not have")
MISSING_PARAMETER = Code("RC0210", "a parameter that must be given is missing")
UNKNOWN_LAYER = Code("RC0211", "`from` names no earlier layer")
DUPLICATE_LAYER = Code("RC0212", "two layers have one name")
INVALID_NAME = Code("RC0213", "a name that cannot be used")
INVALID_EXPRESSION = Code("RC0214", "an expression that cannot be evaluated")
EXTENDS_CYCLE = Code("RC0215", "specs extend each other in a circle")
BLOCK_CYCLE = Code("RC0216", "blocks use each other without end")
UNKNOWN_OVERRIDE = Code("RC0217", "an override of something that is not there")
WRONG_ARITY = Code("RC0218", "an operator with the wrong number of inputs")
NO_SHORTCUT = Code("RC0219", "a projection is asked of a block that has none")
NO_LAYERS = Code("RC0220", "a network without layers")
UNUSED_LAYER = Code("RC0221", "a layer whose output nothing uses")
UNKNOWN_STAGE_LIST = Code("RC0222", "a list whose length is not the stage's depth")
LEAVES_FOLDER = Code("RC0223", "a path that leaves its folder")
UNREAD_ARGUMENT = Code("RC0225", "an argument that no layer reads")
NOTHING_TO_GIVE = Code("RC0226", "a layer that is not there, and has nothing to give on")
READ_TWICE = Code("RC0227", "a value that is joined with itself, since a layer is not there")

# shapes and residual adds
RESIDUAL_MISMATCH = Code("RC0301", "a residual add joins different shapes")
RESIDUAL_SOME_SIZES = Code("RC0302", "a residual add whose sides differ at some input sizes")
SHAPE_MISMATCH = Code("RC0303", "an operator cannot take its input")
JOIN_MISMATCH = Code("RC0304", "add, mul or concat joins shapes that differ")
JOIN_SOME_SIZES = Code("RC0305", "a join whose sides differ at some input sizes")
SIZE_VANISHES = Code("RC0306", "the image is too small: a feature map vanishes")
MINIMUM_TOO_SMALL = Code("RC0307", "sizes are declared for which a feature map vanishes")

# expect
EXPECT_FAILED = Code("RC0401", "the network is not what `expect` says")

# outputs
CANNOT_WRITE = Code("RC0501", "an output cannot be written")
STALE_OUTPUT = Code("RC0502", "what is on disk is not what the spec gives")

# weights
UNREADABLE_WEIGHTS = Code("RC0510", "a weights file that cannot be read")
MORE_THAN_WEIGHTS = Code("RC0511", "a checkpoint that holds more than weights")
WEIGHTS_MISMATCH = Code("RC0512", "the weights are not those of the network")
NOT_FINITE = Code("RC0513", "weights that are not finite numbers")
NEW_HEAD = Code("RC0514", "a head that is initialised, not loaded")
NO_HEAD = Code("RC0515", "a network without a head to give other classes")
NEGATIVE_VARIANCE = Code("RC0516", "a running variance that no norm can divide by")

# ONNX files looked into
NOT_ONNX = Code("RC0540", "the file is not an ONNX model")
BROKEN_MODEL = Code("RC0541", "an ONNX model that does not hold together")
EXTERNAL_DATA = Code("RC0542", "external data that is not there, or is refused")
INCOMPLETE_INSPECTION = Code("RC0543", "a part of an ONNX model that cannot be worked out")

# limits
TEXT_LIMIT = Code("RC0601", "the text is larger than the limit")
DEPTH_LIMIT = Code("RC0602", "the text nests deeper than the limit")
NODE_LIMIT = Code("RC0603", "the text holds more values than the limit")
INTEGER_LIMIT = Code("RC0604", "an integer is larger than the limit")
LAYER_LIMIT = Code("RC0605", "more blocks or layers than the limit")
STEP_LIMIT = Code("RC0606", "more work than the limit, though few layers come of it")
PARAMETER_LIMIT = Code("RC0607", "more parameters than the limit")
ATTRIBUTE_LIMIT = Code("RC0608", "an attribute is larger than the limit")
NAME_LIMIT = Code("RC0609", "a layer's full name is longer than the limit")
TENSOR_LIMIT = Code("RC0610", "a tensor is larger than the limit")


GROUPS = {
    "RC01": "The text",
    "RC02": "The language",
    "RC03": "Shapes and residual adds",
    "RC04": "What `expect` says",
    "RC05": "Outputs, weights and ONNX files",
    "RC06": "Limits",
}
"""What the codes of each hundred are about."""


def catalogue() -> tuple[Code, ...]:
    """Every code, in the order of the numbers."""
    return tuple(sorted(value for value in globals().values() if isinstance(value, Code)))
