"""ResNet-50 with weights to ONNX: `resnetc build` beside torchvision's through `torch.onnx.export(dynamo=True)`.

    pip install -c constraints.txt '.[benchmark]'
    python benchmarks/onnx_export.py [--runs 5] [--json FILE]

Goals: at least 8 times faster, in at most half the memory.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from measure import MIB, Command, in_turns, machine, parser, report, resnetc, table

FASTER, MEMORY = 8, 0.5


def main() -> None:
    """Run both in turns, and print the table and the two ratios."""
    options = parser(__doc__ or "", runs=5).parse_args()
    found_on = machine(*("resnet-compiler", "onnx", "numpy", "torch", "torchvision", "onnxscript"))
    with tempfile.TemporaryDirectory() as folder:
        ours_file = pathlib.Path(folder, "resnet50", "model.onnx")
        theirs_file = pathlib.Path(folder, "torchvision.onnx")
        ours_command = resnetc(
            *("build", "resnet50", "--target", "onnx", "-o", folder),
            label="resnetc build resnet50 --target onnx",
        )
        script = str(pathlib.Path(__file__).with_name("export_torchvision.py"))
        theirs_command = Command(
            "torchvision + torch.onnx.export", (sys.executable, script, str(theirs_file))
        )
        ours, theirs = in_turns([ours_command, theirs_command], options.runs)
        sizes = [file.stat().st_size for file in (ours_file, theirs_file)]
    rows = [
        [
            result.label,
            f"{result.wall:.2f}",
            result.spread,
            f"{result.cpu:.2f}",
            f"{result.peak / MIB:.0f}",
            f"{size / MIB:.1f}",
        ]
        for result, size in zip((ours, theirs), sizes, strict=True)
    ]
    faster, memory = theirs.wall / ours.wall, ours.peak / theirs.peak
    verdicts = (
        f"{faster:.2f} times faster (goal: at least {FASTER}, "
        f"{'met' if faster >= FASTER else 'MISSED'})\n"
        f"{memory:.2f} of the memory (goal: at most {MEMORY}, "
        f"{'met' if memory <= MEMORY else 'MISSED'})"
    )
    report(
        f"ResNet-50 with weights to ONNX, whole processes, medians of {options.runs} rounds",
        found_on,
        [table(["process", "wall s", "min..max", "cpu s", "MiB", "file MiB"], rows), verdicts],
        options.json,
        {
            "results": [ours.as_dict(), theirs.as_dict()],
            "times_faster": faster,
            "share_of_memory": memory,
        },
    )


if __name__ == "__main__":
    main()
