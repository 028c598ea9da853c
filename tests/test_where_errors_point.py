"""Where an error points: to the text to change, once, with a suggestion."""

from __future__ import annotations

import pathlib

import pytest
from support.language import (
    HEAD,
    OWN,
    STAGE,
    STEM,
    compile,
    covered,
    failure,
    failures,
    net,
    stage,
)

import resnet_compiler

POINTS: list[tuple[str, str, str]] = [
    ("RC0201", net().replace("stem:", "steam:"), "steam"),
    ("RC0203", net(stem="  - conv: [conv]\n"), "[conv]"),
    ("RC0204", stage("block: basic, depth: 0, width: 8"), "0"),
    ("RC0214", stage("block: basic, depth: '1e999', width: 8"), "'1e999'"),
    ("RC0204", net(stem="  - conv: {conv: {out: 8, kernel: relu}}\n"), "relu"),
    ("RC0204", net(stem="  - conv: {conv: {out: 8, kernel: {relu: {}}}}\n"), "{relu: {}}"),
    ("RC0204", stage("block: basic, depth: 1, width: 8, stride: 1.5"), "1.5"),
    ("RC0204", stage("block: basic, depth: 1, width: relu"), "relu"),
    ("RC0204", net(input="{height: {multiple_of: 32, default: 250}}"), "250"),
    ("RC0207", net(stem="  - conv: {convolution: {out: 8}}\n"), "convolution"),
    ("RC0207", stage("block: basik, depth: 1, width: 8"), "basik"),
    ("RC0207", stage("block: conv, depth: 1"), "conv"),
    ("RC0207", stage("block: basic, depth: 1, width: 8, shortcut: zeropad"), "zeropad"),
    ("RC0207", stage("block: basic, depth: 1, width: 8, attention: sse"), "sse"),
    ("RC0207", stage("block: basic, depth: 1, width: 8, attention: {sse: {a: 1}}"), "sse"),
    ("RC0207", stage("block: basic, depth: 1, width: 8, attention: 3"), "3"),
    ("RC0207", net(top="norm: groupnorm\n"), "groupnorm"),
    ("RC0207", net(top="act: {swish: {}}\n"), "swish"),
    ("RC0208", net(stem="  - conv: {conv: {out: 8, kernal: 3}}\n"), "kernal"),
    ("RC0209", stage("block: basic, depth: 1, width: 8, wdith: 9"), "wdith"),
    ("RC0210", stage("block: basic, depth: 1"), "basic"),
    ("RC0211", net(stem=STEM + "  - a: {relu: {}, from: cnov}\n"), "cnov"),
    ("RC0212", net(stem=STEM + STEM), "conv"),
    ("RC0212", net(stages=STAGE + STAGE), "layer1"),
    ("RC0212", stage("block: basic, depth: 2, width: 8, names: same"), "same"),
    ("RC0212", net(top='names: "{stage}"\n').replace("depth: 1", "depth: 2"), '"{stage}"'),
    ("RC0212", net(stem="  - layer1: {conv: {out: 8, kernel: 3}}\n"), "layer1"),
    ("RC0213", net(stem="  - re lu: relu\n"), "re lu"),
    ("RC0213", net(top='names: "{index}"\n'), '"{index}"'),
    ("RC0214", net(top='names: "{stage}.{idx + 1}"\n'), '"{stage}.{idx + 1}"'),
    ("RC0214", stage("block: basic, depth: 1, width: 8 *"), "8 *"),
    ("RC0214", net(top="let: {a: b + 1}\n"), "b + 1"),
    ("RC0218", net(stem=STEM + "  - a: add\n"), "add"),
    ("RC0221", net(stem=STEM + "  - a: relu\n  - b: {relu: {}, from: conv}\n"), "a"),
    ("RC0222", stage("block: basic, depth: 2, width: [8]"), "[8]"),
    ("RC0303", net(stem="  - conv: {conv: {out: 8, kernel: 3, groups: 2}}\n"), "2"),
    ("RC0303", net(head="  - fc: {linear: {out: 10}}\n"), "linear"),
]


@pytest.mark.parametrize(("code", "text", "where"), POINTS, ids=lambda value: str(value)[:40])
def test_an_error_points_at_what_to_change(code: str, text: str, where: str) -> None:
    """At the value, or at its key and value together."""
    first = failures(text)[0]
    assert first.code.id == code
    assert covered(text, first.span).split(": ")[-1] == where.split(": ")[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (stage("block: basik, depth: 1, width: 8"), "did you mean `basic`?"),
        (net(top="norm: groupnorm\n"), "did you mean `group_norm`?"),
        (net(stem="  - conv: {conv: {out: 8, kernal: 3}}\n"), "did you mean `kernel`?"),
        (net(stem="  - c: {conv: {out: 8, kernel: 3}}\n  - n: nrom\n"), "did you mean `norm`?"),
        (net().replace("head:", "haed:"), "did you mean `head`?"),
        (stage("block: basic, depth: 1, widht: 8"), "did you mean `width`?"),
        (net(top="defaults: {conv: {bais: true}}\n"), "did you mean `bias`?"),
        (net(stem="  - conv: {conv: {out: 8, kernel: 3}, form: input}\n"), "did you mean `from`?"),
        (net(stem="  - conv: {conv: {out: 8, kernel: 3}, whne: true}\n"), "did you mean `when`?"),
    ],
)
def test_a_misspelling_gets_a_suggestion(text: str, said: str) -> None:
    assert said in [line for found in failures(text) for line in found.help]


@pytest.mark.parametrize(
    "jargon",
    ["pydantic", "should be", "input should", "None", "^[A-Za-z", "dict", "NoneType", "'"],
)
def test_no_message_speaks_of_our_libraries(jargon: str) -> None:
    """The forms that are checked by pydantic, each damaged; what it says of them is put in our words."""
    damaged = [
        net().replace("name: net", "name: my-net"),
        net().replace("name: net", "name: ''"),
        net(input="{height: 0, width: 99999999}"),
        net(input="{height: {multiple_of: -1}}"),
        net(stem="  - conv: relu\n    bn: norm\n"),
        net(stem="  - conv:\n  - {}\n  - x\n  - y: 3\n  - z: {from: [], relu: {}}\n"),
        net(stages="  - a: 3\n"),
        net(stages="  []\n"),
        net().replace("stages:\n" + STAGE, "stages: 3\n"),
        net(top="title: ''\n"),
        net(top=f"title: {'x' * 300}\n"),
        net(top="defaults: {conv: 3}\n"),
        net(top="let: {a: {b: 1, c: 2}}\n"),
        net(top="norm: {a: 1, b: 2}\n"),
        net(top="blocks: {b: 3}\n"),
        net(stages="  - a: {block: {}, depth: none, first: 3}\n"),
    ]
    for text in damaged:
        for found in failures(text):
            said = "\n".join((found.summary, found.detail, *found.help))
            assert jargon not in said, f"{said}\n--- from\n{text}"


def test_one_mistake_in_a_block_is_said_once() -> None:
    """A block that is made many times has its mistake in one place."""
    block = (
        "  mine:\n    layers:\n      - conv: {conv: {out: 8, kernel: 3}}\n"
        "      - side: {relu: {}, from: conv}\n      - main: {sigmoid: {}, from: conv}\n"
    )
    assert len(failures(stage("block: mine, depth: 5", block))) == 1


def test_an_error_inside_a_block_tells_which_stage_it_was_made_for() -> None:
    block = OWN.replace("width * ratio", "width / zero").replace("ratio: 0.5", "zero: 0")
    text = stage("block: own, depth: 1, width: 16", block)
    found = failure(text)
    assert covered(text, found.span) == "floor(width / zero)"
    assert "layer1" in [covered(text, label.span) for label in found.secondary]


def test_a_variant_may_have_the_name_of_a_block(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spec beside another one is not taken for a block, though it has a block's name."""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("basic.yaml").write_text("name: basic\nextends: resnet18\n")
    pathlib.Path("bottleneck.yaml").write_text(net().replace("net", "bottleneck", 1))
    assert resnet_compiler.compile("basic.yaml").identity.name == "basic"
    assert resnet_compiler.compile("bottleneck.yaml").identity.name == "bottleneck"


GROUP = "  gate: {layers: [{inner: norm}]}\n"


@pytest.mark.parametrize(
    "text",
    [
        net(stem=STEM + "  - conv.inner: norm\n"),
        net(stem="  - conv.inner: {conv: {out: 8, kernel: 3}}\n  - conv: norm\n"),
        net(stem=STEM + "  - layer1: norm\n"),
        net(stem=STEM + "  - layer1.0: norm\n"),
        net(stem=STEM + "  - layer1.0.conv9: norm\n"),
        net(stem=STEM + "  - layer1.0: {use: gate}\n", blocks=GROUP),
        net(stem=STEM + "  - conv: {use: gate}\n", blocks=GROUP),
        net(stem=STEM + "  - g: {use: gate}\n  - g.inner: norm\n", blocks=GROUP),
        net(stem=STEM + "  - g: {use: gate}\n  - g.outer: norm\n", blocks=GROUP),
        net(
            stem=STEM + "  - g: {use: gate}\n  - g: {use: other}\n",
            blocks=GROUP + GROUP.replace("gate", "other").replace("inner", "outer"),
        ),
        net(stages=STAGE.replace("layer1", "pool")),
        net(head=HEAD + "  - fc.inner: relu\n"),
    ],
)
def test_no_layer_lies_inside_another(text: str) -> None:
    """A layer is no container, and a block holds what its file says: such names are refused, not emitted."""
    found = failure(text)
    assert found.code.id == "RC0212"
    assert found.span is not None and found.span.file == "net.yaml"


def test_a_name_and_one_that_begins_like_it() -> None:
    """What only looks like the case above."""
    graph = compile(
        net(stem=STEM + "  - conv1: norm\n  - layer1.x: relu\n  - a.b: relu\n  - a.c: relu\n")
    )
    assert "def forward" in resnet_compiler.emit_pytorch(graph)
