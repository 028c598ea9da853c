"""The comparison sees what it is for: the compiler is broken in one place, and a spec must disagree, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
from support.differential.case import Case, case_number, stored_case
from support.differential.compare import Outcome, examine
from support.differential.conditions import TOGETHER
from support.differential.regressions import stored
from support.differential.wrong import RIGHT, found_in, wrong_case

from resnet_compiler import Graph, absent, emit_pytorch, joins, measure, trial
from resnet_compiler.emit.pytorch.bodies import Body
from resnet_compiler.faults import ReadBackError
from resnet_compiler.graph import Node, Scope
from resnet_compiler.operators import pooling
from resnet_compiler.operators.activation import LeakyRelu
from resnet_compiler.operators.arithmetic import Power
from resnet_compiler.operators.base import TorchExpression
from resnet_compiler.operators.layout import Pad
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm, GroupNorm
from resnet_compiler.operators.pooling import AvgPool
from resnet_compiler.prove import prove_join
from resnet_compiler.shapes import window_size

MOST = 150
"""How many specs that have what is broken may be tried."""
ABSENT_OF_SEVERAL = frozenset(f"when fails: {word}" for word in TOGETHER)
Break = Callable[[pytest.MonkeyPatch], None]


def padding_of_convolutions(patch: pytest.MonkeyPatch) -> None:
    """ONNX pads on one side only, so that every size stays."""
    real = Conv.onnx_form

    class Shifted:
        def __init__(self, builder: Any) -> None:
            self._builder = builder

        def __getattr__(self, name: str) -> Any:
            return getattr(self._builder, name)

        def node(self, op_type: str, inputs: Sequence[str], suffix: str = "", **more: Any) -> Any:
            height, width, *_ = more["pads"]
            more["pads"] = [2 * height, 2 * width, 0, 0]
            return self._builder.node(op_type, inputs, suffix, **more)

    patch.setattr(
        Conv,
        "onnx_form",
        lambda self, builder, inputs, shapes: real(self, Shifted(builder), inputs, shapes),
    )


def border_of_averages(patch: pytest.MonkeyPatch) -> None:
    """ONNX counts the border of an average pooling where torch does not, and the other way round."""
    real = AvgPool.onnx_form

    def broken(self: AvgPool, *given: Any) -> str:
        return real(replace(self, count_padding=not self.count_padding), *given)

    patch.setattr(AvgPool, "onnx_form", broken)


def slope(patch: pytest.MonkeyPatch) -> None:
    """ONNX has another slope."""
    patch.setattr(
        LeakyRelu,
        "onnx_form",
        lambda self, builder, inputs, shapes: builder.node("LeakyRelu", inputs, alpha=0.011),
    )


def small_numbers(patch: pytest.MonkeyPatch) -> None:
    """ONNX has a hundred times the eps."""
    real = BatchNorm.onnx_form

    def broken(self: BatchNorm, *given: Any) -> str:
        return real(replace(self, eps=100 * self.eps), *given)

    patch.setattr(BatchNorm, "onnx_form", broken)


def groups_of_norms(patch: pytest.MonkeyPatch) -> None:
    """The source has one group."""
    real = GroupNorm.torch_form
    patch.setattr(
        GroupNorm, "torch_form", lambda self, inputs: real(replace(self, groups=1), inputs)
    )


def sides_of_pads(patch: pytest.MonkeyPatch) -> None:
    """The shape rule pads height with what the width gets."""
    real = Pad.infer

    def broken(self: Pad, inputs: Any) -> Any:
        return real(replace(self, border=self.border[::-1]), inputs)

    patch.setattr(Pad, "infer", broken)


def rounding_up(patch: pytest.MonkeyPatch) -> None:
    """The shape rule of poolings rounds down always."""

    def broken(size: Any, *window: Any) -> Any:
        return window_size(size, *window[:4])

    patch.setattr(pooling, "window_size", broken)


def groups_of_macs(patch: pytest.MonkeyPatch) -> None:
    """MACs forget the groups."""
    real = Conv.macs
    patch.setattr(
        Conv, "macs", lambda self, inputs, output: real(replace(self, groups=1), inputs, output)
    )


def buffers(patch: pytest.MonkeyPatch) -> None:
    """Running statistics count as parameters."""
    patch.setattr(
        measure, "parameter_count", lambda tensors: sum(max(t.shape, default=0) for t in tensors)
    )


def gates_on_the_trunk(patch: pytest.MonkeyPatch) -> None:
    """Layers in gates count as weighted layers."""
    patch.setattr(measure, "gate_of", lambda graph, node: None)


def projections_on_the_trunk(patch: pytest.MonkeyPatch) -> None:
    """Projections count as weighted layers."""
    real = measure.trunk_names

    def broken(graph: Graph) -> frozenset[str]:
        scopes = {n: replace(s, shortcut_layers=()) for n, s in graph.scopes.items()}
        return real(replace(graph, scopes=scopes))

    patch.setattr(measure, "trunk_names", broken)


def every_join_for_all_sizes(patch: pytest.MonkeyPatch) -> None:
    """The proof takes a join that is equal at the declared size to be so at all."""

    def broken(*given: Any) -> Any:
        verdict, found = prove_join(*given)
        return ("no", found) if verdict == "no" else ("all sizes", None)

    patch.setattr(joins, "prove_join", broken)


def the_counterexample(patch: pytest.MonkeyPatch) -> None:
    """The counterexample is one size too far."""

    def broken(*given: Any) -> Any:
        verdict, found = prove_join(*given)
        further = found and replace(found, extent=found.extent + 1)
        return verdict, further

    patch.setattr(joins, "prove_join", broken)


def the_least_size(patch: pytest.MonkeyPatch) -> None:
    """The least size is one pixel less."""
    real = Graph.minimum_extents.fget  # type: ignore[attr-defined]

    def broken(self: Graph) -> dict[str, int]:
        return {axis: max(1, least - 1) for axis, least in real(self).items()}

    patch.setattr(Graph, "minimum_extents", property(broken))


def what_gradients_need(patch: pytest.MonkeyPatch) -> None:
    """The output of a square root may be overwritten."""
    real = Power.torch_form

    def broken(self: Power, inputs: Any) -> TorchExpression:
        return replace(real(self, inputs), makes_tensor=True)

    patch.setattr(Power, "torch_form", broken)


def a_crash(patch: pytest.MonkeyPatch) -> None:
    """The compiler fails on a valid spec."""

    def broken(self: Conv, inputs: Any) -> Any:
        raise ZeroDivisionError("of a kind no spec should meet")

    patch.setattr(Conv, "tensors", broken)


# --- faults that the compiler once had ------------------------------------------------------------


def what_an_absent_shortcut_reads(patch: pytest.MonkeyPatch) -> None:
    """The source adds the block's input where all layers of a shortcut that reads inside are absent."""
    patch.setattr(Body, "identity", property(lambda self: self.scope.entry))


def what_an_absent_layer_gives_on(patch: pytest.MonkeyPatch) -> None:
    """An absent layer that names several values gives on the one before it in the list."""
    real = absent.given_by

    def broken(maker: Any, layer: Any, place: Any, value: str) -> str:
        return value if len(layer.sources or ()) > 1 else real(maker, layer, place, value)

    patch.setattr(absent, "given_by", broken)


def a_last_window_in_the_padding(patch: pytest.MonkeyPatch) -> None:
    """Poolings in ceil mode are written as they are said, also where onnx's inference gets them wrong."""
    patch.setattr(
        pooling.WindowPool, "_rounded_axes", lambda self, shape: (self.ceil_mode, self.ceil_mode)
    )


def what_trials_leave(patch: pytest.MonkeyPatch) -> None:
    """Of a projection that was made to learn its cost, the nodes are taken back and nothing else."""

    def broken(maker: Any, to: Any) -> None:
        for name in maker.made_since(to.nodes):
            del maker.nodes[name]

    patch.setattr(trial, "rollback", broken)


def test_what_a_trial_leaves_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    what_trials_leave(monkeypatch)
    for number in range(1000):
        try:
            if found_in(wrong_case(number)) != [RIGHT]:
                return
        except KeyError:
            return
    pytest.fail("none of 1,000 wrong residual adds shows it")


def test_what_an_absent_shortcut_reads_is_seen_by_reading_back_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = next(case.compile().graph for case, words in cases() if "an absent shortcut" in words)
    assert graph is not None
    what_an_absent_shortcut_reads(monkeypatch)
    with pytest.raises(ReadBackError, match="add: inputs is"):
        emit_pytorch(graph)


BREAKS: dict[Break, tuple[str, tuple[str, ...]]] = {
    padding_of_convolutions: ("conv", ("outputs",)),
    border_of_averages: ("avg_pool", ("outputs",)),
    slope: ("leaky_relu", ("outputs",)),
    small_numbers: ("batch_norm", ("outputs",)),
    groups_of_norms: ("group_norm", ("outputs",)),
    sides_of_pads: ("pad", ("layer shape", "output shape", "building", "MACs")),
    rounding_up: ("max_pool", ("layer shape", "output shape", "building", "torch", "MACs")),
    groups_of_macs: ("conv", ("MACs",)),
    buffers: ("batch_norm", ("parameters",)),
    gates_on_the_trunk: ("mul", ("weighted layers",)),
    projections_on_the_trunk: ("add", ("weighted layers",)),
    every_join_for_all_sizes: ("some sizes", ("compiling raises GraphError",)),
    the_counterexample: ("some sizes", ("compiling raises GraphError",)),
    the_least_size: ("a least size", ("verdict", "torch at")),
    what_gradients_need: ("root", ("the gradient raises",)),
    a_crash: ("conv", ("compiling raises ZeroDivisionError",)),
    what_an_absent_shortcut_reads: ("an absent shortcut", ("outputs", "layer shape")),
    what_an_absent_layer_gives_on: ("an absent layer of several", ("meaning", "compiling raises")),
    a_last_window_in_the_padding: ("rounds up", ("building the ONNX for one size raises",)),
}


@cache
def cases() -> list[tuple[Case, frozenset[str]]]:
    """The specs of the default run and the regressions, each with what its graph has."""
    found = []
    for case in (*map(case_number, range(300)), *map(stored_case, stored())):
        graph = case.compile().graph
        assert graph is not None
        words = {node.operator.word for node in graph}
        words |= {"root"} if any(n.operator == Power(0.5) for n in graph) else set()
        words |= {"some sizes"} if not graph.any_size else set()
        words |= {"rounds up"} if any(_rounds_up(node) for node in graph) else set()
        words |= {"an absent layer of several"} if case.conditions & ABSENT_OF_SEVERAL else set()
        words |= (
            {"an absent shortcut"}
            if any(map(partial(_adds_inside, graph), graph.scopes.values()))
            else set()
        )
        words |= {"a least size"} if max(graph.minimum_extents.values()) > 1 else set()
        found.append((case, frozenset(words)))
    return found


def _adds_inside(graph: Graph, scope: Scope) -> bool:
    """Whether a block adds a layer of its own where nothing stands on the shortcut."""
    if scope.join is None or scope.shortcut_layers:
        return False
    return graph[scope.join].inputs[1] != scope.entry


def _rounds_up(node: Node) -> bool:
    return bool(getattr(node.operator, "ceil_mode", False))


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__)
def test_a_broken_compiler_is_seen(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    word, kinds = BREAKS[broken]
    having = [case for case, words in cases() if word in words]
    broken(monkeypatch)
    tried: list[Outcome] = []
    for case in having[:MOST]:
        tried.append(examine(case))
        if tried[-1].status == "disagrees" and tried[-1].kind.startswith(kinds):
            return
    pytest.fail(f"none of {len(tried)} disagrees so: {[(o.status, o.kind) for o in tried]}")


def test_a_refused_spec_is_told_from_one_that_disagrees() -> None:
    found = examine(
        Case({"net.yaml": {"name": "x", "stages": [{"a": {"block": "none_such", "depth": 1}}]}})
    )
    assert (found.status, found.kind) == ("refused", "RC0207")
