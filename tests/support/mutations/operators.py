"""Graphs whose operators, shapes or joins are broken, each in one way, and what the verifier says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Operator, Tensor
from resnet_compiler.operators.joining import Add, Concat
from resnet_compiler.operators.linear import Conv
from resnet_compiler.shapes import Size
from support.graphs import (
    Mutation,
    change,
    change_operator,
    inferred,
    insert,
)

H, W = Size("H"), Size("W")

# --- operators and shapes -------------------------------------------------------------------------


def stride_of_zero(graph: Graph) -> Graph:
    return change_operator(graph, "conv", stride=(0, 1))


def kernel_of_one_number(graph: Graph) -> Graph:
    return change_operator(graph, "conv", kernel=3)


def groups_of_none(graph: Graph) -> Graph:
    """Attributes before it are left at their defaults."""
    return change_operator(graph, "conv", groups=0)


def padding_below_zero(graph: Graph) -> Graph:
    return change_operator(graph, "conv", padding=(1, -1))


def flag_that_is_a_number(graph: Graph) -> Graph:
    return change_operator(graph, "conv", bias=1)


def word_that_is_none(graph: Graph) -> Graph:
    return change_operator(graph, "layer1.0.se.mean", by="median")


def number_without_end(graph: Graph) -> Graph:
    return change_operator(graph, "layer1.0.bn1", eps=float("inf"))


def count_that_is_left_out(graph: Graph) -> Graph:
    return change_operator(graph, "fc", out=None)


def no_input(graph: Graph) -> Graph:
    return change(graph, "layer1.0.conv1", inputs=())


def two_inputs(graph: Graph) -> Graph:
    return change(graph, "layer1.0.bn1", inputs=("layer1.0.conv1", "wide"))


def add_of_one(graph: Graph) -> Graph:
    return change(graph, "layer1.0.add", inputs=("wide",))


def wrong_channels(graph: Graph) -> Graph:
    return change(graph, "conv", shape=(63, H, W))


def wrong_size(graph: Graph) -> Graph:
    return change(graph, "layer1.0.conv1", shape=(64, Size("H", 1, 2), W))


def swapped_axes(graph: Graph) -> Graph:
    return change(graph, "conv", shape=(64, W, H))


def wrong_rank(graph: Graph) -> Graph:
    return change(graph, "fc", shape=(10, 1, 1))


def other_operator(graph: Graph) -> Graph:
    return change(graph, "conv", operator=Conv(out=32, kernel=(3, 3)))


def groups_that_do_not_divide(graph: Graph) -> Graph:
    return change_operator(graph, "layer1.0.conv1", groups=3)


def linear_over_an_image(graph: Graph) -> Graph:
    return change(graph, "fc", inputs=("blur",))


def window_larger_than_the_image(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "conv", kernel=(34, 3), padding=(0, 1)))


def window_larger_by_a_row(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "conv", kernel=(33, 3), padding=(0, 1)))


def too_low_to_reflect(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "layer2.0.conv2", stride=(8, 1)))


def too_small_to_reflect(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "layer2.0.conv2", stride=(8, 8)))


@dataclass(frozen=True)
class WithTensors(Operator):
    """An operator that owns what it is told."""

    word = "with_tensors"
    owned: tuple[Tensor, ...] = ()

    def tensors(self, inputs: Any) -> tuple[Tensor, ...]:
        return self.owned

    @classmethod
    def attributes(cls) -> dict[str, Any]:
        return {}


def owning(graph: Graph, *tensors: Tensor) -> Graph:
    return change(graph, "blur", operator=WithTensors(tensors))


def two_tensors_of_one_name(graph: Graph) -> Graph:
    weight = Tensor("weight", (3,), "constant")
    return owning(graph, weight, replace(weight, shape=(4,)))


def tensor_of_nothing(graph: Graph) -> Graph:
    return owning(graph, Tensor("fine", (), "counter"), Tensor("weight", (64, 0), "he"))


def tensor_of_halves(graph: Graph) -> Graph:
    return owning(graph, Tensor("weight", (1.5,), "he"))  # type: ignore[arg-type]


# --- joins ----------------------------------------------------------------------------------------


def add_of_64_and_1(graph: Graph) -> Graph:
    graph = change(graph, "layer1.0.add", inputs=("layer1.0.se.scaled", "one"))
    return change(graph, "layer1.0.conv1", inputs=("one",))


def add_of_1_and_64(graph: Graph) -> Graph:
    scaled = graph["layer1.0.add"].inputs[0]
    return inferred(change(graph, "layer1.0.add", inputs=("one", scaled)))


def add_of_another_size(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "layer2.0.downsample.0", stride=(1, 1)))


def add_of_another_width(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "layer2.0.downsample.0", stride=(2, 1)))


def gate_of_other_channels(graph: Graph) -> Graph:
    return inferred(change(graph, "layer1.0.se.gate", operator=Conv(out=32, kernel=(1, 1))))


def concat_of_other_sizes(graph: Graph) -> Graph:
    return inferred(
        change(graph, "blur", operator=Concat(), inputs=("layer3.0.add", "layer1.1.act2"))
    )


def add_of_other_ranks(graph: Graph) -> Graph:
    total = replace(graph["fc"], name="sum", operator=Add(), inputs=("fc", "pool"))
    return replace(insert(graph, "fc", total), output="sum")


RANGE, ARITY, SHAPE = "attributes are in range", "arities fit", "shapes are inferred"
LEFT, TENSOR, JOIN = "sizes are left", "tensors can be filled", "joins agree"

MUTATIONS: dict[Mutation, str] = {
    stride_of_zero: f"conv: stride of conv: 0 is too small: the least value is 1 ({RANGE})",
    kernel_of_one_number: f"conv: kernel of conv cannot be 3 ({RANGE})",
    groups_of_none: f"conv: groups of conv: 0 is too small: the least value is 1 ({RANGE})",
    padding_below_zero: f"conv: padding of conv: -1 is too small: the least value is 0 ({RANGE})",
    flag_that_is_a_number: "conv: bias of conv: `true` or `false` is needed here, not the number 1"
    f" ({RANGE})",
    word_that_is_none: "layer1.0.se.mean: by of reduce: one of mean, max, variance, sum is needed,"
    f" not the word `median` ({RANGE})",
    number_without_end: "layer1.0.bn1: eps of batch_norm: inf is not a float32, which ends at "
    f"3.4028235e+38 ({RANGE})",
    count_that_is_left_out: f"fc: out of linear: an integer is needed here, not `none` ({RANGE})",
    no_input: f"layer1.0.conv1: conv takes 1 inputs, and 0 are given ({ARITY})",
    two_inputs: f"layer1.0.bn1: batch_norm takes 1 inputs, and 2 are given ({ARITY})",
    add_of_one: f"layer1.0.add: add takes two or more inputs, and 1 are given ({ARITY})",
    wrong_channels: f"conv: its shape is not 63 × H × W, but 64 × H × W ({SHAPE})",
    wrong_size: f"layer1.0.conv1: its shape is not 64 × ⌊(H + 1)/2⌋ × W, but 64 × H × W ({SHAPE})",
    swapped_axes: f"conv: its shape is not 64 × W × H, but 64 × H × W ({SHAPE})",
    wrong_rank: f"fc: its shape is not 10 × 1 × 1, but 10 ({SHAPE})",
    other_operator: f"conv: its shape is not 64 × H × W, but 32 × H × W ({SHAPE})",
    groups_that_do_not_divide: "layer1.0.conv1: its inputs do not fit: 3 groups do not divide the 64 input"
    f" channels ({SHAPE})",
    linear_over_an_image: "fc: its inputs do not fit: `linear` needs a fixed number of inputs, but 32 × "
    f"⌊(H + 1)/4⌋ × ⌊(W + 1)/4⌋ changes with the image ({SHAPE})",
    add_of_other_ranks: f"sum: its inputs do not fit: `add` cannot join 10 and 32 × 1 × 1 ({SHAPE})",
    window_larger_than_the_image: f"conv: nothing is left of the image: 64 × -1 × 32 ({LEFT})",
    window_larger_by_a_row: f"conv: nothing is left of the image: 64 × 0 × 32 ({LEFT})",
    too_low_to_reflect: f"blur: its input is below 2 rows or columns ({LEFT})",
    too_small_to_reflect: f"blur: its input is below 2 rows or columns ({LEFT})",
    two_tensors_of_one_name: f"blur: two of its tensors have one name ({TENSOR})",
    tensor_of_nothing: f"blur: its tensor weight is 64 × 0 ({TENSOR})",
    tensor_of_halves: f"blur: its tensor weight is 1.5 ({TENSOR})",
    add_of_64_and_1: f"layer1.0.add: joins 64 and 1 ({JOIN})",
    add_of_1_and_64: f"layer1.0.add: joins 1 and 64 ({JOIN})",
    add_of_another_size: f"layer2.0.add: joins ⌊(H + 1)/2⌋ and H ({JOIN})",
    add_of_another_width: f"layer2.0.add: joins ⌊(W + 1)/2⌋ and W ({JOIN})",
    gate_of_other_channels: f"layer1.0.se.scaled: joins 64 and 32 ({JOIN})",
    concat_of_other_sizes: f"blur: joins ⌊(H + 1)/4⌋ and H ({JOIN})",
}
