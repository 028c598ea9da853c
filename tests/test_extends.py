"""Variants: what `extends` takes over, and what it does not."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from support.language import compilation, net

import resnet_compiler
from resnet_compiler import reader, source
from resnet_compiler.extends import merge


def parsed(text: str) -> source.Mapping:
    root = reader.read_text(text, "spec.yaml")
    assert isinstance(root, source.Mapping)
    return root


def merged(base: str, variant: str) -> Any:
    whole, problems = merge(parsed(base), parsed(variant))
    assert not problems
    return source.plain(whole)


STAGES = "stages: [{a: {block: b, depth: 2, width: 8, first: {k: 1}}}, {c: {block: b, depth: 3}}]\n"


@pytest.mark.parametrize(
    ("base", "variant", "result"),
    [
        # scalars replace; what says what one spec is does not pass on
        ("{norm: a, act: b}", "{act: c}", {"norm": "a", "act": "c"}),
        ("{name: a, title: A, doc: d, expect: {parameters: 1}}", "{name: b}", {"name": "b"}),
        ("{norm: a}", "{norm: null}", {"norm": "a"}),
        # mappings are laid over entry by entry
        (
            "{input: {height: 1, width: 2}}",
            "{input: {width: 3}}",
            {"input": {"height": 1, "width": 3}},
        ),
        ("{let: {a: 1, b: 2}}", "{let: {b: null, c: 3}}", {"let": {"a": 1, "c": 3}}),
        (
            "{defaults: {conv: {bias: true, groups: 2}}}",
            "{defaults: {conv: {bias: false}, linear: {bias: true}}}",
            {"defaults": {"conv": {"bias": False, "groups": 2}, "linear": {"bias": True}}},
        ),
        (
            "{blocks: {a: {layers: []}, b: {layers: []}}}",
            "{blocks: {a: {residual: []}}}",
            {"blocks": {"a": {"residual": []}, "b": {"layers": []}}},
        ),
        # lists replace, mappings override by name
        ("{stem: [{a: x}, {b: y}]}", "{stem: [{c: z}]}", {"stem": [{"c": "z"}]}),
        ("{stem: [{a: x}, {b: y}]}", "{stem: {b: z}}", {"stem": [{"a": "x"}, {"b": "z"}]}),
        ("{stem: [{a: x}, {b: y}]}", "{stem: {a: null}}", {"stem": [{"b": "y"}]}),
        ("{stem: [{a: x}, {b: y}]}", '{stem: {"*": z}}', {"stem": [{"a": "z"}, {"b": "z"}]}),
        # the same operator: attributes one by one; another operator: all new
        (
            "{stem: [{a: {conv: {out: 8, kernel: 3}, from: b}}]}",
            "{stem: {a: {conv: {kernel: 5}}}}",
            {"stem": [{"a": {"conv": {"out": 8, "kernel": 5}, "from": "b"}}]},
        ),
        (
            "{stem: [{a: {conv: {out: 8, kernel: 3}}}]}",
            "{stem: {a: {max_pool: {kernel: 3}}}}",
            {"stem": [{"a": {"max_pool": {"kernel": 3}}}]},
        ),
        # stages: parameters one by one, the order of the base, "*" for every one
        (STAGES, "{stages: {c: {depth: 1}}}", {"c": {"depth": 1}}),
        (STAGES, "{stages: {a: {width: null}}}", {"a": {"width": None}}),
        (STAGES, "{stages: {a: {first: {m: 2}}}}", {"a": {"first": {"m": 2}}}),
        (
            STAGES,
            '{stages: {"*": {depth: 1, g: 4}}}',
            {"a": {"depth": 1, "g": 4}, "c": {"depth": 1, "g": 4}},
        ),
        (
            STAGES,
            '{stages: {"*": {depth: 1}, c: {depth: 9}}}',
            {"a": {"depth": 1}, "c": {"depth": 9}},
        ),
    ],
)
def test_a_variant(base: str, variant: str, result: dict[str, Any]) -> None:
    found = merged(base, variant)
    if base is not STAGES:
        assert found == result
        return
    bodies = {name: body for item in found["stages"] for name, body in item.items()}
    assert list(bodies) == ["a", "c"]
    before = merged(STAGES, "{}")["stages"]
    for name, body in ((name, body) for item in before for name, body in item.items()):
        assert bodies[name] == {
            key: value for key, value in (body | result.get(name, {})).items() if value is not None
        }


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("{stages: {d: {depth: 1}}}", "d"),
        ("{stem: {x: null}}", "x"),
        ('{stages: {"*": {depth: 1}, e: {}}}', "e"),
    ],
)
def test_an_override_of_nothing(variant: str, name: str) -> None:
    _, (found,) = merge(*(parsed(text) for text in (STAGES, variant)))
    assert found.code.id == "RC0217" and f"`{name}`" in found.summary


def test_a_chain_of_variants_by_path(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base.yaml").write_text(net())
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mid.yaml").write_text("name: mid\nextends: cifar/resnet20\n")
    (tmp_path / "a.yaml").write_text("name: a\nextends: base.yaml\nstages: {layer1: {depth: 3}}\n")
    (tmp_path / "b.yaml").write_text("name: b\nextends: a.yaml\nhead: {fc: {linear: {out: 7}}}\n")
    (tmp_path / "c.yaml").write_text('name: c\nextends: sub/mid.yaml\nstages: {"*": {depth: 1}}\n')
    monkeypatch.chdir(tmp_path.parent)
    found = resnet_compiler.compile(str(tmp_path / "b.yaml"))
    assert found.identity.name == "b" and found.concrete("fc") == (7,)
    assert [len(each.blocks) for each in found.stages] == [3]
    assert len(resnet_compiler.compile(str(tmp_path / "c.yaml")).stages) == 3


@pytest.mark.parametrize(
    "change",
    [
        "stages: {layer1: {block: null}}",
        "stages: {layer1: {depth: null}}",
        "stages: {layer1: {width: null}}",
        "stem: {conv1: {conv: null}}",
        "stem: {conv1: {conv: {out: null}}}",
        "stem: {conv1: {conv: {kernel: null}}}",
        "stages: {layer4: null}",
        "input: {height: null}",
        "defaults: {conv: null}",
        "let: {a: null}",
        "blocks: {basic: null}",
    ],
)
def test_a_null_in_a_variant_is_never_a_traceback(change: str) -> None:
    found = compilation(f"name: net\nextends: resnet18\n{change}\n")
    assert found.valid or all(each.span is not None for each in found.diagnostics)
