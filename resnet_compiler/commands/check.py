"""`resnetc check`: is a spec right, and do weights fit its network?"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import AsJson, Classes, Format, HowWritten, Limit, Specs
from resnet_compiler.console import FINE, WRONG, misuse, print_json, reading

if TYPE_CHECKING:
    from resnet_compiler.graph import Graph
    from resnet_compiler.pipeline import Compilation


Weights = Annotated[
    pathlib.Path | None,
    typer.Option(help="Do these weights fit? Safetensors, or a PyTorch checkpoint (needs torch)."),
]


def check(
    specs: Specs,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Make the fixes that leave no doubt, such as misspelt keys."),
    ] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --fix: the fixes that change the network, too.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what --fix would change, and write nothing.")
    ] = False,
    weights: Weights = None,
    classes: Classes = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Check specs: the language, every shape, every residual add, and what `expect` says; and weights for one."""
    reader = reading(limit, style.value)
    if (unsafe or diff) and not fix:
        fix = diff
        if not fix:
            misuse("--unsafe goes with --fix or --diff")
    compilations = (
        reader.fix_all(specs, unsafe, write=not diff) if fix else reader.compile_all(specs)
    )
    if weights is not None:
        if len(compilations) != 1:
            misuse("--weights goes with one spec")
        compilations = [_with_weights(compilations[0], weights, classes)]
    elif classes is not None:
        misuse("--num-classes goes with --weights")
    if as_json:
        from resnet_compiler.report import check_dict

        print_json([check_dict(each) for each in compilations])
    else:
        for each in compilations:
            if each.graph is not None:
                fits = f"; {escaped(weights.name)} has its weights" if weights is not None else ""
                print(f"{each.graph.identity.name}: {_verdict(each.graph)}{fits}")
        reader.show(compilations)
    raise typer.Exit(FINE if all(each.valid for each in compilations) else WRONG)


def _verdict(graph: Graph) -> str:
    residual = [proof for proof in graph.proofs if proof.residual]
    some = sum(proof.verdict != "all sizes" for proof in residual)
    adds = f"{len(residual)} residual add{'' if len(residual) == 1 else 's'}"
    if not residual:
        return "ok, no residual adds"
    return (
        f"ok, {adds} proved for {'every claimed size' if graph.claims_some else 'every size'}"
        if not some
        else f"ok, {adds}, {some} not for every size"
    )


def _with_weights(found: Compilation, path: pathlib.Path, classes: int | None) -> Compilation:
    """A compilation with what there is to say of weights for its network; without the graph where they do not fit."""
    from dataclasses import replace

    from resnet_compiler.checkpoints import check_weights

    if found.graph is None:
        return found
    said = check_weights(path, found.graph, classes=classes)
    fits = all(each.severity != "error" for each in said)
    return replace(
        found, diagnostics=(*found.diagnostics, *said), graph=found.graph if fits else None
    )
