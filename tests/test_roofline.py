"""The least time on a device: worked out by hand for a few layers, and the table of devices."""

from __future__ import annotations

import json
import pathlib

import pytest
from support.specs import compile_layers, compile_text
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler.bench import rates
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE
from resnet_compiler.devices import WIDTHS, Device, UnknownDevice, device_named, devices
from resnet_compiler.library import shipped_specs
from resnet_compiler.measure import Measures
from resnet_compiler.roofline import groups, limits, total, traffic

SLOW = Device(title="slow", rates={"float32": 1e6, "float16": 2e6}, bandwidth=1e5, source="here")


def test_a_layer_worked_out_by_hand() -> None:
    graph = compile_layers(
        "conv: {conv: {out: 16, kernel: 3}}", "bn: norm", "act: act", size=(11, 9)
    )
    (found,) = traffic(graph, "float32", 2)
    macs, weights = 16 * 11 * 9 * 8 * 9, 16 * 8 * 9 + 16  # with the bias that the norm becomes
    assert (found.name, found.operator) == ("stage.0.conv", "conv")
    assert found.fused == ("stage.0.act",)
    assert found.operations == 2 * 2 * macs
    assert found.bytes == 4 * (2 * (8 + 16) * 11 * 9 + weights)
    (limit,) = limits(graph, SLOW, "float32", 2)
    assert limit.compute_seconds == found.operations / 1e6
    assert limit.memory_seconds == found.bytes / 1e5
    assert limit.bound == "compute" and limit.seconds == limit.compute_seconds
    assert limit.attainable == pytest.approx(1e6)


def test_what_has_no_operations_is_bound_by_memory() -> None:
    graph = compile_layers("pool: {max_pool: {kernel: 2, stride: 2}}", size=(8, 8))
    (limit,) = limits(graph, SLOW, "float16", 3)
    assert (limit.traffic.operations, limit.traffic.bytes) == (0, 2 * 3 * (8 * 64 + 8 * 16))
    assert (limit.bound, limit.attainable, limit.traffic.intensity) == ("memory", 0, 0)


BLOCK = """
name: probe
input: {channels: 8, height: 8, width: 8}
stages:
  - stage: {block: two, depth: 1}
blocks:
  two:
    parameters: {width: 8}
    residual:
      - conv1: {conv: {out: 8, kernel: 3}}
      - conv2: {conv: {out: 8, kernel: 1}}
    after:
      - act: act
"""


def test_an_add_is_worked_out_where_its_last_side_is_made_and_reads_the_other() -> None:
    graph = compile_text(BLOCK)
    assert [[node.name for node in group] for group in groups(graph)] == [
        ["stage.0.conv1"],
        ["stage.0.conv2", "stage.0.add", "stage.0.act"],
    ]
    first, second = traffic(graph, "int8", 1)
    assert first.bytes == 2 * 512 + 8 * 8 * 9
    assert second.bytes == 3 * 512 + 8 * 8


def test_what_two_layers_read_is_written() -> None:
    graph = compile_layers(
        "conv: {conv: {out: 8, kernel: 1}}",
        "gate: {sigmoid: {}}",
        "both: {mul: {}, from: [conv, gate]}",
    )
    names = [[node.name for node in group] for group in groups(graph)]
    assert names == [["stage.0.conv"], ["stage.0.gate", "stage.0.both"]]


@pytest.mark.parametrize("name", ["h100", "l4"])
def test_totals_are_those_of_the_layers(name: str) -> None:
    graph = resnet_compiler.compile("resnet18")
    found = limits(graph, device_named(name), "float16", 32)
    whole = total("all", found)
    assert whole.operations == 2 * 32 * Measures(graph).macs
    assert whole.seconds == pytest.approx(sum(each.seconds for each in found))
    # neither roof alone can be higher
    assert whole.seconds >= whole.operations / device_named(name).rate("float16")
    assert whole.seconds >= whole.bytes / device_named(name).bandwidth
    assert 0 < whole.memory_bound < 1


@pytest.mark.parametrize("spec", [each.display for each in shipped_specs()][::7])
def test_every_layer_is_in_one_group(spec: str) -> None:
    graph = resnet_compiler.compile(spec)
    names = [node.name for group in groups(graph) for node in group]
    assert sorted(names) == sorted(node.name for node in graph)
    assert all(each.bytes >= 0 for each in traffic(graph, "float32", 1))


# --- devices ---------------------------------------------------------------------------------------------------------


def test_the_table_of_devices() -> None:
    for name, device in devices().items():
        assert device_named(name) == device
        assert name.isalnum() and name.islower() and device.source
        assert device.rates.keys() <= WIDTHS.keys() and "float32" in device.rates
        ordered = [device.rates[p] for p in ("float32", "bfloat16", "int8") if p in device.rates]
        assert ordered == sorted(ordered), "fewer bits are no slower"
        assert 1e10 < device.bandwidth < 1e13
        assert 1 < device.balance("float32") < 1000


def test_what_is_not_in_the_table() -> None:
    with pytest.raises(UnknownDevice, match="did you mean `h100`"):
        device_named("h10")
    with pytest.raises(UnknownDevice, match=r"there are h100, .*measured"):
        device_named("abacus")
    with pytest.raises(UnknownDevice, match="no rate for int8, only for float32, float16"):
        SLOW.rate("int8")


def test_the_fastest_size_counts() -> None:
    ran = []
    rate = rates.fastest((size, lambda s=size: ran.append(s)) for size in (4, 8))  # type: ignore[misc]
    assert rate is not None and rate > 0 and set(ran) == {4, 8}
    assert rates.fastest(()) is None


# --- the command -----------------------------------------------------------------------------------------------------


def summary(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["summary", "resnet18", "--roofline", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("depth", "first", "count"),
    [("stage", "stem", 6), ("block", "stem", 10), ("layer", "conv1", 23)],
)
def test_the_table_printed(depth: str, first: str, count: int) -> None:
    code, text, _ = summary("--device", "a100", "--precision", "float16", "--depth", depth)
    assert code == FINE
    title, rows, ending = text.rstrip().split("\n\n")
    assert title == "resnet18 · 1 × 3 × 224 × 224 · float16 · NVIDIA A100 SXM, 80 GB"
    lines = rows.splitlines()
    assert lines[0].split()[0] == depth and lines[1].split()[0] == first
    assert len(lines) == count + 2 and lines[-1].split()[0] == "all"
    assert "312 Top/s at most" in ending and "2.04 TB/s at most" in ending


def test_as_json() -> None:
    code, text, _ = summary("--device", "l4", "--batch", "4", "--json")
    found = json.loads(text)
    assert code == FINE and found["batch"] == 4
    assert found["seconds"] == pytest.approx(sum(each["seconds"] for each in found["layers"]))
    assert sum(each["share"] for each in found["layers"]) == pytest.approx(1)
    assert {each["bound"] for each in found["layers"]} == {"compute", "memory"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "l44"], "no device is called l44: did you mean `l4`?"),
        (["--device", "ryzen7950x", "--precision", "float16"], "has no rate for float16"),
    ],
)
def test_misuse_is_one_line(arguments: list[str], said: str) -> None:
    code, text, error = summary(*arguments)
    assert (code, text) == (MISUSE, "") and said in error and error.count("\n") == 1


@pytest.mark.parametrize("option", ["--device a100", "--precision int8", "--batch 4"])
def test_options_of_the_roofline_go_with_it(option: str) -> None:
    done = CliRunner().invoke(app, ["summary", "resnet18", *option.split()])
    assert done.exit_code == MISUSE and "goes with --roofline" in done.stderr


def test_devices_are_beside_the_code_that_reads_them() -> None:
    assert (pathlib.Path(resnet_compiler.__file__).parent / "devices.yaml").is_file()
