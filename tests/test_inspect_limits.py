"""`resnetc inspect` on files that would take long, much memory or many calls: bounded in each."""

from __future__ import annotations

import json
import os
import pathlib
import tracemalloc
from collections.abc import Iterator

import pytest
from onnx import TensorProto, helper
from support.hostile_onnx import file_of
from support.inspection import faults, look, with_length
from support.onnx_files import model, node, residual_network, tensor, value

from resnet_compiler.diagnostics import SpecError
from resnet_compiler.faults import CompilerFault
from resnet_compiler.inspect.inspection import inspect_file
from resnet_compiler.inspect.library import Library
from resnet_compiler.inspect.process import Inspector
from resnet_compiler.inspect.report import report_dict, report_text

CASES = pathlib.Path(__file__).parent / "regressions" / "inspect"
X, Y = value("x", [1, 4]), value("y")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("padding", [0, 5000], ids=["parsed at once", "walked"])
@pytest.mark.parametrize("depth", [25, 32, 33, 60, 400])
def test_bodies_too_deep_are_no_model(depth: int, padding: int, inspector: Inspector) -> None:
    """Protobuf takes 100 messages inside each other, so 32 bodies; a large one is not parsed in one go."""
    body = helper.make_graph([node("Relu", "x", "y")], "body", [], [Y]).SerializeToString()
    for _ in range(depth):
        attribute = (
            with_length(b"\x0a", b"then_branch") + b"\xa0\x01\x05" + with_length(b"\x32", body)
        )
        inner = with_length(b"\x0a", b"x") + with_length(b"\x12", b"y")
        inner += with_length(b"\x22", b"If") + with_length(b"\x2a", attribute)
        body = with_length(b"\x0a", inner) + with_length(b"\x52", b" " * padding)
    head = with_length(b"\x5a", X.SerializeToString()) + with_length(b"\x62", Y.SerializeToString())
    made = b"\x08\x08" + with_length(b"\x3a", body + head) + b"\x42\x04\x0a\x00\x10\x12"
    if depth > 32:
        assert faults(made, inspector)[0].code.id == "RC0540"
    else:
        assert look(made, inspector).operators == {"If": 1}


def test_a_hundred_thousand_nodes(inspector: Inspector) -> None:
    count = 100_000
    nodes = [node("Add", f"v{i} v{max(0, i - 1)}", f"v{i + 1}") for i in range(count)]
    found = look(model(nodes, [value("v0", [1, 2])], [value(f"v{count}")]), inspector)
    assert found.operators == {"Add": count} and not found.diagnostics
    assert found.outputs[0].shape == (1, 2) and found.macs == 0


def test_sizes_without_bounds_end_the_worker_alone() -> None:
    """A row of 2³¹ numbers, which inference would list one by one."""
    inputs = [value("x", [2**31], TensorProto.INT64)]
    nodes = [node("Add", "x x", "a"), node("Add", "a x", "y")]
    with Inspector(memory=350 * 2**20) as inspector:
        found = look(model(nodes, inputs, [value("y", None, TensorProto.INT64)]), inspector)
        assert ["too much memory" in " ".join(each.notes) for each in found.diagnostics] == [True]
        assert found.outputs[0].shape == (2**31,), "what can be inferred without, is"
        assert not look(residual_network(), inspector).diagnostics, "and the next file has a worker"


def test_small_files_are_given_little(inspector: Inspector) -> None:
    """A file of a hundred bytes that asks for 16 GiB."""
    inputs = [value("x", [2**31], TensorProto.INT64)]
    found = look(
        model([node("Add", "x x", "y")], inputs, [value("y", None, TensorProto.INT64)]), inspector
    )
    assert ["too much memory" in " ".join(each.notes) for each in found.diagnostics] == [True]
    assert found.outputs[0].shape == (2**31,)


def test_a_bomb_of_functions_is_not_expanded(inspector: Inspector) -> None:
    """A kilobyte that calls two of each, eighteen deep."""
    found = inspector.inspect(str(CASES / "fnbomb18.onnx"))
    assert "50,000 nodes" in " ".join(found.diagnostics[0].notes)
    assert found.operators == {"d.f0": 1}
    assert (found.parameter_count, found.macs) == (None, None)


def test_what_takes_too_much_is_refused_in_one_line() -> None:
    """Many empty nodes, in a process with little memory; the next file has a new one."""
    nodes = with_length(b"\x3a", b"\x0a\x00" * 300_000)
    with Inspector(memory=150 * 2**20) as inspector:
        (fault,) = faults(b"\x08\x08" + nodes, inspector)
        assert fault.code.id == "RC0101" and "150 MiB of memory or 9 seconds" in fault.summary
        assert look(residual_network(), inspector).weighted_layers == 4


def test_a_call_that_ends_the_process_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the onnx library does where it aborts, or takes all its time: the rest is told all the same."""
    with Inspector() as inspector:
        exchange, asked = inspector._exchange, []

        def ends_twice(request: bytes) -> tuple[bytes, bytes, tuple[str, float] | None]:
            without = json.loads(request)["without"]
            asked.append(without)
            if len(without) < 2:
                return b"", b"", (("strict", "lenient")[len(without)], 0.5)
            return exchange(request)

        monkeypatch.setattr(inspector, "_exchange", ends_twice)
        found = look(residual_network(), inspector)
        assert asked == [[], ["strict"], ["strict", "lenient"]]
        assert [each.code.id for each in found.diagnostics] == ["RC0543"]
        assert found.outputs[0].shape == (1, 5) and found.parameter_count == 759


def test_a_fault_of_ours_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with Inspector() as inspector:
        monkeypatch.setattr(inspector, "_exchange", lambda _: (b"fault", b"KeyError: 'x'", None))
        with pytest.raises(CompilerFault, match="KeyError"):
            look(residual_network(), inspector)


def test_a_pipe_is_not_waited_for(inspector: Inspector) -> None:
    os.mkfifo("pipe.onnx")
    with pytest.raises(SpecError, match="not a regular file"):
        inspector.inspect("pipe.onnx")


@pytest.mark.parametrize("number", range(20))
def test_files_that_are_wrong_on_purpose(number: int, inspector: Inspector) -> None:
    """Two of each kind, smaller than those of the campaign."""
    kind, content = file_of(number, scale=0.02)
    pathlib.Path("model.onnx").write_bytes(content)
    try:
        found = inspector.inspect("model.onnx")
    except SpecError as failure:
        assert {each.code.id for each in failure.diagnostics} <= {"RC0101", "RC0540", "RC0541"}, (
            kind
        )
    else:
        assert report_text(found, layers=True) and report_dict(found, layers=True)


def test_many_layers_of_one_weight_take_no_longer(inspector: Inspector) -> None:
    """A weight that goes through many nodes, and is then read by as many: the way to it is gone once."""
    count = 3000
    chain = [node("Identity", f"w{i}", f"w{i + 1}") for i in range(count)]
    layers = [node("MatMul", f"x{i} w{count}", f"x{i + 1}") for i in range(count)]
    made = model(
        [*chain, *layers], [value("x0", [1, 2])], [value(f"x{count}")], [tensor("w0", 2, 2)]
    )
    found = look(made, inspector)
    assert (found.parameter_count, found.weighted_layers, found.macs) == (4, count, 4 * count)


def test_a_worker_that_ends_is_started_anew() -> None:
    with Inspector() as inspector:
        assert inspector._process is not None
        inspector._process.kill()
        inspector._process.wait()
        found = look(residual_network(), inspector)
        assert not found.diagnostics and found.outputs[0].shape == (1, 5)


def test_large_weights_are_not_read() -> None:
    weights = TensorProto(name="w", data_type=1, dims=[1000, 10_000], raw_data=bytes(40_000_000))
    made = model([node("MatMul", "x w", "y")], [value("x", [1, 1000])], [Y], [weights])
    pathlib.Path("model.onnx").write_bytes(made.SerializeToString())
    tracemalloc.start()
    found = inspect_file("model.onnx", Library())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.parameter_count, found.macs) == (10_000_000, 10_000_000)
    assert peak < 4_000_000
