"""`resnetc export`: a spec and its trained weights to an ONNX file for a runtime, verified before it is published."""

from __future__ import annotations

import os
import pathlib
import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands import export_options as options
from resnet_compiler.commands.options import AsJson, Classes, Format, HowWritten, Limit, Opset
from resnet_compiler.console import (
    MISUSE,
    UNVERIFIED,
    WRONG,
    Reading,
    misuse,
    print_json,
    reading,
    render_all,
)

if TYPE_CHECKING:
    from resnet_compiler.export import Exported
    from resnet_compiler.graph import Graph
    from resnet_compiler.interface import InterfaceError
    from resnet_compiler.verify_onnx import Verification


def export(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A path, `folder/name`, or a shipped name.")
    ],
    output: options.Output = None,
    weights: options.Weights = None,
    classes: Classes = None,
    fold: options.Fold = True,
    precision: options.HowPrecise = options.Precision.float32,
    opset: Opset = 18,
    external_data: options.ExternalData = options.External.auto,
    verify: options.Verify = None,
    tolerance: options.Tolerance = None,
    seed: options.Seed = 0,
    batch: options.Batch = "dynamic",
    size: options.Size = "auto",
    float_io: options.FloatIo = False,
    softmax: options.Softmax = False,
    top_k: options.TopK = None,
    labels: options.Labels = None,
    features: options.Features = None,
    with_head: options.WithHead = False,
    preprocess: options.Images = False,
    mean: options.Mean = None,
    std: options.Std = None,
    scale: options.Scale = None,
    resize: options.Resize = None,
    crop: options.Crop = False,
    layout: options.WhichLayout = None,
    input_type: options.InputType = None,
    calibration: options.Calibration = None,
    calibration_method: options.CalibrationMethod = None,
    calibration_images: options.CalibrationImages = None,
    keep_float: options.KeepFloat = None,
    int8_for: options.Int8For = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Export a network with trained weights as an ONNX model for a runtime, verified before it is published."""
    graph = _one_graph(reading(limit, style.value), spec)
    path = output if output is not None else pathlib.Path()
    path = path / f"{graph.identity.name}.onnx" if os.path.isdir(path) else path
    if path.suffix != ".onnx":
        misuse(f"-o: a file ending in .onnx, or a folder that is there, not `{path.as_posix()}`")
    if with_head and not features:
        misuse("--with-head goes with --features")
    if float_io and precision not in (options.Precision.float16, options.Precision.bfloat16):
        misuse("--float-io goes with --precision float16 or bfloat16")
    if tolerance is not None and verify is False:
        misuse("--tolerance does not go with --no-verify")
    pixels: dict[str, Any] = {
        "mean": mean,
        "std": std,
        "scale": scale,
        "resize": resize,
        "crop": crop,
    }
    pixels |= {"layout": layout and layout.value, "input_type": input_type and input_type.value}
    given: dict[str, Any] = {"calibration": calibration, "images": calibration_images}
    given |= {"method": calibration_method and calibration_method.value}
    given |= {"keep_float": tuple(keep_float or ()), "target": int8_for and int8_for.value}
    int8 = options.int8_of(precision, given)
    has_runtime = find_spec("onnxruntime") is not None
    if verify and not has_runtime:
        misuse("--verify needs onnxruntime: pip install 'resnet-compiler[onnxruntime]'")

    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.export import UnverifiedError
    from resnet_compiler.export import export as make
    from resnet_compiler.interface import Interface, InterfaceError
    from resnet_compiler.quantize import CalibrationError

    interface = Interface(
        batch=options.batch_of(batch),
        size=options.size_of(size),
        precision="float32" if int8 is not None else precision.value,  # type: ignore[arg-type]
        float_io=float_io,
        preprocess=options.preprocess_of(preprocess, pixels),
        softmax=softmax,
        top_k=top_k,
        labels=options.labels_of(labels),
        features=tuple(features.split(",")) if features else (),
        with_head=with_head,
    )
    try:
        done = make(
            graph,
            path,
            weights=weights,
            classes=classes,
            fold=fold,
            interface=interface,
            int8=int8,
            opset=opset,
            external_data=external_data.value,
            verify=has_runtime if verify is None else verify,
            tolerance=tolerance,
            seed=seed,
        )
    except SpecError as failure:
        render_all([(failure.diagnostics, {})], style.value)
        cannot_write = failure.diagnostics[0].code.id.startswith("RC050")
        raise typer.Exit(MISUSE if cannot_write else WRONG) from None
    except InterfaceError as failure:
        misuse(_as_options(failure))
    except CalibrationError as failure:
        misuse(f"--calibration: {failure}")
    except UnverifiedError as failure:
        _tell(graph, failure.done, as_json)
        why = f"resnetc: {path.as_posix()} was not written: {failure}"
        print(escaped(why), file=sys.stderr)
        render_all([(failure.done.warnings, {})], style.value)
        raise typer.Exit(UNVERIFIED) from None
    _tell(graph, done, as_json)
    if verify is None and not has_runtime and not as_json:
        print("not verified: onnxruntime is not installed")
    render_all([(done.warnings, {})], style.value)


def _tell(graph: Graph, done: Exported, as_json: bool) -> None:
    if as_json:
        print_json([_summary(graph, done)])
    else:
        _print(graph, done)


def _one_graph(reader: Reading, spec: str) -> Graph:
    graphs = reader.graphs_or_exit([spec])
    if len(graphs) != 1:
        misuse(f"one spec is exported at a time, and {spec} has {len(graphs)}")
    return graphs[0]


def _as_options(failure: InterfaceError) -> str:
    """What cannot be, each with the option that asks for it."""
    named = {"size": "--size", "top_k": "--top-k", "keep_float": "--keep-float"}
    return "\n  ".join(
        f"{named.get(each.option, '--' + each.option.replace('_', '-'))}: {each.summary}"
        + (f"; {each.help}" if each.help else "")
        for each in failure.problems
    )


def _print(graph: Graph, done: Exported) -> None:
    for note in done.notes:
        print(escaped(f"note: {note}"))
    if done.errors:
        print("error of each layer's output, relative to its norm:")
        width = max(len(each.name) for each in done.errors)
        for each in done.errors:
            print(f"  {each.name:<{width}}  {each.relative:.4f}")
        worst = max(done.errors, key=lambda each: each.relative)
        print(f"the worst layer is {worst.name}: {worst.relative:.4f}")
    if done.verification is not None:
        print("\n".join(_lines(done.verification)))
    for path, size in done.sizes.items():
        print(escaped(f"wrote {path.as_posix()} ({size:,} bytes): {graph.identity.title}"))


def _lines(found: Verification) -> list[str]:
    """What was found on running the file."""
    images = sum(batch for batch, _, _ in found.tried)
    lines = [f"run in ONNX Runtime on {images} images, against the float32 network:"]
    for each in found.differences:
        parts = []
        if each.relative is not None and each.absolute is not None:
            parts.append(f"{each.relative:.1e} relative, {each.absolute:.1e} absolute")
        if each.top1 is not None:
            parts.append(f"the same best class for {each.top1:.1%}")
        lines.append(f"  {each.output}: {'; '.join(parts)}")
    lines.append(f"  {found.verdict}")
    if found.from_float64 is not None:
        ours, theirs = found.from_float64
        lines.append(f"  from float64: this file {ours:.1e}, the float32 network {theirs:.1e}")
    return lines + [f"  note: {note}" for note in found.notes]


def _as_dict(found: Verification, done: Exported) -> dict[str, Any]:
    return {
        "tolerance": done.tolerance,
        "verdict": found.verdict,
        "passed": done.passed,
        "first_difference": asdict(found.parting) if found.parting is not None else None,
        "from_float64": list(found.from_float64) if found.from_float64 is not None else None,
        "tried": [list(each) for each in found.tried],
        "differences": [asdict(each) for each in found.differences],
        "notes": list(found.notes),
    }


def _summary(graph: Graph, done: Exported) -> dict[str, Any]:
    return {
        "name": graph.identity.name,
        "files": {path.as_posix(): size for path, size in done.sizes.items()},
        "notes": list(done.notes),
        "verification": _as_dict(done.verification, done) if done.verification else None,
        "keep_float": list(done.keep.layers) if done.keep is not None else None,
        "layer_errors": {each.name: each.relative for each in done.errors},
    }
