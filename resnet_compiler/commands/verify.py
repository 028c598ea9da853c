"""`resnetc verify`: the emitted source in torch and the ONNX in ONNX Runtime, layer by layer and as a whole."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Opset, Specs
from resnet_compiler.console import FINE, UNVERIFIED, misuse, print_json, reading

if TYPE_CHECKING:
    from resnet_compiler.verify import Verified


def verify(
    specs: Specs,
    seed: Annotated[
        int, typer.Option(help="The seed of weights, statistics and images.", min=0)
    ] = 0,
    opset: Opset = 18,
    tolerance: Annotated[
        float,
        typer.Option(
            help="Greatest difference that is no matter, relative to the output's largest magnitude.",
            min=0,
        ),
    ] = 1e-4,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Run the emitted source and the ONNX with the same weights, and compare (needs torch and onnxruntime)."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnxruntime") if find_spec(name) is None]
    if missing:
        misuse(
            f"verify needs {' and '.join(missing)}: pip install 'resnet-compiler[torch,onnxruntime]'"
        )
    from resnet_compiler.verify import verify as compare

    results, passed = [], True
    for graph in reading(limit, style.value).graphs_or_exit(specs):
        found = compare(graph, seed, opset, tolerance)
        passed = passed and found.passed
        results.append(_as_dict(graph.identity.name, found, seed, tolerance))
        if not as_json:
            print("\n".join(_lines(graph.identity.name, found)))
    if as_json:
        print_json(results)
    raise typer.Exit(FINE if passed else UNVERIFIED)


def _lines(name: str, found: Verified) -> list[str]:
    """What was found of one network, for reading."""
    lines = [f"{name}: {found.verdict}"]
    if found.parting is not None:
        lines.append(f"  the first layer that differs: {found.parting}")
    elif not found.passed:
        lines.append(f"  each of {found.layers} layers alone agrees, the whole does not")
    elif found.layers:
        lines.append(f"  {found.layers} layers agree one by one")
    for each in found.comparisons:
        lines.append(
            f"  batch {each.batch}, {each.height} × {each.width}: {each.absolute:.2e} absolute, "
            f"{each.relative:.2e} relative; from float64: ONNX Runtime {each.onnx_from_float64:.2e}, "
            f"torch {each.torch_from_float64:.2e}"
        )
    return lines


def _as_dict(name: str, found: Verified, seed: int, tolerance: float) -> dict[str, Any]:
    from dataclasses import asdict

    def finite(fields: dict[str, Any]) -> dict[str, Any]:
        """JSON has no word for what is not finite: null."""
        return {
            k: None if isinstance(v, float) and not isfinite(v) else v for k, v in fields.items()
        }

    return {
        "name": name,
        "verdict": found.verdict,
        "passed": found.passed,
        "seed": seed,
        "tolerance": tolerance,
        "layers": found.layers,
        "first_difference": finite(asdict(found.parting)) if found.parting is not None else None,
        "comparisons": [finite(asdict(each)) for each in found.comparisons],
    }
