"""Specs of odd structure, each for one thing that could go wrong. Images are 3 × 16 × 16."""

from __future__ import annotations

STEM = "- conv1: {conv: {out: 8, kernel: 3}}\n- bn1: norm\n- relu: act"
STAGES = (
    "- layer1: {block: basic, depth: 2, width: 8}\n"
    "- layer2: {block: basic, depth: 2, width: 16, stride: 2}"
)
HEAD = "- pool: global_avg_pool\n- fc: {linear: {out: 5}}"
TWO = "- layer1: {block: b, depth: 2}\n- layer2: {block: b, depth: 1}"
TWO_WIDTHS = (
    "- layer1: {block: b, depth: 2, width: 8}\n- layer2: {block: b, depth: 2, width: 16, stride: 2}"
)


def indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.strip("\n").splitlines())


def spec(
    stages: str = STAGES, stem: str = STEM, head: str = HEAD, blocks: str = "", more: str = ""
) -> str:
    """A spec's text from its sections; a section that is empty is left out."""
    text = f"name: probe\ninput: {{channels: 3, height: 16, width: 16}}\n{more}"
    for key, section in (("stem", stem), ("stages", stages), ("head", head), ("blocks", blocks)):
        text += f"{key}:\n{indented(section, 2)}" if section else ""
    return text


def block(layers: str, stages: str = TWO, head: str = HEAD, stem: str = STEM) -> str:
    """A spec whose stages are of one plain block, `b`, with these layers."""
    return spec(stages, stem, head, f"b:\n  layers:\n{indented(layers, 4)}")


def residual(body: str, stages: str = TWO, parameters: str = "{}") -> str:
    """A spec whose stages are of one block, `b`, given by its `residual`, `shortcut` and `after`."""
    return spec(stages, blocks=f"b:\n  parameters: {parameters}\n{indented(body, 2)}")


SE = """
se:
  parameters: {reduction: 4}
  layers:
    - pool: global_avg_pool
    - fc1: {conv: {out: in_channels // reduction, kernel: 1, bias: true}}
    - act: act
    - fc2: {conv: {out: in_channels, kernel: 1, bias: true}}
    - gate: sigmoid
    - scale: {mul: {}, from: [input, gate]}
"""
OPTIONAL = "{width: required, stride: 1}"

STRUCTURES = {
    # --- stages, stems and heads ---
    "single-block stages": spec(
        "- a: {block: basic, depth: 1, width: 8}\n- b: {block: basic, depth: 1, width: 16}"
    ),
    "one stage": spec("- a: {block: basic, depth: 3, width: 8}"),
    "twelve stages": spec(
        "\n".join(f"- s{i}: {{block: basic, depth: 1, width: {8 + i}}}" for i in range(12))
    ),
    "no stem": spec("- layer1: {block: basic, depth: 2, width: 8}", stem=""),
    "no stem, identity": spec("- layer1: {block: basic, depth: 2, width: 3}", stem=""),
    "no stem, preact": spec("- layer1: {block: preact_basic, depth: 2, width: 8}", stem=""),
    "no head": spec(head=""),
    "activation first": spec(stem="- relu: act\n- conv1: {conv: {out: 8, kernel: 3}}"),
    "norm before blocks": spec("- a: {block: basic, depth: 2, width: 3}", stem="- bn: norm"),
    "convolution last": spec(
        head="- pool: global_avg_pool\n- fc: {conv: {out: 7, kernel: 1, bias: true}}\n"
        "- flat: {reshape: {to: -1}}"
    ),
    "activation after the last stage": spec(
        "- layer1: {block: preact_basic, depth: 2, width: 8}",
        head="- last: act\n- pool: global_avg_pool\n- fc: {linear: {out: 5}}",
    ),
    "two linear layers": spec(
        head="- pool: global_avg_pool\n- fc1: {linear: {out: 12}}\n- r: relu\n"
        "- drop: {dropout: {rate: 0.3}}\n- fc2: {linear: {out: 5, bias: false}}"
    ),
    "head in a container": spec(
        head="- head.pool: global_avg_pool\n- head.flat: {reshape: {to: -1}}\n"
        "- head.fc: {linear: {out: 5}}"
    ),
    "head from stages": spec(
        head="- p1: {global_avg_pool: {}, from: layer1}\n- p2: {global_avg_pool: {}, from: layer2}\n"
        "- cat: {concat: {}, from: [p1, p2]}\n- fc: {linear: {out: 5}}"
    ),
    "head from the stem": spec(
        head="- p1: {global_avg_pool: {}, from: relu}\n- p2: {global_avg_pool: {}, from: layer2}\n"
        "- cat: {concat: {}, from: [p1, p2]}\n- fc: {linear: {out: 5}}"
    ),
    "branches in the stem": spec(
        stem="- a: {conv: {out: 4, kernel: 3}}\n- b: {conv: {out: 4, kernel: 3}}\n"
        "- cat: {concat: {}, from: [a, b]}\n- sum: {add: {}, from: [cat, cat]}\n- relu: act"
    ),
    "another norm and activation": spec(more="norm: {group_norm: {groups: 4}}\nact: silu\n"),
    "activation with an argument": spec(more="act: {leaky_relu: {slope: 0.1}}\n"),
    # --- names ---
    "pattern of blocks": spec(more='names: "{stage}.blocks.{index}"\n'),
    "dotted stages": spec(
        STAGES.replace("layer1", "stages.0").replace("layer2", "stages.1"),
        more='names: "{stage}.blocks.{index}"\n',
    ),
    "dotted stages without blocks": spec(
        STAGES.replace("layer1", "stages.0").replace("layer2", "stages.1")
    ),
    "blocks counted through": spec(more='names: "blocks.{block_index}"\n'),
    "blocks as attributes": spec(more='names: "{stage}_{index + 1}"\n'),
    "blocks counted from one": spec(more='names: "{stage}.{index + 1}"\n'),
    "dotted stem": spec(
        stem="- stem.conv1: {conv: {out: 4, kernel: 3}}\n- stem.bn1: norm\n- stem.act: act\n"
        "- stem.conv2: {conv: {out: 8, kernel: 3, stride: 2}}\n- norm: norm"
    ),
    "stem with gaps": spec(
        stem="- features.0: {conv: {out: 4, kernel: 3}}\n- features.3: norm\n- features.4: act\n"
        "- features.7: {conv: {out: 8, kernel: 3}}"
    ),
    "deeply dotted stem": spec(
        stem="- a.b.c: {conv: {out: 4, kernel: 3}}\n- a.b.d: norm\n- a.e: act\n"
        "- a.f.0: {conv: {out: 8, kernel: 3}}"
    ),
    "stem inside a stage": spec(
        "- layer1: {block: basic, depth: 2, width: 8}",
        stem="- layer1.conv: {conv: {out: 8, kernel: 3}}",
    ),
    "containers called one by one": block(
        """
- branch.a: {conv: {out: 8, kernel: 3}}
- branch.b: {conv: {out: 8, kernel: 3}, from: input}
- sum: {add: {}, from: [branch.a, branch.b]}
- branch.c: {conv: {out: 8, kernel: 3}}
"""
    ),
    "containers interleaved": block(
        """
- conv.0: {conv: {out: 8, kernel: 3}}
- norm.0: norm
- conv.1: {conv: {out: 8, kernel: 3}}
- norm.1: norm
- act.0: act
"""
    ),
    "numbers and words": block(
        "- m.0: {conv: {out: 8, kernel: 3}}\n- m.bn: norm\n- m.1: {conv: {out: 8, kernel: 3}}"
    ),
    "numbers far apart": block("- m.0: {conv: {out: 8, kernel: 3}}\n- m.99: norm"),
    "numbers with zeros": block("- m.00: {conv: {out: 8, kernel: 3}}\n- m.01: norm"),
    "names that source uses": block(
        """
- shortcut: {conv: {out: 8, kernel: 3}}
- x: {conv: {out: 8, kernel: 3}, from: input}
- features: {add: {}, from: [x, shortcut]}
- nn: {conv: {out: 8, kernel: 1}, from: features}
- F: {mul: {}, from: [nn, x]}
- torch: {concat: {}, from: [F, x]}
- stage: {conv: {out: 8, kernel: 1}}
""",
        "- stage: {block: b, depth: 2}\n- features: {block: b, depth: 2}",
        "- shortcut: global_avg_pool\n- Tensor: {linear: {out: 4}}\n- OrderedDict: relu",
        "- x: {conv: {out: 8, kernel: 3}}\n- nn: norm\n- torch: relu\n- F: relu",
    ),
    "a layer called shortcut": residual(
        """
residual:
  - shortcut: {mul: {}, from: [input, input]}
  - conv: {conv: {out: 8, kernel: 1}}
"""
    ),
    "a layer called output": spec(stem="- output: {conv: {out: 8, kernel: 3}}"),
    "a layer inside output": spec(stem="- output.weight: {conv: {out: 8, kernel: 3}}"),
    "a stage called output": spec("- output: {block: basic, depth: 2, width: 8}"),
    "a last layer called output": spec(
        head="- pool: global_avg_pool\n- output: {linear: {out: 5}}"
    ),
    "names of 40 letters": block(
        f"""
- {"a" * 40}: {{conv: {{out: 8, kernel: 3}}}}
- {"b" * 40}: {{conv: {{out: 8, kernel: 3}}, from: input}}
- {"c" * 40}: {{add: {{}}, from: [{"a" * 40}, {"b" * 40}, input]}}
- norm: norm
"""
    ),
    "a long chain that is used twice": block(
        """
- squeeze_convolution: {conv: {out: 8, kernel: 3}}
- squeeze_norm: norm
- squeeze_activation: act
- expand_convolution: {conv: {out: 8, kernel: 3}, from: squeeze_activation}
- both_branches: {add: {}, from: [squeeze_activation, expand_convolution]}
"""
    ),
    "a title with quotes": spec(
        more='title: \'My "Res\\Net" {0} é 50\'\ndoc: \'says """ and {x} \\\'\n'
    ),
    "a title that is a number": spec(more="title: '50 layers'\n"),
    "a block of the network's name": spec(
        "- s: {block: probe, depth: 2}",
        blocks="probe:\n  residual: [{c: {conv: {out: 8, kernel: 3}}}, {n: norm}]",
    ),
    "a block's title with quotes": residual(
        """
title: 'A "b" {c} \\ d'
doc: 'Ends with "quote"'
residual: [{c: {conv: {out: 8, kernel: 3}}}, {n: norm}]
"""
    ),
    # --- instances that differ ---
    "gates in one stage": spec(STAGES.replace("stride: 2", "stride: 2, attention: se"), blocks=SE),
    "gates in some blocks": spec(
        "- layer1: {block: basic, depth: 3, width: 8, attention: [none, se, none]}\n"
        "- layer2: {block: basic, depth: 2, width: 16, attention: [se, {se: {reduction: 2}}]}",
        blocks=SE,
    ),
    "several blocks": spec(
        "- layer1: {block: basic, depth: 2, width: 8}\n"
        "- layer2: {block: bottleneck, depth: 2, width: 4, stride: 2}\n"
        "- layer3: {block: preact_basic, depth: 2, width: 16, stride: 2}"
    ),
    "several shortcuts": spec(
        "- layer1: {block: basic, depth: 2, width: 8, shortcut: projection}\n"
        "- layer2: {block: basic, depth: 2, width: 16, stride: 2, shortcut: zero_pad}\n"
        "- layer3: {block: basic, depth: 2, width: 32, stride: 2, shortcut: none}\n"
        "- layer4: {block: basic, depth: 2, width: 32, shortcut: identity}"
    ),
    "parameters of the first block": spec(
        "- layer1: {block: bottleneck, depth: 2, width: 8, first: {groups: 2}}"
    ),
    "two blocks of one title": spec(
        "- layer1: {block: p, depth: 2}\n- layer2: {block: q, depth: 2}",
        blocks="""
p: {title: Same block, residual: [{c: {conv: {out: 8, kernel: 3}}}, {n: norm}]}
q: {title: Same Block, residual: [{d: {conv: {out: 8, kernel: 3}}}, {m: norm}]}
""",
    ),
    "channels that grow": block(
        """
- bn: norm
- act: act
- conv: {conv: {out: 4, kernel: 3}}
- cat: {concat: {}, from: [input, conv]}
""",
        stem="",
    ),
    "layers that begin at zero": residual(
        """
residual:
  - conv: {conv: {out: 8, kernel: 3}}
  - bn: {batch_norm: {zero_init: true}}
  - gain: {parameter: {channels: 8, fill: 0.5}}
  - scaled: {mul: {}, from: [bn, gain]}
"""
    ),
    # --- shortcuts ---
    "shortcut of one layer": residual(
        """
residual: [{conv1: {conv: {out: width, kernel: 3, stride: stride}}}, {bn1: norm}]
shortcut: [{proj: {conv: {out: width, kernel: 1, stride: stride}}}]
after: [{relu: act}]
""",
        TWO_WIDTHS,
        OPTIONAL,
    ),
    "shortcut of two attributes": residual(
        """
residual: [{conv1: {conv: {out: width, kernel: 3, stride: stride}}}, {bn1: norm}]
shortcut: [{proj: {conv: {out: width, kernel: 1, stride: stride}}}, {projnorm: norm}]
after: [{relu: act}]
""",
        TWO_WIDTHS.replace("width: 8", "width: 10"),
        OPTIONAL,
    ),
    "shortcut with a pool where it strides": residual(
        """
residual: [{conv1: {conv: {out: width, kernel: 3, stride: stride}}}, {bn1: norm}]
shortcut:
  - down.0: {avg_pool: {kernel: 2, ceil_mode: true, count_padding: false}, when: stride > 1}
  - down.1: {conv: {out: width, kernel: 1}}
  - down.2: norm
after: [{relu: act}]
""",
        TWO_WIDTHS.replace("width: 8", "width: 10"),
        OPTIONAL,
    ),
    "shortcut from inside": residual(
        """
residual: [{bn: norm}, {act: act}, {conv: {conv: {out: width, kernel: 3, stride: stride}}}]
shortcut: [{down.0: {conv: {out: width, kernel: 1, stride: stride}, from: act}}, {down.1: norm}]
""",
        TWO_WIDTHS,
        OPTIONAL,
    ),
    # --- nesting ---
    "blocks in blocks": spec(
        "- layer1: {block: outer, depth: 2}",
        blocks="""
outer:
  residual:
    - pre: {use: inner}
    - main: {inner: {width: 6}}
    - out: {conv: {out: in_channels, kernel: 1}}
inner:
  parameters: {width: 8}
  layers: [{a: {leaf: {width: width}}}, {b: {leaf: {width: width}}}]
leaf:
  parameters: {width: required}
  layers: [{conv: {conv: {out: width, kernel: 3}}}, {bn: norm}, {act: act}]
""",
    ),
    "residual blocks in a residual block": residual(
        """
residual: [{one: {basic: {width: 8}}}, {two: {basic: {width: 12}}}, {bn: norm}]
shortcut: [{down.0: {conv: {out: 12, kernel: 1}}}, {down.1: norm}]
after: [{act: act}]
"""
    ),
    "split and cascade": residual(
        """
let: {w: width // scale}
residual:
  - conv1: {conv: {out: width, kernel: 1}}
  - relu1: act
  - part0: {part: {index: 0, of: scale}}
  - convs.0: {conv: {out: w, kernel: 3}}
  - bns.0: norm
  - rest:
      repeat:
        index: i
        count: scale - 2
        layers:
          - "part{i + 1}": {part: {index: i + 1, of: scale}, from: relu1}
          - "sum{i + 1}": {add: {}, from: ["part{i + 1}", "bns.{i}"]}
          - "convs.{i + 1}": {conv: {out: w, kernel: 3}}
          - "bns.{i + 1}": norm
  - last: {part: {index: scale - 1, of: scale}, from: relu1}
  - cat: {concat: {}, from: [bns.0, bns.1, bns.2, last]}
  - conv3: {conv: {out: width, kernel: 1}}
after: [{act3: act}]
""",
        parameters="{width: 8, scale: 4}",
    ),
    # --- values used twice, in place, and inside expressions ---
    "one value, several activations": block(
        """
- conv: {conv: {out: 8, kernel: 3}}
- a: {relu: {}, from: conv}
- b: {silu: {}, from: conv}
- c: {add: {}, from: [a, b, conv]}
- relu: relu
"""
    ),
    "views and activations": block(
        """
- conv: {conv: {out: 8, kernel: 3}}
- relu: relu
- first: {part: {index: 0, of: 2}}
- relu2: relu
- second: {part: {index: 1, of: 2}, from: relu}
- cat: {concat: {}, from: [relu2, second]}
- silu: silu
- sum: {add: {}, from: [silu, relu]}
"""
    ),
    "stages that begin in place": block("- act: act\n- conv: {conv: {out: 8, kernel: 3}}"),
    "sums and products": block(
        """
- a: {conv: {out: 8, kernel: 1}}
- s: {add: {}, from: [a, input]}
- m: {mul: {}, from: [s, a]}
- t: {add: {}, from: [m, s, a]}
- gate: sigmoid
- u: {mul: {}, from: [input, gate]}
- halved: {scale: {factor: 0.5, offset: 1}}
- square: {power: {exponent: 2}}
- small: {scale: {factor: 0.01}}
- part: {part: {index: 0, of: 2}}
- sub: {subsample: {stride: 2}}
- pad: {pad: {channels: 8}}
"""
    ),
    "sums before views": block(
        """
- s: {add: {}, from: [input, input]}
- sub: {subsample: {stride: 2}}
- pool: global_avg_pool
- t: {add: {}, from: [pool, pool]}
- f: {reshape: {to: -1}}
- l: {linear: {out: 8}}
""",
        "- layer1: {block: b, depth: 1}",
        head="",
    ),
}
