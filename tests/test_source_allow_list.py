"""Emitted source holds what is on the allow-list and nothing else, and the lists hold nothing that is never emitted."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from support import source_allow_list as lists
from support.random_specs import random_graph, random_instances
from support.source_allow_list import violations
from support.specs import compile_layers, compile_text
from support.structures import STRUCTURES
from test_operators import LISTED

from resnet_compiler import emit_pytorch
from resnet_compiler.library import FAMILIES, shipped_specs
from resnet_compiler.pipeline import compile_file

HARMLESS = '''"""net: 1 weighted layer."""

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """A network."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 1)
        self.box = nn.ModuleDict({"a": nn.ReLU()})

    def forward(self, x: Tensor) -> Tensor:
        x = self.box["a"](self.conv(x))
        return torch.cat([x, x], 1)
'''

HARMFUL = {
    "an import": ("import torch\n", "import torch, os\n"),
    "an import from": ("from torch import Tensor, nn", "from os import Tensor, nn"),
    "a statement of the module": ("\n\nclass Net", "\nx = 1\n\n\nclass Net"),
    "a call in the module": ("\n\nclass Net", "\nprint(1)\n\n\nclass Net"),
    "an assignment in the class": ("    def __init__", "    x = 1\n\n    def __init__"),
    "a method": ("def forward", "def __reduce__"),
    "a method of torch's": ("def forward", "def register_buffer"),
    "a decorator": ("    def forward", "    @property\n    def forward"),
    "a class decorator": ("class Net", "@nn.Module\nclass Net"),
    "a base": ("(nn.Module)", "(dict)"),
    "a metaclass": ("(nn.Module)", "(nn.Module, metaclass=type)"),
    "a built-in function": ("x = self.box", "x = open(x)\n        x = self.box"),
    "a function of torch's": ("torch.cat([x, x], 1)", "torch.load(x)"),
    "a module of torch's": ("nn.ReLU()", "nn.modules.sys.exit()"),
    "an attribute of torch's": ("width, 1)", "width, torch.os)"),
    "a method of a value": ("return torch.cat([x, x], 1)", "return x.numpy()"),
    "an attribute of a value": ("[x, x]", "[x, x.__class__]"),
    "a dunder call": ("self.conv(x)", "self.conv.__call__(x)"),
    "super elsewhere": ("super().__init__()", "nn.Module.__init__(self)"),
    "eval": ("return torch.cat([x, x], 1)", 'return eval("x")'),
    "a lambda": ("self.conv(x)", "(lambda: x)()"),
    "a comprehension": ("[x, x]", "[y for y in x]"),
    "an f-string": ("[x, x]", '[f"{x}"]'),
    "a string": ("[x, x]", '["x"]'),
    "bytes": ("[x, x]", '[b"x"]'),
    "a key that is no word": ('["a"]', '["a b"]'),
    "a key in another dict": ("nn.ModuleDict(", "dict("),
    "a walrus": ("(self.conv(x))", "(y := self.conv(x))"),
    "a comment": ("self.conv = ", "# type: ignore\n        self.conv = "),
    "an attribute of modules": ("self.conv = ", "self._modules = "),
    "a parameter that hides": ("width: int = 8", "super: int = 8"),
    "a variable that hides": ("x = self.box", "torch = self.box"),
    "a class that hides": ("class Net", "class Tensor"),
    "two classes of a name": ("class Net", 'class Net(nn.Module):\n    """A."""\n\n\nclass Net'),
    "no docstring": ('    """A network."""\n\n', ""),
    "a global": ("        super().__init__()", "        global x\n        super().__init__()"),
    "a right to left override": ("A network", "A \u202enetwork"),
    "an escape character": ("A network", "A \x1b[2Jnetwork"),
    "not Python": ("class Net", "klass Net"),
}


def test_a_harmless_module() -> None:
    assert violations(HARMLESS) == []


@pytest.mark.parametrize("case", HARMFUL)
def test_a_harmful_module(case: str) -> None:
    old, new = HARMFUL[case]
    assert HARMLESS.count(old) == 1
    assert violations(HARMLESS.replace(old, new))


@cache
def shipped_sources(family: str) -> dict[str, str]:
    graphs = {
        spec.display: compile_file(spec).graph
        for spec in shipped_specs()
        if spec.display.split("/")[1] == family
    }
    return {name: emit_pytorch(graph) for name, graph in graphs.items() if graph is not None}


@cache
def other_sources() -> dict[str, str]:
    """What the shipped specs do not use: every operator, odd structures, random networks."""
    texts = {**STRUCTURES}
    texts |= {f"graph {seed}": random_graph(seed) for seed in range(10)}
    texts |= {f"instances {seed}": random_instances(seed) for seed in range(10)}
    sources = {name: emit_pytorch(compile_text(text)) for name, text in texts.items()}
    return sources | {
        f"{word} {number}": emit_pytorch(compile_layers(*case))
        for number, (word, case) in enumerate(LISTED)
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_shipped_spec(family: str) -> None:
    sources = shipped_sources(family)
    assert len(sources) >= 12
    assert {name: found for name, source in sources.items() if (found := violations(source))} == {}


def test_every_operator_and_odd_structures() -> None:
    sources = other_sources()
    assert {name: found for name, source in sources.items() if (found := violations(source))} == {}


def test_the_lists_hold_nothing_that_is_never_emitted() -> None:
    sources = [*shipped_sources("timm").values(), *other_sources().values()]
    trees = [ast.parse(source) for source in sources]
    kinds = {type(node) for tree in trees for node in ast.walk(tree)}
    assert set(lists.NODES) == kinds
    text = "\n".join(sources)
    names = [*lists.LIBRARY, *lists.METHODS, *lists.OWN_METHODS, *lists.BUILTINS, *lists.DEFINED]
    assert [name for name in names if name not in text] == []
    strings = [f'"{each}"' for each in lists.STRINGS]
    assert [each for each in (*lists.IMPORTS, *lists.BASES, *strings) if each not in text] == []
