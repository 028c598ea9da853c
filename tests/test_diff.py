"""The difference of two networks: what is told adds up, sameness is that of the layers, and the words are right."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from support.specs import compile_text
from typer.testing import CliRunner, Result

import resnet_compiler
from resnet_compiler import Measures
from resnet_compiler.cli import app
from resnet_compiler.compare import Difference, difference
from resnet_compiler.compare.as_json import difference_dict
from resnet_compiler.compare.changes import LayerAdded, LayerRemoved
from resnet_compiler.compare.text import difference_text
from resnet_compiler.console import FINE, MISUSE, WRONG
from resnet_compiler.tables import COLUMNS

NET = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv1: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 2, width: 8}
  - layer2: {block: basic, depth: 2, width: 16, stride: 2}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
PAIRS = (
    ("resnet50", "resnet101"),
    ("resnet50", "resnet50_v1"),
    ("resnet34", "plain34"),
    ("resnet50", "timm/seresnet50"),
    ("resnet18", "cifar/resnet20"),
    ("resnet50", "timm/resnetv2_50"),
    ("resnet18", "resnet50"),
    ("timm/resnetaa50", "resnet50"),
    ("cifar/preact_resnet164", "cifar/resnet20"),
)


def between(before: str, after: str) -> Difference:
    return difference(resnet_compiler.compile(before), resnet_compiler.compile(after))


def changed(old: str, new: str) -> Difference:
    """The difference that replacing a part of the small network's text makes."""
    assert old in NET
    return difference(compile_text(NET), compile_text(NET.replace(old, new)))


def resnetc(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


# --- what is told adds up ---


@pytest.mark.parametrize("pair", PAIRS)
def test_stages_account_for_all_that_changes_in_the_totals(pair: tuple[str, str]) -> None:
    found = between(*pair)
    old, new = Measures(found.before), Measures(found.after)
    for name in ("parameters", "macs"):
        told = sum(
            (getattr(each.after, name) if each.after else 0)
            - (getattr(each.before, name) if each.before else 0)
            for each in found.stages
        )
        assert told == getattr(new, name) - getattr(old, name)


@pytest.mark.parametrize("pair", PAIRS)
def test_layers_that_both_have_those_added_and_those_removed_are_all_there_are(
    pair: tuple[str, str],
) -> None:
    found = between(*pair)
    pairs = found.alignment
    assert len(set(pairs.layers.values())) == len(pairs.layers), "each stands for one other"
    told = {
        kind: sum(len(g.places) for g in found.groups for item in g.items if isinstance(item, kind))
        for kind in (LayerAdded, LayerRemoved)
    }
    alone = {
        "before": {b for each in pairs.stages for b in each.removed},
        "after": {b for each in pairs.stages for b in each.added},
    }
    in_blocks = {
        "before": sum(owner in alone["before"] for owner in pairs.owner_before.values()),
        "after": sum(owner in alone["after"] for owner in pairs.owner_after.values()),
    }
    both = len(pairs.layers) - 1
    assert len(found.before) == both + told[LayerRemoved] + in_blocks["before"]
    assert len(found.after) == both + told[LayerAdded] + in_blocks["after"]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_other_way_round_what_was_added_is_removed(pair: tuple[str, str]) -> None:
    there, back = between(*pair), between(*reversed(pair))
    assert [(f.name, f.before, f.after) for f in there.figures] == [
        (f.name, f.after, f.before) for f in back.figures
    ]
    assert [(c.what, c.before, c.after) for c in there.facts] == [
        (c.what, c.after, c.before) for c in back.facts
    ]
    assert not there.same and not back.same

    def count(found: Difference, kind: type) -> int:
        return sum(len(g.places) for g in found.groups for i in g.items if isinstance(i, kind))

    assert count(there, LayerAdded) == count(back, LayerRemoved)
    assert count(there, LayerRemoved) == count(back, LayerAdded)


@pytest.mark.parametrize("pair", PAIRS)
def test_json_is_json_and_text_fits(pair: tuple[str, str]) -> None:
    found = between(*pair)
    told = json.loads(json.dumps(difference_dict(found)))
    assert told["same"] is False
    assert told["figures"]["parameters"]["after"] == Measures(found.after).parameters
    text = difference_text(found)
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert not re.search(r"[ \t]$", text, re.M)


# --- the same network ---


@pytest.mark.parametrize("name", ["resnet18", "cifar/preact_resnet164", "timm/resnetv2_50x1_bit"])
def test_a_network_is_the_same_as_itself(name: str) -> None:
    found = between(name, name)
    assert found.same and not found.groups and not found.stages and not found.facts
    assert "the same network: " in difference_text(found)


def test_a_variant_and_the_same_written_out_are_the_same_network(tmp_path: pathlib.Path) -> None:
    shipped = resnetc("show", "resnet101").stdout
    assert "extends: resnet50" in shipped
    out = resnetc("show", "resnet50").stdout.replace("name: resnet50", "name: written_out")
    written_out = re.sub(r"(layer3: .*depth: )6", r"\g<1>23", re.sub(r"(?m)^expect:.*\n", "", out))
    path = tmp_path / "written_out.yaml"
    path.write_text(written_out)
    result = resnetc("diff", "resnet101", str(path), "--exit-code")
    assert result.exit_code == FINE, result.output
    assert "the same network: 344 layers" in result.stdout
    assert "in other words" not in result.stdout


def test_a_copy_of_a_block_is_the_same_network_in_other_words() -> None:
    block = re.sub(r"(?m)^#.*\n", "", resnetc("show", "basic").stdout)
    body = "".join(f"    {line}\n" for line in block.splitlines() if not line.startswith("name:"))
    copy = NET.replace("block: basic", "block: mine") + f"blocks:\n  mine:\n{body}"
    found = difference(compile_text(NET), compile_text(copy))
    assert found.same
    text = difference_text(found)
    assert "though written in other words" in text
    assert "  every block\n    block  basic → mine" in text


def test_other_names_are_not_the_same_network_but_the_same_layers() -> None:
    found = changed("conv1: {conv", "first: {conv")
    assert found.same_layers and not found.same_names and not found.same
    assert "under other names" in difference_text(found)
    assert "  stem\n    renamed  conv1 → first" in difference_text(found)
    renamed = NET.replace("layer1:", "one:").replace("layer2:", "two:")
    found = difference(compile_text(NET), compile_text(renamed))
    assert found.same_layers and not found.same
    assert "  layer1.0, layer1.1 → one.0, one.1" in difference_text(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("height: 32, width: 32", "height: 64, width: 64"),
        ("height: 32, width: 32", "height: {multiple_of: 2}, width: {multiple_of: 2}"),
        ("kernel: 3", "kernel: 3, bias: true"),
        ("pool: global_avg_pool", "pool: {dropout: {rate: 0.5}}\n  - gap: global_avg_pool"),
        ("width: 8}", "width: 8, shortcut: none}"),
        ("width: 16, stride: 2}", "width: 16, stride: 2, zero_init: true}"),
    ],
)
def test_each_change_of_the_network_is_one(old: str, new: str) -> None:
    found = changed(old, new)
    assert not found.same and not found.same_layers


# --- the words ---


def test_depth() -> None:
    text = difference_text(between("resnet50", "resnet101"))
    assert "layer3: 17 blocks added: layer3.6 … layer3.22\n" in text
    assert re.search(r"layer3 +6 → 23 +1024 × 14 × 14 +\+18,992,128 +\+3,712,221,184\n", text)
    assert re.search(r"weighted layers +50 +101 +\+51 +× 2.02\n", text)
    assert "the same: stem, layer1, layer2, layer4, head" in text


def test_a_stride_that_moves() -> None:
    text = difference_text(between("resnet50", "resnet50_v1"))
    assert (
        "  layer2.0, layer3.0, layer4.0\n    conv1  stride 1 → 2\n    conv2  stride 2 → 1" in text
    )


def test_shortcuts_that_go() -> None:
    text = difference_text(between("resnet34", "plain34"))
    assert "  every block\n    removed  add (add)\n" in text
    assert "layer2.0, layer3.0, layer4.0\n    shortcut  projection → none\n" in text
    assert "layer2 but its first block" in text and "identity → none" in text
    assert "\n  layer1, layer2 but its first block" in text


def test_what_follows_from_a_change_is_not_told() -> None:
    text = difference_text(between("resnet50", "wide_resnet50_2"))
    assert "base_width  64 → 128" in text
    assert "inner" not in text and "in_channels" not in text


def test_proofs_that_change() -> None:
    text = difference_text(between("resnet50", "timm/resnetaa50"))
    assert "proof of layer2.0.add, layer3.0.add, layer4.0.add: equal at every input size" in text


def test_stages_that_go_and_come() -> None:
    text = difference_text(between("resnet18", "cifar/resnet20"))
    assert "layer4 (removed)" in text
    back = difference_text(between("cifar/resnet20", "resnet18"))
    assert "layer4 (added)" in back
    assert "input   3 × 224 × 224 → 3 × 32 × 32" in text


def test_two_of_one_name_are_told_apart() -> None:
    text = difference_text(changed("depth: 2, width: 8}", "depth: 3, width: 8}"))
    assert text.startswith("net (before) → net (after)\n")


# --- the command ---


def test_exit_codes(tmp_path: pathlib.Path) -> None:
    assert resnetc("diff", "resnet18", "resnet34").exit_code == FINE
    assert resnetc("diff", "resnet18", "resnet34", "--exit-code").exit_code == WRONG
    assert resnetc("diff", "resnet18", "resnet18", "--exit-code").exit_code == FINE
    assert resnetc("diff", "resnet18").exit_code == MISUSE
    assert resnetc("diff", "resnet18", "no_such_spec").exit_code == MISUSE
    both = resnetc("diff", "resnet18", "imagenet")
    assert both.exit_code == MISUSE and "two networks are compared" in both.stderr
    (tmp_path / "bad.yaml").write_text(NET.replace("kernel", "kernal"))
    bad = resnetc("diff", "resnet18", str(tmp_path / "bad.yaml"))
    assert bad.exit_code == WRONG and "kernal" in bad.stderr and not bad.stdout


def test_the_example_of_the_document_is_what_is_printed() -> None:
    document = (pathlib.Path(__file__).parent.parent / "docs" / "diff.md").read_text()
    (shown,) = re.findall(r"```console\n(.*?)```", document, re.S)
    command, _, expected = shown.partition("\n")
    assert resnetc(*command.removeprefix("$ resnetc ").split()).stdout == expected


def test_json_of_the_command() -> None:
    told = json.loads(resnetc("diff", "resnet50", "resnet101", "--json").stdout)
    assert told["figures"]["weighted_layers"] == {"before": 50, "after": 101}
    (stage,) = told["stages"]
    assert stage["blocks_added"] == [f"layer3.{index}" for index in range(6, 23)]
    assert told["changes"] == [] and told["unchanged"] == [
        "stem",
        "layer1",
        "layer2",
        "layer4",
        "head",
    ]
