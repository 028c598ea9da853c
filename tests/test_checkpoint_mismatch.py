"""Weights of another network: every difference in one finding, with what is nearest and what explains it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from support.weight_files import NET, Array, assert_read, net, read, refusal, state, value

import resnet_compiler
from resnet_compiler import codes
from resnet_compiler.checkpoints import check_weights, open_checkpoint, save_safetensors
from resnet_compiler.checkpoints.mismatch import MOST_LINES
from resnet_compiler.diagnostics import Diagnostic, SpecError
from resnet_compiler.rehead import rehead
from resnet_compiler.weights import initial, tensors


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """Writes arrays as a file of weights."""

    def save(arrays: dict[str, Array]) -> pathlib.Path:
        path = tmp_path / "weights.safetensors"
        safetensors.numpy.save_file(arrays, path)
        return path

    return save


def of_network(found: Diagnostic, title: str) -> list[str]:
    """The lines of one list of a finding."""
    (note,) = (note for note in found.notes if note.startswith(f"{title}:\n"))
    return [line.removeprefix("  ") for line in note.split("\n")[1:]]


# --- what is listed ---


def test_everything_at_once(saved: Any) -> None:
    arrays = state(net())
    arrays["layer1.0.convA.weight"] = arrays.pop("layer1.0.conv1.weight")
    arrays["fc.bias"] = np.zeros(11, np.float32)
    arrays["bn1.weight"] = arrays["bn1.weight"].astype(np.complex64)
    del arrays["layer2.0.bn2.running_mean"], arrays["layer2.0.bn2.running_var"]
    arrays["aux"] = np.array(3, np.float32)
    found = refusal(saved(arrays), net())
    assert found.code == codes.WEIGHTS_MISMATCH and found.severity == "error"
    assert found.summary.endswith(
        "does not fit net: 3 tensors missing, 2 unexpected, 1 of another shape "
        "and 1 of a type that cannot become float32"
    )
    assert of_network(found, "missing") == [
        "layer1.0.conv1.weight: 8 × 8 × 3 × 3; the file has `layer1.0.convA`",
        "layer2.0.bn2 (running_mean, running_var): 16",
    ]
    assert sorted(of_network(found, "unexpected")) == [
        "aux: one number",
        "layer1.0.convA.weight: 8 × 8 × 3 × 3; the network has `layer1.0.conv1`",
    ]
    assert of_network(found, "of another shape") == ["fc.bias: 11 in the file, 10 in the network"]
    assert of_network(found, "of a type that cannot become float32") == ["bn1.weight: C64"]


def test_the_nearest_by_shape_where_names_do_not_help(saved: Any) -> None:
    arrays = state(net())
    arrays["classifier.weight"] = arrays.pop("fc.weight")
    arrays["classifier.bias"] = arrays.pop("fc.bias")
    found = refusal(saved(arrays), net())
    (line,) = of_network(found, "missing")
    assert line == "fc: weight 10 × 16, bias 10; the file has `classifier`"


def test_a_transposed_weight_is_of_another_shape(saved: Any) -> None:
    arrays = state(net())
    arrays["fc.weight"] = np.ascontiguousarray(arrays["fc.weight"].T)
    found = refusal(saved(arrays), net())
    assert of_network(found, "of another shape") == [
        "fc.weight: 16 × 10 in the file, 10 × 16 in the network"
    ]
    assert found.help == ()


def test_long_lists_are_cut(saved: Any) -> None:
    graph = net(NET.replace("depth: 1", "depth: 12"))
    found = refusal(saved(state(net())), graph)
    lines = of_network(found, "missing")
    assert len(lines) == MOST_LINES + 1
    layers = {name.rpartition(".")[0] for name in state(graph)} - {
        name.rpartition(".")[0] for name in state(net())
    }
    assert lines[-1] == f"and {len(layers) - MOST_LINES} more layers"


def test_names_that_would_spoil_a_terminal_are_escaped_and_cut(saved: Any) -> None:
    arrays = state(net())
    arrays["\x1b[2Jfc\n.weight"] = arrays["x" * 5000] = np.zeros(2, np.float32)
    found = refusal(saved(arrays), net())
    lines = of_network(found, "unexpected")
    assert len(lines) == 2 and all(len(line) < 200 and line.isprintable() for line in lines)
    assert any("\\x1b[2Jfc\\n.weight: 2" in line for line in lines)


# --- what explains it ---


def test_a_head_of_other_classes_points_at_the_spec(saved: Any) -> None:
    graph = net(NET.replace("out: 10", "out: 4"))
    found = refusal(saved(state(net())), graph)
    assert found.help == ("its head has 10 classes: give `--num-classes 10`",)
    assert found.span is not None and (found.span.file, found.span.line) == ("probe.yaml", 12)


@pytest.mark.parametrize(
    ("held", "asked", "said"),
    [
        ("resnet18", "resnet34", "`resnet18`, `timm/resnet18` and `resnetblur18`"),
        ("resnet20", "resnet18", "`plain20` and `resnet20`"),
        ("timm/resnet50_gn", "resnet50", "`resnet50_gn`"),
        ("timm/resnetv2_50", "resnet50", "`resnetv2_50`"),
    ],
)
def test_the_weights_of_a_shipped_spec_are_known(
    held: str, asked: str, said: str, saved: Any
) -> None:
    shapes = {n: t.shape for n, t in tensors(resnet_compiler.compile(held))}
    nothing = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    (help,) = refusal(saved(nothing), resnet_compiler.compile(asked)).help
    assert help == f"its tensors are those of {said}"


def test_also_with_another_head(saved: Any) -> None:
    graph = rehead(resnet_compiler.compile("resnet18"), 37)
    nothing = {name: np.zeros(tensor.shape, np.float16) for name, tensor in tensors(graph)}
    (help,) = refusal(saved(nothing), resnet_compiler.compile("resnet34")).help
    assert help.startswith("its tensors are those of `resnet18`")


def test_nothing_is_guessed_where_one_tensor_differs(saved: Any) -> None:
    shapes = {n: t.shape for n, t in tensors(resnet_compiler.compile("resnet20"))}
    nothing = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    nothing["conv1.weights"] = nothing.pop("conv1.weight")
    assert refusal(saved(nothing), resnet_compiler.compile("resnet32")).help == ()


def test_a_foreign_prefix_is_told(saved: Any) -> None:
    arrays = state(net())
    found = refusal(saved({f"backbone.body.{n}": a for n, a in arrays.items()}), net())
    (help,) = found.help
    assert help.startswith("its names begin with `backbone.body.`") and "removeprefix" in help
    inside = net(
        NET.replace("conv1:", "encoder.conv1:")
        .replace("bn1:", "encoder.bn1:")
        .replace("fc:", "encoder.fc:")
        .replace("layer1: {", "encoder.layer1: {")
        .replace("layer2: {", "encoder.layer2: {")
    )
    (help,) = refusal(saved(arrays), inside).help
    assert help == "the network's names begin with `encoder.`, those of the file do not"


def test_other_names_for_the_same_shapes_are_told(saved: Any) -> None:
    arrays = {f"tensor{i}": a for i, (n, a) in enumerate(state(net()).items()) if a.shape}
    (help,) = refusal(saved(arrays), net()).help
    assert help.startswith("every shape is there under another name")


# --- not finite ---


def test_numbers_that_are_not_finite_are_told_when_they_are_read(saved: Any) -> None:
    arrays = {name: array.copy() for name, array in state(net()).items()}
    arrays["fc.weight"][2, 3] = np.nan
    arrays["fc.bias"][:2] = np.inf, -np.inf
    arrays["bn1.weight"] = np.full(8, 1e300)  # beyond float32
    path = saved(arrays)
    with open_checkpoint(path, net()) as checkpoint:
        assert checkpoint.findings == ()
        for name, tensor in tensors(net()):
            checkpoint(name, tensor)
        (found,) = checkpoint.findings
    assert (found.code, found.severity) == (codes.NOT_FINITE, "warning")
    assert "3 tensors hold numbers that are not finite" in found.summary
    assert found.notes == ("how many, by tensor:\n  bn1.weight: 8\n  fc.weight: 1\n  fc.bias: 2",)
    assert check_weights(path, net()) == (found,)


# --- another head ---


def test_a_new_head_is_initialised_and_the_rest_loaded(saved: Any) -> None:
    graph = rehead(net(), 4)
    path = saved(state(net()))
    with open_checkpoint(path, graph, seed=3, new_head=True) as checkpoint:
        (found,) = checkpoint.findings
        for name, tensor in tensors(graph):
            fresh = name.startswith("fc.")
            wanted = initial(name, tensor, 3) if fresh else value(name, tensor)
            if tensor.initialisation != "counter":
                np.testing.assert_array_equal(checkpoint(name, tensor), wanted)
    assert (found.code, found.severity) == (codes.NEW_HEAD, "warning")
    assert found.summary.startswith(
        "`fc` is initialised with seed 3, not loaded: it has 4 classes here, 10 in "
    )


def test_a_head_of_as_many_classes_is_loaded(saved: Any) -> None:
    graph = rehead(net(), 4)
    path = saved(state(graph))
    assert_read(path, graph, new_head=True)
    assert check_weights(path, net(), classes=4) == ()


def test_a_file_without_a_head_is_enough_for_a_new_one(saved: Any) -> None:
    body = {name: array for name, array in state(net()).items() if not name.startswith("fc.")}
    (found,) = check_weights(saved(body), net(), classes=4)
    assert found.code == codes.NEW_HEAD and "4 classes here, none in" in found.summary


@pytest.mark.parametrize("spoilt", ["conv1.weight", "fc.bias", "inputs"])
def test_a_new_head_excuses_nothing_else(saved: Any, spoilt: str) -> None:
    arrays = state(net())
    if spoilt == "inputs":
        arrays["fc.weight"] = np.zeros((10, 15), np.float32)
    else:
        del arrays[spoilt]
    with pytest.raises(SpecError) as caught:
        read(saved(arrays), rehead(net(), 4), new_head=True)
    (found,) = caught.value.diagnostics
    assert found.code == codes.WEIGHTS_MISMATCH
    assert spoilt == "inputs" or spoilt in of_network(found, "missing")[0]


def test_without_asking_no_head_is_new(tmp_path: pathlib.Path) -> None:
    save_safetensors(net(), value, tmp_path / "weights")
    assert refusal(tmp_path / "weights", rehead(net(), 4)).code == codes.WEIGHTS_MISMATCH


# --- the line that is told is one that loads ---


def told(found: Diagnostic) -> str:
    """The Python of a finding's help."""
    (line,) = (help for help in found.help if ": save `" in help)
    return line.partition(": save `")[2].removesuffix("`")


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _without_head(arrays: dict[str, Array]) -> dict[str, Array]:
    return {name: array for name, array in arrays.items() if not name.startswith("fc.")}


def _head(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {f"{prefix}{leaf}": arrays[f"fc.{leaf}"] for leaf in ("weight", "bias")}


def _classes(count: int) -> dict[str, Array]:
    return {"fc.weight": np.ones((count, 16), np.float32), "fc.bias": np.ones(count, np.float32)}


OTHER = {"projector.0.weight": np.ones((7, 5), np.float32), "queue": np.ones(3, np.float32)}
RENAMED = {
    "one prefix": lambda own: _under("backbone.body.", own),
    "beside others": lambda own: _under("backbone.", own) | OTHER,
    "backbone and head": lambda own: _under("backbone.", _without_head(own)) | _head("head.", own),
    "backbone, neck and head": lambda own: (
        _under("module.backbone.", _without_head(own)) | _head("module.cls_head.fc.", own) | OTHER
    ),
    "two encoders": lambda own: (
        _under("module.encoder_k.", {n: a + 1 for n, a in own.items()})
        | _under("module.encoder_q.", own)
        | OTHER
    ),
    "encoders with a projection": lambda own: (
        _under("encoder_q.", _without_head(own) | {"fc.0.weight": OTHER["projector.0.weight"]})
        | _under("encoder_k.", _without_head(own))
    ),
    "another head": lambda own: _under("backbone.", own | _classes(7)),
    "a teacher": lambda own: (
        _under("teacher.", {n: a + 1 for n, a in own.items()}) | _under("student.", own)
    ),
}


@pytest.mark.parametrize("case", RENAMED)
def test_the_line_that_is_told_loads(case: str, saved: Any, tmp_path: pathlib.Path) -> None:
    own = {name: array for name, array in state(net()).items() if array.ndim}
    state_dict = RENAMED[case](own)
    found = refusal(saved(state_dict), net())
    made = eval(told(found), {"state_dict": state_dict})
    path = saved(made)
    if case == "another head":
        assert found.help[1] == "its head has 7 classes: load it with `--num-classes 7`"
        assert check_weights(path, net(), classes=7) == ()
        return
    if any("--num-classes 10" in help for help in found.help):
        assert case == "encoders with a projection"
        (said,) = check_weights(path, net(), classes=10)
        assert said.code == codes.NEW_HEAD
        return
    assert check_weights(path, net()) == ()
    assert_read(path, net())
    for name, array in made.items():
        np.testing.assert_array_equal(array, own[name])


def test_no_line_is_told_that_does_not_load(saved: Any) -> None:
    own = _without_head(state(net()))
    del own["layer2.0.bn1.bias"]
    assert not [h for h in refusal(saved(_under("backbone.", own)), net()).help if "save `" in h]


def test_rows_of_long_lists_are_whole(saved: Any) -> None:
    graph = net(NET.replace("depth: 1, width: 16", "depth: 40, width: 16"))
    arrays = {f"features.{name}": array for name, array in state(graph).items()}
    arrays["features.fc.bias"] = np.zeros(11, np.float32)
    found = refusal(saved(arrays), graph)
    layers = {n.rpartition(".")[0] for n in state(graph)}
    for title in ("missing", "unexpected"):
        *rows, last = of_network(found, title)
        assert last == f"and {len(layers) - MOST_LINES} more layers" and len(rows) == MOST_LINES
        assert all(" … " not in row and row.count("; the ") == 1 for row in rows)
