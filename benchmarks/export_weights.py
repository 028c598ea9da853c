"""ResNet-152 from safetensors to ONNX: `resnetc export` beside torchvision's through `torch.onnx.export(dynamo=True)`.

    pip install -c constraints.txt '.[benchmark]'
    python benchmarks/export_weights.py [--runs 3] [--json FILE]

The same weights are read in each. Goals: at least 8 times faster, and at most 2.2 times the file's size in memory.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from measure import MIB, Command, in_turns, machine, parser, report, resnetc, run_once, table

FASTER, MEMORY = 8, 2.2
WEIGHTS = """
import pathlib, sys
import resnet_compiler
from resnet_compiler.checkpoints import save_safetensors
from resnet_compiler.weights import tried
graph = resnet_compiler.compile("resnet152")
save_safetensors(graph, lambda name, tensor: tried(name, tensor, 0), pathlib.Path(sys.argv[1]))
"""


def main() -> None:
    """Run all in turns, and print the table, the ratios of time, and the memory beside the size of the file."""
    options = parser(__doc__ or "", runs=3).parse_args()
    names = ("resnet-compiler", "onnx", "onnxruntime", "safetensors", "torch", "torchvision")
    found_on = machine(*names, "onnxscript")
    with tempfile.TemporaryDirectory() as folder:
        weights = str(pathlib.Path(folder, "resnet152.safetensors"))
        run_once(Command("weights", (sys.executable, "-c", WEIGHTS, weights)))
        export = ("export", "resnet152", "--weights", weights)
        script = str(pathlib.Path(__file__).with_name("export_torchvision.py"))
        theirs_file = str(pathlib.Path(folder, "theirs.onnx"))
        commands = [
            resnetc(
                *(*export, "--no-fold", "--no-verify", "-o", f"{folder}/plain.onnx"),
                label="resnetc export --no-fold --no-verify",
            ),
            resnetc(
                *(*export, "--no-verify", "-o", f"{folder}/folded.onnx"),
                label="resnetc export --no-verify",
            ),
            resnetc(*(*export, "-o", f"{folder}/verified.onnx"), label="resnetc export"),
            Command(
                "torchvision + torch.onnx.export",
                (sys.executable, script, theirs_file, "resnet152", weights),
            ),
        ]
        results = in_turns(commands, options.runs)
        size = pathlib.Path(weights).stat().st_size
    theirs = results[-1]
    rows = [
        [
            each.label,
            f"{each.wall:.2f}",
            each.spread,
            f"{each.cpu:.2f}",
            f"{each.peak / MIB:.0f}",
            f"{each.peak / size:.2f}",
            f"{theirs.wall / each.wall:.1f}",
        ]
        for each in results
    ]
    _, folded, verified, _ = results
    faster, memory = theirs.wall / folded.wall, verified.peak / size
    verdicts = (
        f"{faster:.1f} times faster (goal: at least {FASTER}, "
        f"{'met' if faster >= FASTER else 'MISSED'}), neither running what it wrote\n"
        f"{memory:.2f} times the file's size in memory (goal: at most {MEMORY}, "
        f"{'met' if memory <= MEMORY else 'MISSED'}), verification and all"
    )
    head = ["process", "wall s", "min..max", "cpu s", "MiB", "/ file", "faster"]
    report(
        f"ResNet-152 from safetensors ({size / MIB:.0f} MiB) to ONNX, whole processes, medians of {options.runs} rounds",
        found_on,
        [table(head, rows), verdicts],
        options.json,
        {
            "results": [each.as_dict() for each in results],
            "times_faster": faster,
            "times_the_file": memory,
        },
    )


if __name__ == "__main__":
    main()
