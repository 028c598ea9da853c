"""`resnetc bench`: contenders compute the same, the arithmetic of the tables, and what is said of those left out.

Nothing here asserts a time.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from support.architectures import ARCHITECTURES, architecture
from typer.testing import CliRunner, Result

from resnet_compiler.bench import compare as comparing
from resnet_compiler.bench import worker
from resnet_compiler.bench.compare import NothingToRun, compare, difference, missing
from resnet_compiler.bench.contenders import CONTENDERS, OURS, PEERS
from resnet_compiler.bench.files import write_files
from resnet_compiler.bench.hardware import MissingDevice, check_device, versions
from resnet_compiler.bench.jobs import CannotRun, Contender, Job, Options, Running, job_of
from resnet_compiler.bench.outcome import LeftOut, Measurement, Outcome
from resnet_compiler.bench.plot import svg
from resnet_compiler.bench.report import outcome_text, records_in, with_record
from resnet_compiler.bench.rounds import Process, in_rounds, paired, quartiles
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE
from resnet_compiler.devices import Device
from resnet_compiler.emit.names import network_class_name
from resnet_compiler.support.read import ReadError

QUICK = ("torch-source", "onnxruntime")


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(ARCHITECTURES["basic"])


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "net.yaml", "--runs", "2", *arguments])


# --- contenders ------------------------------------------------------------------------------------------------------


def job(contender: str, precision: str, folder: pathlib.Path, kind: str = "basic") -> Job:
    graph = architecture(kind)
    class_name = network_class_name(graph.identity.title)
    name = graph.identity.name
    return Job(contender, precision, 2, "cpu", 1, False, name, class_name, str(folder))


def output(asked: Job) -> np.ndarray:
    running = CONTENDERS[asked.contender].load(asked)
    running.run()
    return running.output()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_contenders_compute_the_same(kind: str, tmp_path: pathlib.Path) -> None:
    graph = architecture(kind)
    names = ("torch-source", "torch-inference", "onnxruntime", "openvino")
    installed = [name for name in names if not missing(CONTENDERS[name])]
    files = [file for name in installed for file in CONTENDERS[name].files("float32")]
    assert write_files(graph, tmp_path, files, 2, "cpu") == {}
    outputs = {name: output(job(name, "float32", tmp_path, kind)) for name in installed}
    expected = outputs["torch-source"]
    assert expected.shape == (2, 10) and np.isfinite(expected).all()
    for name, found in outputs.items():
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max(), name


@pytest.mark.parametrize(
    ("contender", "precision"),
    [
        *(("torch-source", "bfloat16"), ("torch-inference", "bfloat16")),
        *(("onnxruntime", "float16"), ("onnxruntime", "int8")),
    ],
)
def test_lower_precisions_are_within_their_tolerance(
    contender: str, precision: str, tmp_path: pathlib.Path
) -> None:
    files = [
        *CONTENDERS["torch-source"].files("float32"),
        *CONTENDERS[contender].files(precision),
    ]
    write_files(architecture("basic"), tmp_path, files, 2, "cpu")
    expected = output(job("torch-source", "float32", tmp_path))
    found = output(job(contender, precision, tmp_path))
    far = np.abs(found - expected).max() / np.abs(expected).max()
    assert 0 < far <= comparing.TOLERANCES[precision]


def test_channels_last_changes_nothing(tmp_path: pathlib.Path) -> None:
    write_files(architecture("basic"), tmp_path, ["model.py", "inference.py"], 2, "cpu")
    for name in ("torch-source", "torch-inference"):
        first = job(name, "float32", tmp_path)
        last = dataclasses.replace(first, channels_last=True)
        np.testing.assert_allclose(output(last), output(first), rtol=1e-4, atol=1e-5)


def peer_job(tmp_path: pathlib.Path, contender: str, network: str) -> Job:
    return dataclasses.replace(job(contender, "float32", tmp_path), network=network)


def test_timm_has_the_network_by_its_name(tmp_path: pathlib.Path) -> None:
    from support.peers import import_torchvision

    import resnet_compiler

    import_torchvision()
    graph = resnet_compiler.compile("timm/test_resnet")
    write_files(graph, tmp_path, ["model.py"], 2, "cpu")
    class_name = network_class_name(graph.identity.title)
    asked = dataclasses.replace(
        peer_job(tmp_path, "timm", graph.identity.name), class_name=class_name
    )
    theirs = output(asked)
    ours = output(dataclasses.replace(asked, contender="torch-source"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("contender", "network", "reason"),
    [
        ("torchvision", "probe", "torchvision has no classifier called probe"),
        ("torchvision", "resnet18", "torchvision's resnet18 has other tensors, such as "),
        ("timm", "probe", "timm has no model called probe"),
        ("timm", "resnet18", "timm's resnet18 has other tensors, such as "),
    ],
)
def test_a_peer_without_the_network_says_so(
    contender: str, network: str, reason: str, tmp_path: pathlib.Path
) -> None:
    from support.peers import import_torchvision

    import_torchvision()
    write_files(architecture("basic"), tmp_path, [], 2, "cpu")
    with pytest.raises(CannotRun, match=reason):
        CONTENDERS[contender].load(peer_job(tmp_path, contender, network))


def test_the_table_of_contenders() -> None:
    assert {name: each.name for name, each in CONTENDERS.items()} == {n: n for n in CONTENDERS}
    assert set(OURS).isdisjoint(PEERS) and set(OURS) | set(PEERS) == set(CONTENDERS)
    for each in CONTENDERS.values():
        assert each.packages and each.about and each.precisions.keys() <= {"cpu", "cuda"}


# --- the process of a contender --------------------------------------------------------------------------------------


def test_a_worker_answers_line_by_line(tmp_path: pathlib.Path) -> None:
    write_files(architecture("basic"), tmp_path, ["float32.onnx"], 2, "cpu")
    asked = job("onnxruntime", "float32", tmp_path)
    assert job_of(asked.text()) == asked
    questions = "\n".join([asked.text(), '"turn"', '"memory"'])
    answers = io.StringIO()
    worker.serve(io.StringIO(questions), answers)
    ready, turn, memory = map(json.loads, answers.getvalue().splitlines())
    assert ready["ready"] > 0 and turn["seconds"] > 0
    assert memory["peak"] > 2**20 and memory["held"] is None
    assert np.load(asked.output).shape == (2, 10)


def test_a_worker_says_in_a_line_why_it_cannot(tmp_path: pathlib.Path) -> None:
    answers = io.StringIO()
    worker.serve(io.StringIO(job("onnxruntime", "float32", tmp_path).text()), answers)
    (line,) = answers.getvalue().splitlines()
    assert json.loads(line).keys() == {"refused"}


def test_a_process_that_ends_is_told_of_with_its_last_words(tmp_path: pathlib.Path) -> None:
    script = "import sys; sys.stderr.write('first\\nout of memory\\n'); sys.exit(7)"
    command = (sys.executable, "-c", script)
    with pytest.raises(CannotRun, match="its process ended with 7: out of memory"):
        Process(job("onnxruntime", "float32", tmp_path), command)


def test_turns_go_round_and_one_that_ends_is_left_out() -> None:
    asked: list[str] = []

    def turn(label: str) -> float:
        asked.append(label)
        if label == "b" and asked.count("b") == 4:
            raise CannotRun("ended")
        return float(len(asked))

    processes = {label: SimpleNamespace(turn=lambda x=label: turn(x)) for label in "abc"}
    times = in_rounds(processes, 5, lambda text: None)  # type: ignore[arg-type]
    assert times.keys() == {"a", "c"} and all(len(each) == 5 for each in times.values())
    assert all(set(asked[i : i + 3]) == set("abc") for i in (0, 3, 6))
    assert asked[:3] != asked[3:6] or asked[3:6] != asked[6:9], "the order changes"


# --- figures ---------------------------------------------------------------------------------------------------------

MACHINE = Device(title="Abacus", rates={"float32": 1e9}, bandwidth=1e9, source="here")


def measured(contender: str, *seconds: float, precision: str = "float32") -> Measurement:
    return Measurement(contender, precision, 4, "", seconds, 1.5, 3 * 2**20, None, 2e-7)


def outcome(*found: Measurement, title: str = "Net") -> Outcome:
    options = Options(tuple(CONTENDERS), "cpu", ("float32", "int8"), (4,), 4, 2, False)
    left = (LeftOut("timm", "", None, "timm is not installed"),)
    return Outcome(
        *("net", title, (3, 8, 8), options, {"hardware": "Abacus"}, MACHINE),
        *({("float32", 4): 0.05}, "torch-source float32 on the CPU", found, left),
    )


SLOW = measured("torchvision", 0.2, 0.4, 0.2, 0.3)
FAST = measured("torch-inference", 0.1, 0.1, 0.1, 0.1)
INT8 = measured("onnxruntime", 0.1, 0.2, 0.1, 0.1, precision="int8")


def test_medians_quartiles_and_ratios() -> None:
    assert quartiles([3.0]) == (3, 3, 3)
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert paired([2, 6, 2], [1, 2, 4]) == (1.25, 2, 2.5)
    found = outcome(FAST, SLOW, INT8)
    assert found.base(4) is SLOW, "a library's eager model, wherever it stands"
    assert outcome(FAST, INT8).base(4) is FAST and outcome().base(4) is None
    assert SLOW.median == pytest.approx(0.25) and SLOW.images_per_second == pytest.approx(16)
    assert found.times_as_fast(FAST)[1] == pytest.approx(2.5)
    assert found.times_as_fast(SLOW) == (1, 1, 1)
    assert found.of_limit(FAST) == pytest.approx(0.5) and found.of_limit(INT8) is None


def test_the_table() -> None:
    text = outcome_text(outcome(FAST, SLOW, INT8))
    head, table, left = text.split("\n\n")
    assert head.splitlines()[0] == "Net at 3 × 8 × 8, cpu, 2 threads, 4 rounds, channels first"
    lines = table.splitlines()
    assert lines[0] == "batch 4, times as fast as torchvision float32"
    ours = "torch-inference float32 100.00 100.00..100.00 40.0 2.50 2.00..3.25 50% 3 1.5 2e-07"
    assert lines[2].split() == ours.split()
    assert lines[4].split()[7] == "—"
    assert lines[5].startswith("  limit for float32: 50.00 ms, 80 images/s at 1 Gop/s and 1 GB/s")
    assert "not known" in lines[6]
    assert left == "left out\n  timm: timm is not installed"


def test_as_data() -> None:
    found = outcome(FAST, SLOW).as_dict()
    first = found["measurements"][0]
    assert first["times_as_fast"] == pytest.approx(2.5) and first["as"] == "torchvision float32"
    assert first["of_limit"] == pytest.approx(0.5) and first["seconds"] == [0.1] * 4
    assert json.loads(json.dumps(found)) == found


def test_a_record_grows_by_a_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "record.jsonl"
    for count in (1, 2):
        path.write_bytes(with_record(records_in(path), outcome(FAST)))
        lines = path.read_text().splitlines()
        assert len(lines) == count and json.loads(lines[-1])["name"] == "net"
    path.write_text("# no JSON\n")
    with pytest.raises(ReadError, match="line 1: it is no JSON"):
        records_in(path)


def test_a_picture_is_the_same_each_time_and_its_text_is_text() -> None:
    from xml.etree import ElementTree

    found = outcome(FAST, SLOW, INT8, title="<b>$x_1$ & co</b>")
    picture = svg(found)
    assert picture == svg(found)
    texts = ["".join(each.itertext()) for each in ElementTree.fromstring(picture).iter()]
    assert "<b>$x_1$ & co</b>, batch 4" in texts and "torchvision float32" in texts


def test_differences(tmp_path: pathlib.Path) -> None:
    expected = np.array([[1.0, -4.0], [2.0, 3.0]])
    for found, far in (
        (expected, 0),
        (np.add(expected[:1], [[0.0, 1.0]]), 0.25),
        (expected[:, :1], float("inf")),
        (expected * np.nan, float("inf")),
    ):
        np.save(tmp_path / "output.npy", found)
        assert difference(tmp_path / "output.npy", expected) == far


# --- who takes part --------------------------------------------------------------------------------------------------


def fake(load: str = "") -> Contender:
    def refuse(asked: Job) -> Running:
        raise AssertionError(load)

    return Contender("fake", "", ("no_such_package",), {"cpu": ("float32",)}, lambda p: (), refuse)


def options(*contenders: str, device: str = "cpu") -> Options:
    return Options(contenders, device, ("float32",), (2,), 1, 1, False)


def test_what_is_not_installed_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTENDERS, "fake", fake())
    with pytest.raises(NothingToRun, match="fake: no_such_package is not installed: pip install"):
        compare(architecture("basic"), options("fake"))
    with pytest.raises(NothingToRun, match="torch-inference-graph: it does not run on cpu"):
        compare(architecture("basic"), options("torch-inference-graph"))


WRONG = """
import dataclasses
from resnet_compiler.bench import contenders, worker
def double(load):
    def made(job):
        running = load(job)
        return dataclasses.replace(running, output=lambda: 2 * running.output())
    return made
for name, each in contenders.CONTENDERS.items():
    if name == "onnxruntime":
        contenders.CONTENDERS[name] = dataclasses.replace(each, load=double(each.load))
worker.main()
"""


def test_what_computes_something_else_is_never_timed() -> None:
    found = compare(architecture("basic"), options(*QUICK), worker=(sys.executable, "-c", WRONG))
    assert [each.contender for each in found.measurements] == ["torch-source"]
    (left,) = found.left_out
    assert left.contender == "onnxruntime" and left.batch == 2
    assert left.reason.startswith("it computes something else: 1.0e+00 from the reference")


def test_versions_are_of_what_is_installed() -> None:
    found = versions(["numpy", "no-such-package"])
    assert found.keys() == {"python", "numpy"} and found["numpy"] == np.__version__


# --- the command -----------------------------------------------------------------------------------------------------


def test_end_to_end(tmp_path: pathlib.Path) -> None:
    files = ("--plot", "out.svg", "--record", "runs.jsonl")
    result = bench("--against", "onnxruntime", "--batch", "2", "--threads", "1", *files)
    assert result.exit_code == FINE, result.output
    assert result.stdout.startswith("probe at 3 × 48 × 32, cpu, 1 threads, 2 rounds")
    (record,) = map(json.loads, (tmp_path / "runs.jsonl").read_text().splitlines())
    rows = [(each["contender"], each["precision"]) for each in record["measurements"]]
    assert rows == [
        *(("torch-source", "float32"), ("torch-inference", "float32")),
        *(("onnxruntime", "float32"), ("onnxruntime", "int8")),
    ]
    for each in record["measurements"]:
        assert len(each["seconds"]) == 2 and each["of_limit"] > 0 and each["peak_bytes"] > 2**20
        assert each["difference"] <= comparing.TOLERANCES[each["precision"]]
        assert f"{each['contender']}" in result.stdout
    machine = record["machine"]
    assert machine["title"].endswith("1 threads") and 1e8 < machine["bytes_per_second"] < 1e13
    rates = machine["operations_per_second"]
    assert rates.keys() == {"float32", "int8"} and all(1e8 < rate < 1e14 for rate in rates.values())
    assert str(tmp_path) not in json.dumps(record)
    assert b"<svg" in (tmp_path / "out.svg").read_bytes()


def test_what_cannot_be_asked_is_told_in_a_line() -> None:
    for arguments, said in (
        (["--against", "torchvison"], "nothing is called torchvison that could be compared with"),
        (
            ["--against", "abacus"],
            "there are torchvision, timm, torch-compile, torch-inference-compiled",
        ),
        (["--provider", "cpu", "--against", "timm"], "ONNX Runtime runs alone"),
    ):
        result = bench(*arguments)
        assert (result.exit_code, result.stdout) == (MISUSE, ""), result.output
        assert said in result.stderr and result.stderr.count("\n") == 1


def test_without_cuda_it_says_what_is_missing() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(MissingDevice, match=r"built without CUDA|no NVIDIA GPU"):
        check_device("cuda")
    result = bench("--device", "cuda")
    assert (result.exit_code, result.stdout) == (MISUSE, "")
    assert "nothing was run: torch" in result.stderr and result.stderr.count("\n") == 1


# --- ONNX Runtime alone ----------------------------------------------------------------------------------------------


def test_every_precision_and_batch_has_a_row() -> None:
    result = bench("--provider", "cpu", "--json", "--batch", "1", "--batch", "3")
    assert result.exit_code == FINE, result.output
    speeds = json.loads(result.stdout)["speeds"]
    asked = [(p, b) for p in ("float32", "float16", "bfloat16", "int8") for b in (1, 3)]
    assert [(each["precision"], each["batch"]) for each in speeds] == asked
    for each in speeds:
        if each["precision"] == "bfloat16":
            assert each["images_per_second"] is None and "Conv" in each["refused"]
        else:
            assert each["images_per_second"] * each["milliseconds"] == pytest.approx(
                1e3 * each["batch"]
            )


def test_as_text() -> None:
    arguments = ("--provider", "cpu", "--precision", "float32", "--batch", "2")
    lines = bench(*arguments).stdout.splitlines()
    assert lines[0] == "probe at 48 × 32, cpu, medians of 2 runs"
    assert lines[2].split()[:2] == ["float32", "2"] and len(lines) == 3


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is one"
)
def test_what_is_missing_is_told() -> None:
    for provider in ("cuda", "tensorrt"):
        result = bench("--provider", provider)
        assert (result.exit_code, result.stdout) == (MISUSE, "")
        assert "nothing was run: this onnxruntime" in result.stderr
        assert "onnxruntime-gpu" in result.stderr
