"""Whole processes of `resnetc` beside a bare Python, bare imports and `import torch`, run in turns.

    python benchmarks/compile_speed.py [--runs 15] [--json FILE]

Goals: `check` in at most 0.30 and `build --target torch` in at most 0.40 of the time of `import torch`. Nothing fails
when one is missed; the table says so.
"""

from __future__ import annotations

import tempfile

from measure import MIB, Command, Result, in_turns, machine, parser, python, report, resnetc, table

LIBRARIES = ("pydantic", "networkx", "yaml", "typer")
BARE = python(f"import {', '.join(LIBRARIES)}")
TORCH = python("import torch")
CHECK = resnetc("check", "resnet50")
FOLDERS = resnetc("check", "specs/imagenet", "specs/cifar")


def commands(folder: str) -> tuple[list[Command], dict[str, float]]:
    """What is run, and the goals: the greatest ratio to `import torch`, by label."""
    build = resnetc(
        *("build", "resnet50", "--target", "torch", "-o", folder),
        label="resnetc build resnet50 --target torch",
    )
    bare = [python("pass"), *(python(f"import {name}") for name in LIBRARIES), BARE, TORCH]
    ours = [resnetc("--help"), CHECK, build, FOLDERS]
    return [*bare, *ours], {CHECK.label: 0.30, build.label: 0.40}


def rows(results: list[Result], goals: dict[str, float]) -> list[list[str]]:
    """One line for each command: times, memory, and its ratio to bare imports and to `import torch`."""
    by_label = {result.label: result for result in results}
    bare, torch = by_label[BARE.label], by_label[TORCH.label]

    def goal(result: Result) -> str:
        if result.label not in goals:
            return ""
        met = "met" if result.wall <= goals[result.label] * torch.wall else "MISSED"
        return f"≤ {goals[result.label]:.2f} {met}"

    return [
        [
            result.label,
            f"{result.wall:.3f}",
            result.spread,
            f"{result.cpu:.3f}",
            f"{result.peak / MIB:.0f}",
            f"{result.wall / bare.wall:.2f}",
            f"{result.wall / torch.wall:.2f}",
            goal(result),
        ]
        for result in results
    ]


def main() -> None:
    """Run, and print the table."""
    options = parser(__doc__ or "", runs=15).parse_args()
    found_on = machine("resnet-compiler", *("pydantic", "networkx", "PyYAML", "typer", "torch"))
    with tempfile.TemporaryDirectory() as folder:
        chosen, goals = commands(folder)
        results = in_turns(chosen, options.runs)
    head = ["process", "wall s", "min..max", "cpu s", "MiB", "/ imports", "/ torch", "goal"]
    report(
        f"Whole processes, medians of {options.runs} rounds",
        found_on,
        [table(head, rows(results, goals))],
        options.json,
        {"results": [result.as_dict() for result in results]},
    )


if __name__ == "__main__":
    main()
