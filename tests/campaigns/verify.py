"""`verify` on every shipped spec, and on planted faults: `python tests/campaigns/verify.py`.

A healthy network must not be called different, whatever the seed; a planted fault must be found, at its layer.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

sys.path[:0] = [str(folder) for folder in pathlib.Path(__file__).resolve().parents[1:3]]

from support.architectures import ARCHITECTURES, architecture  # noqa: E402
from support.planted import in_onnx, in_source  # noqa: E402

import resnet_compiler  # noqa: E402
from resnet_compiler import Graph, verify  # noqa: E402
from resnet_compiler.library import shipped_specs  # noqa: E402

LARGEST = 150_000_000
PLANTED_IN = ("cifar/resnet20", "timm/seresnet18", "cifar/preact_resnet164", "timm/resnet50_gn")


def main() -> None:
    """Print a line for each network and for each fault that was not found, and exit 1 if there is a fault."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--size", type=int, default=64, help="height and width, where that can be")
    parser.add_argument("--most", type=int, default=LARGEST, help="parameters of a network")
    parser.add_argument("--only", nargs="*", help="these networks, and no others")
    parser.add_argument("--faults", type=int, default=100, help="how many to plant at least")
    given = parser.parse_args()
    torch.set_num_threads(1)
    alarms = healthy(given.only, given.seeds, given.size, given.most)
    wrong = faults(given.faults)
    raise SystemExit(1 if alarms or wrong else 0)


def healthy(only: list[str] | None, seeds: int, size: int, most: int) -> int:
    """Verify the shipped networks; gives how many verdicts were "different"."""
    said: dict[str, int] = {}
    far = 0.0
    for spec in only if only is not None else [each.display for each in shipped_specs()]:
        graph = at_size(resnet_compiler.compile(spec), size)
        if graph.measures.parameters > most:
            print(f"{spec}: left out, {graph.measures.parameters:,} parameters")
            continue
        for seed in range(seeds):
            began = time.process_time()
            found = verify.verify(graph, seed)
            said[found.verdict] = said.get(found.verdict, 0) + 1
            ours = max((each.onnx_from_float64 for each in found.comparisons), default=0)
            theirs = max((each.torch_from_float64 for each in found.comparisons), default=0)
            if max(ours, theirs) > verify.TOLERANCE:
                far = max(far, ours / theirs)
            print(
                f"{spec} seed {seed}: {found.verdict}; ONNX Runtime {ours:.1e}, torch {theirs:.1e} from float64; "
                f"{found.layers} layers; {time.process_time() - began:.1f} s"
                + (f"; {found.parting}" if found.parting else ""),
                flush=True,
            )
    print(f"{said}; where float32 is far, ONNX Runtime is at most {far:.1f} times as far as torch")
    return said.get("different", 0)


def faults(least: int) -> int:
    """Plant faults until there are enough; gives how many were not found at their layer."""
    made = wrong = seed = 0
    graphs = [*map(architecture, ARCHITECTURES)]
    graphs += [at_size(resnet_compiler.compile(spec), 32) for spec in PLANTED_IN]
    while made < least:
        for graph in graphs:
            for plant in (p for side in (in_source, in_onnx) for p in side(graph, seed)):
                found = plant.verify()
                made += 1
                at = found.parting.layer if found.parting else "nowhere"
                if found.passed or at != plant.layer:
                    wrong += 1
                    print(
                        f"{graph.identity.name}: {plant.kind} in {plant.layer}, "
                        f"and it was {found.verdict}, at {at}"
                    )
        seed += 1
    print(f"{made} faults planted, {wrong} of them not found at their layer")
    return wrong


def at_size(graph: Graph, size: int) -> Graph:
    """The same network, declared for a smaller image where the proof has that."""
    from dataclasses import replace

    if not graph.any_size:
        return graph
    extents = []
    for extent in graph.extents:
        least = max(size, graph.minimum_extents[extent.axis], extent.minimum)
        fitting = -(-least // extent.multiple_of) * extent.multiple_of
        extents.append(replace(extent, declared=min(extent.declared, fitting)))
    return replace(graph, extents=(extents[0], extents[1]))


if __name__ == "__main__":
    main()
