"""What `resnetc summary --roofline` does: the device that is asked for, and a network's limit on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resnet_compiler.console import misuse, print_json

if TYPE_CHECKING:
    from resnet_compiler.graph import Graph
    from resnet_compiler.roofline_report import Depth


def print_roofline(
    graphs: Sequence[Graph], device: str, precision: str, batch: int, depth: Depth, as_json: bool
) -> None:
    """Print the roofline of each graph on a device of the table, or on this machine."""
    from resnet_compiler.devices import MEASURED, UnknownDevice, device_named
    from resnet_compiler.roofline_report import roofline_dict, roofline_text

    try:
        if device == MEASURED:
            from resnet_compiler.bench.rates import measured_device

            found = measured_device("cpu", None, [precision])
        else:
            found = device_named(device)
        found.rate(precision)
    except UnknownDevice as reason:
        misuse(str(reason))
    if as_json:
        print_json([roofline_dict(graph, found, precision, batch) for graph in graphs])
    else:
        texts = [roofline_text(graph, found, precision, batch, depth) for graph in graphs]
        print("\n\n".join(texts))
