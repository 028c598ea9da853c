"""What a spec means: variants, layers, blocks, shortcuts, inputs, proofs, and where an error points."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

import resnet_compiler
from resnet_compiler import Graph, Measures, SpecError, reader, source
from resnet_compiler.diagnostics import Diagnostic, Span
from resnet_compiler.extends import merge
from resnet_compiler.library import SpecFile
from resnet_compiler.operators.activation import Relu, Silu
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm, GroupNorm
from resnet_compiler.pipeline import Compilation, compile_file

STEM = "  - conv: {conv: {out: 8, kernel: 3}}\n"
STAGE = "  - layer1: {block: basic, depth: 1, width: 8}\n"
HEAD = "  - pool: global_avg_pool\n  - fc: {linear: {out: 10}}\n"


def net(
    stem: str = STEM,
    stages: str = STAGE,
    head: str = HEAD,
    input: str = "{height: 32, width: 32}",
    top: str = "",
    blocks: str = "",
) -> str:
    """A small spec; each part can be another."""
    tail = f"blocks:\n{blocks}" if blocks else ""
    return f"name: net\n{top}input: {input}\nstem:\n{stem}stages:\n{stages}head:\n{head}{tail}"


def stage(arguments: str, blocks: str = "", **parts: str) -> str:
    return net(stages=f"  - layer1: {{{arguments}}}\n", blocks=blocks, **parts)


def compile(text: str) -> Graph:
    return resnet_compiler.compile("net.yaml", text=text)


def compilation(text: str) -> Compilation:
    return compile_file(SpecFile("net.yaml", None), text)


def failures(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        compile(text)
    return caught.value.diagnostics


def failure(text: str) -> Diagnostic:
    (one,) = failures(text)
    return one


def covered(text: str, span: Span | None) -> str:
    """The text under the caret, which stands on one line."""
    assert span is not None and span.file == "net.yaml", span
    assert span.line == span.end_line
    return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]


def operator(graph: Graph, name: str) -> Any:
    return graph[name].operator


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph]


# --- extends ---


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


# --- layers: from, when, repeat, use ---


def test_from() -> None:
    graph = compile(
        net(
            stem=(
                "  - a: {conv: {out: 8, kernel: 3}}\n"
                "  - b: {conv: {out: 8, kernel: 1}, from: input}\n"
                "  - c: {add: {}, from: [a, b]}\n"
                "  - d: {concat: {}, from: [c, a, a]}\n"
            ),
            stages=STAGE + STAGE.replace("layer1", "layer2"),
            head="  - e: {add: {}, from: [layer1, layer2]}\n" + HEAD,
        )
    )
    assert graph["b"].inputs == ("input",)
    assert graph["c"].inputs == ("a", "b")
    assert graph["d"].inputs == ("c", "a", "a") and graph.concrete("d")[0] == 24
    assert graph["e"].inputs == (graph.stages[0].exit, graph.stages[1].exit)


@pytest.mark.parametrize(("k", "there"), [(1, True), (0, False)])
def test_when(k: int, there: bool) -> None:
    stem = (
        "  - a: {conv: {out: 8, kernel: 3}}\n"
        "  - b: {relu: {}, when: k > 0}\n"
        "  - c: {sigmoid: {}, from: b}\n"
        "  - d: {relu: {}, when: false}\n"
    )
    graph = compile(net(stem=stem, top=f"let: {{k: {k}}}\n"))
    assert ("b" in names(graph)) is there
    assert graph["c"].inputs == ("b" if there else "a",)
    assert "d" not in names(graph)


REPEATED = """\
  - r:
      repeat:
        index: i
        count: {count}
        layers:
          - "c{{i}}": {{conv: {{out: 8 * (i + 1), kernel: 3}}}}
          - "d{{i}}": {{relu: {{}}, when: i > 0, from: "c{{i}}"}}
"""


@pytest.mark.parametrize(("count", "made"), [("2", ["c0", "c1", "d1"]), ("k - 1", []), ("0", [])])
def test_repeat(count: str, made: list[str]) -> None:
    graph = compile(net(stem=STEM + REPEATED.format(count=count), top="let: {k: 1}\n"))
    head = names(graph)[: 1 + len(made)]
    assert head == ["conv", *made]
    if made:
        assert graph.concrete("d1")[0] == 16 and graph["d1"].inputs == ("c1",)


@pytest.mark.parametrize("count", ["-1", "1.5", "true", "nothing", "'1e999'", "none"])
def test_a_count_that_is_none(count: str) -> None:
    text = net(stem=STEM + REPEATED.format(count=count))
    assert count.strip("'") in covered(text, failure(text).span)


GATE = """\
  gate:
    parameters: {reduction: 4, last: sigmoid}
    layers:
      - pool: global_avg_pool
      - fc: {conv: {out: in_channels / reduction, kernel: 1, bias: true}}
      - up: {conv: {out: in_channels, kernel: 1}}
      - last: {use: last}
      - scale: {mul: {}, from: [input, last]}
"""


@pytest.mark.parametrize(
    ("attention", "there", "hidden"),
    [
        ("gate", True, 2),
        ("{gate: {reduction: 2, last: hard_sigmoid}}", True, 4),
        ("none", False, 0),
        ("null", False, 0),
    ],
)
def test_use_of_a_block_given_as_a_parameter(attention: str, there: bool, hidden: int) -> None:
    graph = compile(stage(f"block: basic, depth: 1, width: 8, attention: {attention}", GATE))
    assert ("layer1.0.se.scale" in names(graph)) is there
    if there:
        assert graph.concrete("layer1.0.se.fc") == (hidden, 1, 1)
        assert graph["layer1.0.se.scale"].inputs == ("layer1.0.bn2", "layer1.0.se.last")
        assert operator(graph, "layer1.0.se.last").word in attention + " sigmoid"
        assert graph["layer1.0.add"].inputs[0] == "layer1.0.se.scale"


# --- blocks: parameters, let, norm and act, defaults ---

OWN = """\
  own:
    parameters: {width: required, ratio: 0.5, twice: width * 2}
    let: {inner: floor(width * ratio), outer: inner * 4}
    layers:
      - a: {conv: {out: inner, kernel: 1}}
      - b: {conv: {out: outer, kernel: 1}}
      - c: {conv: {out: twice + in_channels, kernel: 1}}
"""


def test_parameters_and_let() -> None:
    text = net(
        stages=(
            "  - x: {block: own, depth: 1, width: 16}\n"
            "  - y: {block: own, depth: 1, width: 16, ratio: 0.25, twice: 1}\n"
        ),
        blocks=OWN,
    )
    graph = compile(text)
    outs = [operator(graph, f"{s}.0.{layer}").out for s in "xy" for layer in "abc"]
    assert outs == [8, 32, 32 + 8, 4, 16, 1 + 40]
    assert graph.scopes["x.0"].values["inner"] == 8


def test_a_name_of_the_network_is_not_known_inside_a_block() -> None:
    """A block depends on its parameters alone, so that it means the same wherever it stands."""
    block = OWN.replace("ratio: 0.5", "ratio: k")
    text = stage("block: own, depth: 1, width: 16", block, top="let: {k: 0.5}\n")
    found = failure(text)
    assert found.code.id in ("RC0207", "RC0214") and covered(text, found.span) == "k"
    passed = stage("block: own, depth: 1, width: 16, ratio: k", OWN, top="let: {k: 0.5}\n")
    assert operator(compile(passed), "layer1.0.a").out == 8


def test_norm_and_act() -> None:
    usual = compile(net())
    assert (
        operator(usual, "layer1.0.bn1") == BatchNorm()
        and operator(usual, "layer1.0.act1") == Relu()
    )
    other = compile(net(top="norm: {group_norm: {groups: 4}}\nact: silu\n"))
    assert operator(other, "layer1.0.bn1") == GroupNorm(groups=4)
    assert operator(other, "layer1.0.act2") == Silu()
    one = compile(
        stage("block: basic, depth: 1, width: 8, act: silu, norm: {batch_norm: {eps: 0.1}}")
    )
    assert operator(one, "layer1.0.act1") == Silu() and operator(one, "layer1.0.bn1").eps == 0.1
    none = compile(stage("block: basic, depth: 1, width: 8, act: none"))
    assert "layer1.0.act1" not in names(none) and none["fc"].inputs == ("pool",)
    assert none["pool"].inputs == ("layer1.0.add",)


def test_defaults_of_operators() -> None:
    graph = compile(
        net(
            stem="  - a: {conv: {out: 8, kernel: 3}}\n  - b: {conv: {out: 8, kernel: 3, bias: false}}\n",
            top="defaults: {conv: {bias: true}, linear: {bias: false}}\n",
        )
    )
    found = [operator(graph, name).bias for name in ("a", "b", "layer1.0.conv1", "fc")]
    assert found == [True, False, True, False]


def test_a_default_of_no_operator_is_an_error() -> None:
    text = net(top="defaults: {convolution: {bias: true}}\n")
    assert covered(text, failure(text).span) == "convolution"


@pytest.mark.parametrize(
    ("first", "second"),
    [("groups: 1", "groups: true"), ("bias: true", "bias: 1"), ("bias: false", "bias: 0")],
)
def test_a_flag_is_no_number_even_where_they_are_equal(first: str, second: str) -> None:
    """`True == 1` in Python: a table of operators made so far must not take one for the other."""
    stem = "".join(
        f"  - {name}: {{conv: {{out: 8, kernel: 3, {given}}}}}\n"
        for name, given in (("a", first), ("b", second))
    )
    found = failure(net(stem=stem))
    assert found.code.id == "RC0204" and found.span is not None and found.span.line == 5


# --- shortcuts ---


def shortcut(
    choice: str, width: int = 8, stride: int = 1, blocks: str = ""
) -> tuple[str, list[str]]:
    """The kind of shortcut of a stage's first block, and the layers on it."""
    said = f", shortcut: {choice}" if choice else ""
    text = stage(f"block: basic, depth: 2, width: {width}, stride: {stride}{said}", blocks)
    first, second = (compile(text).scopes[f"layer1.{index}"] for index in range(2))
    assert choice in ("projection", "none") or second.shortcut == "identity"
    return first.shortcut, [name.removeprefix("layer1.0.") for name in first.shortcut_layers]


def test_auto_is_the_identity_where_it_fits() -> None:
    projection = ("projection", ["downsample.0", "downsample.1"])
    assert shortcut("") == shortcut("auto") == shortcut("identity") == ("identity", [])
    assert shortcut("", width=16) == shortcut("auto", stride=2) == projection
    assert shortcut("projection") == projection
    assert shortcut("none", width=16) == ("none", [])


def test_zero_pad_and_blocks_of_ones_own() -> None:
    padded = ["downsample.subsample", "downsample.pad"]
    assert shortcut("zero_pad") == ("identity", [])
    assert shortcut("zero_pad", 16, 2) == ("zero_pad", padded)
    own = "  mine:\n    parameters: {out: required, stride: 1, kernel: 1}\n    layers:\n"
    own += "      - conv: {conv: {out: out, kernel: kernel, stride: stride}}\n"
    assert shortcut("mine", 16, 2, own) == ("mine", ["downsample.conv"])
    text = stage("block: basic, depth: 1, width: 16, stride: 2, shortcut: {mine: {kernel: 3}}", own)
    made = operator(compile(text), "layer1.0.downsample.conv")
    assert made == Conv(out=16, kernel=(3, 3), stride=(2, 2))


def test_zero_pad_has_no_parameters() -> None:
    text = "block: basic, depth: 1, width: 16, stride: [2, 1], shortcut: "
    plain, padded = (Measures(compile(stage(text + kind))) for kind in ("none", "zero_pad"))
    assert plain.parameters == padded.parameters
    graph = compile(stage(text + "zero_pad"))
    assert graph.concrete("layer1.0.add") == (16, 16, 32)
    (proof,) = graph.proofs
    assert proof.verdict == "all sizes"


def test_an_identity_that_does_not_fit() -> None:
    text = stage("block: basic, depth: 1, width: 16, stride: 2, shortcut: identity")
    found = failure(text)
    assert found.code.id == "RC0301"
    assert (
        "shortcut: identity" in covered(text, found.span) or covered(text, found.span) == "identity"
    )
    labelled = {covered(text, label.span) for label in found.secondary}
    assert any("16" in part for part in labelled) and any("2" in part for part in labelled)
    assert "shortcut: projection" in "".join(found.help) and "zero_pad" in "".join(found.help)
    for choice in ("projection", "zero_pad"):
        assert compilation(text.replace("identity", choice)).valid
    extra = Measures(compile(text.replace("identity", "projection"))).parameters
    less = Measures(compile(text.replace("identity", "zero_pad"))).parameters
    assert f"adds {extra - less:,} parameters" in "".join(found.help)


ROUNDING = """\
  aa:
    parameters: {width: required}
    residual:
      - conv: {conv: {out: width, kernel: 3}}
      - pool: {avg_pool: {kernel: 2}}
    shortcut:
      - downsample: {conv: {out: width, kernel: 1, stride: 2}}
"""


def test_a_projection_that_does_not_fit_is_not_called_missing() -> None:
    """At an odd size the pool rounds down and the projection up: it is there, and zero_pad would not help."""
    text = stage("block: aa, depth: 1, width: 16", ROUNDING, input="{height: 33, width: 33}")
    found = failure(text)
    assert found.code.id == "RC0301"
    assert "no projection" not in found.detail
    assert not any("zero_pad" in line for line in found.help)
    assert not compilation(text.replace("width: 16}", "width: 16, shortcut: zero_pad}")).valid


def test_a_block_without_a_shortcut_has_nothing_to_project_with() -> None:
    bare = "  bare:\n    residual:\n      - conv: {conv: {out: 8, kernel: 3}}\n"
    text = stage("block: bare, depth: 1, shortcut: projection", bare)
    found = failure(text)
    assert found.code.id == "RC0219" and covered(text, found.span) == "projection"


def test_plain_networks_have_no_adds() -> None:
    graph = compile(stage("block: basic, depth: 2, width: 16, stride: 2, shortcut: none"))
    assert not graph.proofs and not any(node.operator.word == "add" for node in graph)


# --- stages: per-block lists, first, names, counters ---


def test_per_block_lists_and_first() -> None:
    graph = compile(
        stage(
            "block: bottleneck, depth: 3, width: 8, groups: [1, 2, 4], stride: 2, first: {base_width: 128}"
        )
    )
    made = [operator(graph, f"layer1.{index}.conv2") for index in range(3)]
    assert [conv.groups for conv in made] == [1, 2, 4]
    assert [conv.out for conv in made] == [16, 16, 32]
    assert [conv.stride for conv in made] == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("counter", "values"),
    [
        ("index", [0, 0, 1]),
        ("depth", [1, 2, 2]),
        ("block_index", [0, 1, 2]),
        ("block_count", [3, 3, 3]),
    ],
)
def test_counters(counter: str, values: list[int]) -> None:
    """What the blocks of two stages, of one block and of two, can be told of where they stand."""
    argument = f"{{block: one, depth: DEPTH, n: {counter} + 1}}"
    graph = compile(
        net(
            stages=f"  - a: {argument}\n  - b: {argument}\n".replace("DEPTH", "1", 1).replace(
                "DEPTH", "2"
            ),
            blocks=(
                "  one:\n    parameters: {n: required}\n"
                "    layers:\n      - conv: {conv: {out: n, kernel: 1}}\n"
            ),
        )
    )
    found = [operator(graph, name).out - 1 for name in ("a.0.conv", "b.0.conv", "b.1.conv")]
    assert found == values


@pytest.mark.parametrize(
    ("top", "own", "found"),
    [
        ("", "", ["layer1.0", "layer1.1"]),
        ('names: "{stage}.blocks.{index}"\n', "", ["layer1.blocks.0", "layer1.blocks.1"]),
        ('names: "{stage}.blocks.{index}"\n', ', names: "b{index + 1}"', ["b1", "b2"]),
        ('names: "s{block_index}_{depth - index}"\n', "", ["s0_2", "s1_1"]),
    ],
)
def test_names_of_blocks(top: str, own: str, found: list[str]) -> None:
    graph = compile(stage(f"block: basic, depth: 2, width: 8{own}", top=top))
    assert list(graph.stages[0].blocks) == found
    assert all(f"{name}.conv1" in names(graph) for name in found)


def test_dotted_names() -> None:
    graph = compile(net(stem="  - stem.conv: {conv: {out: 8, kernel: 3}}\n  - stem.0.bn: norm\n"))
    assert names(graph)[:2] == ["stem.conv", "stem.0.bn"]


# --- expect ---


def test_expect() -> None:
    graph = compile(net())
    measures = Measures(graph)
    facts = {
        "weighted_layers": measures.weighted_layers,
        "parameters": measures.parameters,
        "macs": measures.macs,
        "output_shape": [10],
    }
    true = ", ".join(f"{name}: {value}" for name, value in facts.items())
    assert compilation(net() + f"expect: {{{true}}}\n").valid
    for name in facts:
        wrong = "[11]" if name == "output_shape" else "11"
        text = net() + f"expect: {{{name}: {wrong}}}\n"
        found = failure(text)
        assert found.code.id == "RC0401" and covered(text, found.span) == wrong
        assert f"`{name}`" in found.summary
    everything = net() + "expect: {weighted_layers: 1, parameters: 1, macs: 1, output_shape: [1]}\n"
    assert len(failures(everything)) == 4


# --- inputs and proofs ---

AA = stage("block: aa, depth: 1, width: 16", ROUNDING, input="INPUT")


@pytest.mark.parametrize(
    ("given", "verdict", "severity"),
    [
        ("{height: 32, width: 32}", "declared sizes", "warning"),
        ("{height: {}, width: 32}", "declared sizes", "error"),
        ("{height: {multiple_of: 2}, width: {multiple_of: 2}}", "all sizes", None),
        ("{height: {multiple_of: 2}, width: 32}", "declared sizes", "warning"),
        (
            "{height: {multiple_of: 6, minimum: 12, default: 18}, width: {multiple_of: 2}}",
            "all sizes",
            None,
        ),
        ("{height: {multiple_of: 3, default: 30}, width: 32}", "declared sizes", "error"),
        ("{height: 33, width: 32}", "no", "error"),
    ],
)
def test_open_sizes_claim_and_declared_sizes_do_not(
    given: str, verdict: str, severity: str | None
) -> None:
    found = compilation(AA.replace("INPUT", given))
    (proof,) = found.proofs
    assert proof.verdict == verdict
    assert [each.severity for each in found.diagnostics] == ([severity] if severity else [])
    assert found.valid is (severity != "error")


def test_a_proof_has_its_counterexample() -> None:
    (proof,) = compile(AA.replace("INPUT", "{height: 32, width: 32}")).proofs
    assert (proof.node, proof.residual) == ("layer1.0.add", True)
    assert proof.left[0] == proof.right[0] == 16
    found = proof.counterexample
    assert found is not None
    assert (found.axis, found.extent, found.left, found.right) == ("H", 33, 16, 17)
    (proof,) = compile(net()).proofs
    assert (proof.verdict, proof.counterexample) == ("all sizes", None)
    (proof,) = compilation(
        AA.replace("INPUT", "{height: {multiple_of: 5, default: 50}, width: 32}")
    ).proofs
    assert proof.counterexample is not None and proof.counterexample.extent == 55


@pytest.mark.parametrize(
    ("given", "declared"),
    [
        ("{}", (3, 224, 224)),
        ("{channels: 1, height: 64, width: 96}", (1, 64, 96)),
        ("{height: {}, width: {multiple_of: 50}}", (3, 224, 250)),
        ("{height: {minimum: 300}, width: {minimum: 7, multiple_of: 100}}", (3, 300, 300)),
        (
            "{height: {default: 32}, width: {multiple_of: 32, minimum: 64, default: 64}}",
            (3, 32, 64),
        ),
    ],
)
def test_the_size_that_is_counted_at(given: str, declared: tuple[int, ...]) -> None:
    assert compile(net(input=given)).concrete("input") == declared


@pytest.mark.parametrize(
    "given",
    [
        "{height: 0}",
        "{height: -32}",
        "{height: 32.5}",
        "{height: true}",
        "{height: [32]}",
        "{height: {minimum: 64, default: 32}}",
        "{height: {multiple_of: 32, default: 100}}",
        "{height: {multiple_of: 0}}",
        "{height: {maximum: 64}}",
        "{channels: 0}",
        "{height: 100000}",
    ],
)
def test_an_input_that_cannot_be(given: str) -> None:
    text = net(input=given)
    found = failure(text)
    assert found.code.id in ("RC0201", "RC0203", "RC0204")
    assert found.span is not None and found.span.line == 2


def test_the_smallest_input() -> None:
    stem = "  - conv: {conv: {out: 8, kernel: 7, padding: 0}}\n"
    assert compile(net(stem=stem)).minimum_extents == {"H": 7, "W": 7}
    assert failure(net(stem=stem, input="{height: 6, width: 32}")).code.id == "RC0306"
    assert compilation(net(stem=stem, input="{height: {minimum: 7}, width: 32}")).valid
    text = net(stem=stem, input="{height: {minimum: 6}, width: 32}")
    found = failure(text)
    assert found.code.id == "RC0307" and "7" in "".join(found.help)


# --- where an error points: to the text to change ---

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


# --- what blocks nobody had planned for needed ---


def test_a_star_reads_every_layer_that_fits() -> None:
    graph = compile(
        net(
            stem=STEM + "  - b.0: relu\n  - b.1: {sigmoid: {}, from: conv}\n"
            '  - cat: {concat: {}, from: ["b.*", conv]}\n'
        )
    )
    assert graph["cat"].inputs == ("b.0", "b.1", "conv")


def test_fitting_adds_only_where_shapes_are_equal() -> None:
    text = stage("block: basic, depth: 2, width: 16, stride: 2, shortcut: fitting")
    graph = compile(text)
    assert [proof.node for proof in graph.proofs] == ["layer1.1.add"]
    assert Measures(graph).weighted_layers == 1 + 4 + 1


def test_words_can_be_chosen_and_lists_read() -> None:
    block = (
        "  own: {parameters: {gate: none, widths: none}, layers: "
        '[{c: {conv: {out: "widths[1]", kernel: 1}}}, {g: {use: gate}}]}\n'
    )
    graph = compile(
        stage(
            "block: own, depth: 2, gate: relu if index > 0 else none, widths: [[4, 8], [4, 6]]",
            block,
        )
    )
    assert [n.name for n in graph if n.operator.word == "relu"] == ["layer1.1.g"]
    assert [graph.shape(f"layer1.{i}.c")[0] for i in (0, 1)] == [8, 6]


def test_a_layer_that_is_not_there_passes_on_what_it_names() -> None:
    graph = compile(
        net(
            stem=STEM
            + "  - a: relu\n  - b: {sigmoid: {}, from: conv, when: false}\n  - c: {add: {}, from: [a, b]}\n"
        )
    )
    assert graph["c"].inputs == ("a", "conv")


def test_repeat_has_from_and_when() -> None:
    layers = '{index: i, count: 2, layers: [{"r{i}": relu}]}'
    graph = compile(
        net(
            stem=STEM + "  - a: sigmoid\n"
            f"  - x: {{repeat: {layers}, from: conv}}\n"
            f"  - y: {{repeat: {layers.replace('r{i}', 's{i}')}, when: false}}\n"
            "  - sum: {add: {}, from: [a, r1]}\n"
        )
    )
    assert graph["r0"].inputs == ("conv",)
    assert not any(node.name.startswith("s0") for node in graph)


def test_a_number_hides_no_operator() -> None:
    block = "  own: {parameters: {scale: 2}, layers: [{s: {scale: {factor: scale}}}]}\n"
    assert compile(stage("block: own, depth: 1", block))["layer1.0.s"].operator.word == "scale"
