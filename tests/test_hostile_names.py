"""Hostile names, changed wherever they stand: refused, or the network is built, runs and has these names in every output.

By default each name has a share of the words; `RESNETC_HOSTILE=all` gives every name every word and text.
"""

from __future__ import annotations

import pathlib
from itertools import product

import pytest
from support import hostile_template as template
from support import peers
from support.hostile_outputs import complaints
from support.hostile_strings import TEXTS, WORDS, turns
from support.source_allow_list import violations
from support.specs import compile_text
from support.structures import TWO_WIDTHS, block, residual, spec

from resnet_compiler import SpecError, build_onnx, emit_pytorch, weights
from resnet_compiler.emit.names import CONTAINER_ATTRIBUTES, RESERVED_ATTRIBUTES
from resnet_compiler.graph import Graph
from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file

TEMPLATES = {"network": template.NETWORK, "variant": template.VARIANT}
NAMES = [(key, name) for key, text in TEMPLATES.items() for name in template.chosen_names(text)]


def renamed(folder: pathlib.Path, key: str, name: str, text: str) -> Compilation:
    values = template.renamed(template.parsed(TEMPLATES[key]), name, text)
    return compile_file(SpecFile("net.yaml", folder / "net.yaml"), template.yaml_text(values))


def names_in_torch(graph: Graph) -> list[str]:
    """The keys of the state_dict of the emitted network, which is made and run."""
    import torch

    network = peers.network_class(peers.load_source(emit_pytorch(graph)))()
    with torch.no_grad():
        network.train()(torch.zeros(2, *graph.concrete("input")))
    return list(network.state_dict())


@pytest.mark.parametrize(("key", "name"), NAMES)
def test_a_name(key: str, name: str, tmp_path: pathlib.Path) -> None:
    template.write_files(tmp_path)
    number = NAMES.index((key, name))
    texts = {label: TEXTS[label] for label in turns(TEXTS, number, 30)}
    texts |= {word: word for word in turns(WORDS, number, 8)}
    wrong = {}
    for label, text in texts.items():
        found = complaints(renamed(tmp_path, key, name, text))
        if found:
            wrong[label] = found
    assert not wrong


def test_networks_with_odd_names_run(tmp_path: pathlib.Path) -> None:
    """Every other word once, as another name each time."""
    template.write_files(tmp_path)
    names = template.chosen_names(template.NETWORK)
    ran = 0
    for number, word in enumerate(turns(WORDS, 0, 2)):
        graph = renamed(tmp_path, "network", names[number * 5 % len(names)], word).graph
        if graph is not None:
            ran += 1
            owned = [name for name, _ in weights.tensors(graph)]
            assert sorted(names_in_torch(graph)) == sorted(owned), word
    assert ran > len(WORDS) / 6


def test_every_attribute_that_torch_has_is_reserved() -> None:
    from torch import nn

    modules = {name for name in dir(nn.Module()) if not name.startswith("__")}
    assert modules <= RESERVED_ATTRIBUTES
    containers = (nn.Sequential(), nn.ModuleList(), nn.ModuleDict())
    inside = {name for each in containers for name in dir(each) if not name.startswith("__")}
    assert inside - modules == CONTAINER_ATTRIBUTES


@pytest.mark.parametrize("name", ["forward", "_modules", "training", "__x", "__class__", "lambda"])
def test_a_layer_cannot_hide_what_torch_needs(name: str) -> None:
    for layers in (f"- {name}: relu", f"- a.{name}: relu", f"- {name}.a: relu"):
        with pytest.raises(SpecError, match="RC0213"):
            compile_text(block(layers))


@pytest.mark.parametrize("name", sorted(CONTAINER_ATTRIBUTES))
def test_a_member_cannot_hide_what_a_container_needs(name: str) -> None:
    for layers in (
        f"- a.{name}: relu",
        f'- {name}: relu\n- "0": relu',
        f'- "0": relu\n- {name}: relu',
    ):
        with pytest.raises(SpecError, match=r"RC0213.*container"):
            compile_text(block(layers))
    with pytest.raises(SpecError, match=r"RC0213.*container"):
        compile_text(
            spec(stages=f'- a.{name}: {{block: basic, depth: 1, width: 8, names: "{{stage}}"}}')
        )
    names_in_torch(compile_text(block(f"- {name}: relu")))  # as an attribute it hides nothing


@pytest.mark.parametrize("name", ["1a", "1e5", "0x10", "1_0"])
def test_a_part_of_a_name_is_a_word_or_a_number(name: str) -> None:
    for layers in (f'- "{name}": relu', f"- a.{name}: relu"):
        with pytest.raises(SpecError, match="RC0213"):
            compile_text(block(layers))


PARAMETERS = "super range isinstance int type training forward _modules nn F Tensor self x __x __class__ __ Inner B"


@pytest.mark.parametrize("name", PARAMETERS.split())
def test_a_parameter_that_is_kept_hides_nothing(name: str) -> None:
    """It becomes a constructor's parameter and an attribute, beside a class that the constructor calls."""
    graph = compile_text(
        spec(
            stages=f"- s: {{block: b, depth: 2, {name}: 1 / (index + 2)}}",
            blocks=f"b:\n  parameters: {{{name}: 1}}\n  layers:\n    - c: {{inner: {{}}}}\n"
            f"    - s: {{scale: {{factor: {name}}}}}\ninner:\n  layers: [{{c: norm}}]",
        )
    )
    source = emit_pytorch(graph)
    assert not violations(source) and "* self." in source
    assert names_in_torch(graph) == [name for name, _ in weights.tensors(graph)]


@pytest.mark.parametrize("name", ["super", "range", "nn", "Projection", "Tensor"])
def test_a_shortcut_of_that_name_hides_nothing(name: str) -> None:
    body = (
        "residual: [{c: {conv: {out: width, kernel: 3, stride: stride}}}]\n"
        f"shortcut: [{{{name}: {{conv: {{out: width, kernel: 1, stride: stride}}}}}}]"
    )
    graph = compile_text(residual(body, TWO_WIDTHS, "{width: required, stride: 1}"))
    assert not violations(emit_pytorch(graph))
    assert sorted(names_in_torch(graph)) == sorted(name for name, _ in weights.tensors(graph))


@pytest.mark.parametrize(
    "title",
    ["F", "nn", "Tensor", "OrderedDict", "StdConv2d", "None", "1st", "\u0431\u043b\u043e\u043a"],
)
def test_a_title_hides_no_import_and_no_other_class(title: str) -> None:
    stem = "- s.a: {conv: {out: 8, kernel: 3, standardized: true}}\n- s.b: norm"
    graph = compile_text(spec(stem=stem, more=f'title: "{title}"\n'))
    assert not violations(emit_pytorch(graph))
    assert sorted(names_in_torch(graph)) == sorted(name for name, _ in weights.tensors(graph))


def test_names_that_differ_by_case_alone_stay_apart() -> None:
    layers = "- conv: norm\n- Conv: norm\n- CONV: norm"
    graph = compile_text(block(layers))
    wanted = [f"layer1.0.{name}.weight" for name in ("conv", "Conv", "CONV")]
    assert [name for name in names_in_torch(graph) if name in wanted] == wanted
    stored = {tensor.name for tensor in build_onnx(graph).graph.initializer}
    assert set(wanted) <= stored


TITLES = [
    "Gate unit",
    "gate unit",
    "GATE UNIT",
    "Gate-Unit",
    "\uff27ate unit",
    "\u0393ate unit",
    "Gate\u0301 unit",
]


@pytest.mark.parametrize(("one", "other"), [p for p in product(TITLES, TITLES) if p[0] < p[1]])
def test_blocks_with_titles_alike_are_two_classes(one: str, other: str) -> None:
    """A class is a block's and nobody else's, whatever becomes of the titles' letters."""
    graph = compile_text(
        spec(
            stages="- a: {block: one, depth: 1}\n- b: {block: other, depth: 1}",
            blocks=f'one:\n  title: "{one}"\n  layers: [{{c: norm}}, {{a: relu}}]\n'
            f'other:\n  title: "{other}"\n  layers: [{{c: norm}}, {{a: silu}}]',
        )
    )
    source = emit_pytorch(graph)
    assert not violations(source)
    assert source.count("class ") == 3


@pytest.mark.parametrize("label", [label for label in TEXTS if label.startswith("NFKC")])
def test_an_expression_reads_no_name_by_another_spelling(label: str) -> None:
    """Python would read a letter of another alphabet as the one it stands for."""
    import unicodedata

    word = unicodedata.normalize("NFKC", TEXTS[label])
    for expression in (TEXTS[label], f"{TEXTS[label]} * 2"):
        with pytest.raises(SpecError, match=r"RC02(07|14)"):
            compile_text(spec(more=f'let: {{{word}: 8, other: "{expression}"}}\n'))
