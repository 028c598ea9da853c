"""What is emitted for inference beside everything that would be run in its place: `resnetc bench`, with goals.

    pip install -c constraints.txt '.[benchmark]'
    python benchmarks/inference.py [SPEC] [--device cuda] [--runs 20] [--batch 8] [--precision float32] [--plot FILE]

On a CPU torch-inference has to be at least 1.5 times as fast as torchvision at batch 8 and as fast at batch 1, and as fast
as `torch.compile` with freezing where it is compiled, too; our int8 faster than all. On CUDA twice as fast as torchvision, faster than
max-autotune, and in a CUDA graph at batch 1 three times as fast as torchvision. Nothing fails when a goal is missed.
"""

from __future__ import annotations

import pathlib
import sys

from measure import note, parser

from resnet_compiler import compile
from resnet_compiler.bench.compare import NothingToRun, compare
from resnet_compiler.bench.contenders import CONTENDERS
from resnet_compiler.bench.hardware import MissingDevice, threads_here
from resnet_compiler.bench.jobs import Options
from resnet_compiler.bench.outcome import Measurement, Outcome
from resnet_compiler.bench.plot import svg
from resnet_compiler.bench.report import outcome_text, with_record
from resnet_compiler.bench.rounds import paired

WORKER = (sys.executable, str(pathlib.Path(__file__).with_name("inference_worker.py")))
PRECISIONS = {"cpu": ("float32", "int8"), "cuda": ("float16", "bfloat16")}
BATCHES = {"cpu": (1, 8), "cuda": (1, 32, 256)}


def goals(outcome: Outcome) -> list[str]:
    """Each goal that these figures can tell of: the ratio, and whether it is met."""
    lines = []
    for batch in outcome.options.batches:
        found = {each.label: each for each in outcome.of_batch(batch)}
        for precision in outcome.options.precisions:
            ours = found.get(f"torch-inference {precision}")
            graphed = found.get(f"torch-inference-graph {precision}")
            theirs = found.get(f"torchvision {precision}")
            compiled = found.get(f"torch-compile {precision}")
            if outcome.options.device == "cuda":
                lines += _goal(theirs, ours, 2.0) + _goal(compiled, graphed or ours, 1.0)
                lines += _goal(theirs, graphed, 3.0) if batch == 1 else []
            elif precision == "int8":
                int8 = found.get("onnxruntime int8")
                others = [each for each in found.values() if each.precision != "int8"]
                lines += _goal(min(others, key=lambda e: e.median, default=None), int8, 1.0)
            else:
                lines += _goal(theirs, ours, 1.5 if batch >= 8 else 1.0)
                lines += _goal(compiled, found.get(f"torch-inference-compiled {precision}"), 1.0)
    return lines


def _goal(slower: Measurement | None, faster: Measurement | None, least: float) -> list[str]:
    if slower is None or faster is None:
        return []
    low, ratio, high = paired(slower.seconds, faster.seconds)
    met = "met" if ratio >= least else "MISSED"
    return [
        f"batch {faster.batch}: {faster.label} is {ratio:.2f} ({low:.2f}..{high:.2f}) times as fast as "
        f"{slower.label} (goal: at least {least:.1f}, {met})"
    ]


def main() -> None:
    """Run, print the tables and the goals; with --plot draw them, with --record keep them."""
    options = parser(__doc__ or "", runs=20)
    options.add_argument("spec", nargs="?", default="resnet50", help="resnet50 by default")
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options.add_argument("--batch", type=int, action="append")
    options.add_argument("--precision", action="append")
    options.add_argument("--threads", type=int, default=threads_here())
    options.add_argument("--channels-last", action="store_true", help="also on a CPU")
    options.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="draw it there")
    options.add_argument("--record", type=pathlib.Path, metavar="FILE", help="add a line there")
    asked = options.parse_args()
    chosen = Options(
        tuple(CONTENDERS),
        asked.device,
        tuple(asked.precision or PRECISIONS[asked.device]),
        tuple(asked.batch or BATCHES[asked.device]),
        asked.runs,
        asked.threads,
        asked.channels_last or asked.device == "cuda",
    )
    try:
        outcome = compare(compile(asked.spec), chosen, note, WORKER)
    except (MissingDevice, NothingToRun) as reason:
        sys.exit(f"nothing was run: {reason}")
    print("\n".join([outcome_text(outcome), "", *goals(outcome)]))
    if asked.plot is not None:
        asked.plot.write_bytes(svg(outcome))
    for file in (asked.record, asked.json):
        if file is not None:
            file.write_bytes(with_record(file, outcome))


if __name__ == "__main__":
    main()
