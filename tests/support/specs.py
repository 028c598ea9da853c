"""Small specs as text."""

from __future__ import annotations

import resnet_compiler
from resnet_compiler import Graph


def compile_text(text: str, name: str = "probe.yaml") -> Graph:
    """The graph of a spec that is given as text."""
    return resnet_compiler.compile(name, text=text)


def compile_layers(*layers: str, channels: int = 8, size: tuple[int, int] = (11, 9)) -> Graph:
    """The graph of a network with one block of these layers, each as a line of YAML; "input" names
    the block's input."""
    height, width = size
    listed = "\n".join(f"      - {layer}" for layer in layers)
    return compile_text(
        "name: probe\n"
        f"input: {{channels: {channels}, height: {height}, width: {width}}}\n"
        "stages:\n"
        "  - stage: {block: probe, depth: 1}\n"
        "blocks:\n"
        "  probe:\n"
        "    layers:\n"
        f"{listed}\n"
    )
