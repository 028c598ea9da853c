"""`resnetc verify`: the emitted source in torch against the ONNX in ONNX Runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Opset, Specs
from resnet_compiler.console import FINE, UNVERIFIED, misuse, print_json, reading


def verify(
    specs: Specs,
    seed: Annotated[int, typer.Option(help="The seed of weights and images.", min=0)] = 0,
    opset: Opset = 18,
    tolerance: Annotated[
        float, typer.Option(help="Greatest difference, relative to the output's largest magnitude.")
    ] = 1e-4,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Run the emitted source and the ONNX with the same weights, and compare (needs torch and onnxruntime)."""
    from dataclasses import asdict
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnxruntime") if find_spec(name) is None]
    if missing:
        misuse(
            f"verify needs {' and '.join(missing)}: pip install 'resnet-compiler[torch,onnxruntime]'"
        )
    from resnet_compiler.verify import verify as compare

    results, failed = [], False
    for graph in reading(limit, style.value).graphs_or_exit(specs):
        found = compare(graph, seed, opset)
        worst = max(each.relative for each in found)
        passed = worst <= tolerance
        failed = failed or not passed
        results.append(
            {
                "name": graph.identity.name,
                "passed": passed,
                "tolerance": tolerance,
                "comparisons": [asdict(each) for each in found],
            }
        )
        if not as_json:
            print(f"{graph.identity.name}: {'the same' if passed else 'DIFFERENT'}")
            for each in found:
                print(
                    f"  batch {each.batch}, {each.height} × {each.width}:"
                    f"  greatest difference {each.absolute:.2e} absolute, {each.relative:.2e} relative"
                )
    if as_json:
        print_json(results)
    raise typer.Exit(UNVERIFIED if failed else FINE)
