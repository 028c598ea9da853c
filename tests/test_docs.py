"""docs/language.md: every example compiles, the worked ones verify, and the tables are those of the code.

``python tests/test_docs.py`` writes the tables into the document anew, and the index of codes in docs/codes/README.md.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import MISSING, Field, fields
from typing import Any

import pytest

import resnet_compiler
from resnet_compiler.codes import GROUPS, catalogue
from resnet_compiler.definitions import REQUIRED
from resnet_compiler.devices import WIDTHS, devices
from resnet_compiler.expressions import FUNCTIONS
from resnet_compiler.graph import Graph
from resnet_compiler.library import Library, SpecFile, shipped_blocks
from resnet_compiler.limits import Limits
from resnet_compiler.operators import OPERATORS
from resnet_compiler.spec import (
    Block,
    Expect,
    Input,
    LayerBody,
    Network,
    OpenSize,
    Repeat,
    Stage,
)

DOCS = pathlib.Path(__file__).parent.parent / "docs"
DOCUMENT, CODES = DOCS / "language.md", DOCS / "codes" / "README.md"
WORKED = "## Worked examples"

WINDOW = "⌊(H + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1"
SHAPES = {
    "conv": f"(C, H, W) → (out, H′, W′) with H′ = {WINDOW}",
    "conv1d": "(C, L) → (out, L)",
    "linear": "any fixed shape → (out,)",
    "batch_norm": "(C, H, W), the same",
    "group_norm": "(C, H, W), the same",
    "layer_norm": "(C, H, W), the same",
    **dict.fromkeys(
        (
            *("relu", "leaky_relu", "silu", "hard_swish", "gelu", "sigmoid", "hard_sigmoid"),
            *("dropout", "drop_path", "power", "scale"),
        ),
        "any, the same",
    ),
    "softmax": "(C, …), the same; C fixed",
    "max_pool": "(C, H, W) → (C, H′, W′) as `conv`; with `ceil_mode` rounded up",
    "avg_pool": "(C, H, W) → (C, H′, W′) as `conv`; with `ceil_mode` rounded up",
    "blur_pool": "(C, H, W) → (C, ⌈H / stride⌉, ⌈W / stride⌉), H and W from 2",
    "global_avg_pool": "(C, H, W) → (C, 1, 1)",
    "reduce": "(C, H, W) → (C, 1, 1), over channels (1, H, W)",
    "add": "two or more, all equal → the same",
    "mul": "two: any, and equal or 1 in each dimension → the first's",
    "shift": "two: any, and equal or 1 in each dimension → the first's",
    "maximum": "two: any, and equal or 1 in each dimension → the first's",
    "concat": "two or more, equal but for the first dimension → (sum of C, …)",
    "part": "(C, H, W) → (C / of, H, W)",
    "parameter": "none → (channels, 1, 1)",
    "shuffle": "(C, H, W) → the same",
    "reshape": "any fixed shape → `to`",
    "subsample": "(C, H, W) → (C, ⌈H / stride⌉, ⌈W / stride⌉)",
    "pad": "(C, H, W) → (`channels` or C, H + 2 border, W + 2 border)",
}
"""How each operator's shape rule reads; the one column that no code says."""


# --- the tables ------------------------------------------------------------------------------------------------------


def written(value: Any) -> str:
    """A default as a spec writes it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case (a, b) if a == b:
            return str(a)
        case tuple():
            return f"[{', '.join(written(getattr(item, 'value', item)) for item in value)}]"
        case float():
            return f"{value:.10f}".rstrip("0").rstrip(".") if value else "0"
    return str(value)


def attribute_text(name: str, field: Field[Any]) -> str:
    kind = field.metadata["kind"]
    if field.metadata["words"]:
        kind = " or ".join(f"`{word}`" for word in field.metadata["words"])
    default = "required" if field.default is MISSING else f"default `{written(field.default)}`"
    return f"`{name}`: {kind}, {default}; {field.metadata['doc']}"


def sentence(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def operator_table() -> str:
    rows = ["| word | attributes | what it does | shape |", "|---|---|---|---|"]
    for word, kind in OPERATORS.items():
        attributes = "<br>".join(attribute_text(*item) for item in kind.attributes().items())
        doc = sentence(kind.__doc__ or "")
        rows.append(f"| `{word}` | {attributes or '—'} | {doc} | {SHAPES[word]} |")
    return "\n".join(rows)


def block_table() -> str:
    rows = ["| block | parameters | what it is |", "|---|---|---|"]
    for path in shipped_blocks():
        block = Library().find_block(path.stem, {}, ())
        assert block is not None
        parameters = "<br>".join(
            f"`{name}`: {'required' if given.value == REQUIRED else f'default `{written(given.value)}`'}"
            for name, given in block.parameters.items()
        )
        kind = "residual block" if block.layers is None else "block"
        rows.append(f"| `{block.name}` | {parameters or '—'} | {kind}: {sentence(block.doc)} |")
    return "\n".join(rows)


def limit_table() -> str:
    rows = ["| limit | by default | of what |", "|---|---|---|"]
    rows += [
        f"| `{each.name}` | {each.default:,} | {each.metadata['doc']} |" for each in fields(Limits)
    ]
    return "\n".join(rows)


def code_table() -> str:
    groups = []
    for prefix, about in GROUPS.items():
        rows = [f"## {about}", "", "| code | title |", "|---|---|"]
        rows += [
            f"| [{code.id}]({code.id}.md) | {code.title} |"
            for code in catalogue()
            if code.id.startswith(prefix)
        ]
        groups.append("\n".join(rows))
    return "\n\n".join(groups)


def device_table() -> str:
    names = list(WIDTHS)
    rows = [
        f"| device | | {' | '.join(names)} | memory | source |",
        "|---" * (len(names) + 4) + "|",
    ]
    for name, device in devices().items():
        rates = [f"{device.rates[p] / 1e12:.4g}" if p in device.rates else "—" for p in names]
        cells = [f"`{name}`", device.title, *rates, f"{device.bandwidth / 1e9:.4g}", device.source]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


TABLES = {
    "devices": (DOCS / "bench.md", device_table),
    "operators": (DOCUMENT, operator_table),
    "blocks": (DOCUMENT, block_table),
    "limits": (DOCUMENT, limit_table),
    "codes": (CODES, code_table),
}


def between(name: str, text: str) -> str:
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert match is not None, f"the document has no `<!-- {name} -->` markers"
    return match[1].strip()


def rewrite() -> None:
    """Write the tables into the documents."""
    for name, (document, table) in TABLES.items():
        text = document.read_text("utf-8")
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        document.write_text(f"{head}{start}{table()}\n{end}{tail}", "utf-8")


# --- the examples ----------------------------------------------------------------------------------------------------


def fences(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


TEXT = DOCUMENT.read_text("utf-8")
BLOCKS = {
    match[1]: fence
    for fence in fences(TEXT)
    if (match := re.match(r"# blocks/(\w+)\.yaml\n", fence))
}
SPECS = {
    match[1]: fence
    for fence in fences(TEXT)
    if (match := re.search(r"^name: (\w+)$", fence, re.MULTILINE))
    and re.search(r"^(stages|extends):", fence, re.MULTILINE)
}
WORKED_NAMES = [name for name, fence in SPECS.items() if TEXT.index(fence) > TEXT.index(WORKED)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with every spec of the document, and its block files in `blocks/`."""
    root = tmp_path_factory.mktemp("docs")
    (root / "blocks").mkdir()
    for name, fence in BLOCKS.items():
        (root / "blocks" / f"{name}.yaml").write_text(fence, "utf-8")
    for name, fence in SPECS.items():
        (root / f"{name}.yaml").write_text(fence, "utf-8")
    return root


def graph_of(folder: pathlib.Path, name: str) -> Graph:
    return resnet_compiler.compile(str(folder / f"{name}.yaml"))


def test_every_yaml_fence_is_a_spec_or_a_block() -> None:
    assert len(fences(TEXT)) == len(BLOCKS) + len(SPECS)
    assert len(WORKED_NAMES) >= 9


@pytest.mark.parametrize("name", SPECS)
def test_specs_of_the_document_compile(folder: pathlib.Path, name: str) -> None:
    assert len(graph_of(folder, name)) > 5


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_the_document_are_valid(folder: pathlib.Path, name: str) -> None:
    spec = SpecFile("spec.yaml", folder / "spec.yaml")
    block = Library().find_block(name, {}, (spec,))
    assert block is not None
    arguments = ", ".join(
        f"{key}: 16" for key, value in block.parameters.items() if value.value == REQUIRED
    )
    (folder / "spec.yaml").write_text(
        "name: spec\ninput: {height: 32, width: 32}\n"
        "stem:\n  - conv: {conv: {out: 16, kernel: 3}}\n"
        f"stages:\n  - one: {{block: {name}, depth: 1, {arguments}}}\n",
        "utf-8",
    )
    assert len(graph_of(folder, "spec")) > 2


@pytest.mark.parametrize("name", WORKED_NAMES)
def test_worked_examples_verify(folder: pathlib.Path, name: str) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from resnet_compiler.verify import verify

    graph = graph_of(folder, name)
    assert graph.declared["H"] <= 64
    assert verify(graph).verdict == "agree"


# --- the tables are those of the code --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_the_code(name: str) -> None:
    document, table = TABLES[name]
    assert between(name, document.read_text("utf-8")) == table(), "run `python tests/test_docs.py`"


def test_shapes_are_given_for_every_operator() -> None:
    assert SHAPES.keys() == OPERATORS.keys()


def test_functions_are_those_of_expressions() -> None:
    rows = re.findall(r"^\| `(\w+)\(", between("functions", TEXT), re.MULTILINE)
    assert sorted(rows) == sorted(FUNCTIONS)


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ("A spec", Network),
        ("Layers", LayerBody),
        ("Layers", Repeat),
        ("Blocks", Block),
        ("Stages", Stage),
        ("Input", Input),
        ("Input", OpenSize),
        ("Expect", Expect),
    ],
)
def test_every_key_is_documented(section: str, model: Any) -> None:
    text = TEXT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert f"`{key}`" in text or f"  {key}: " in text or f"{key}:   " in text, key


if __name__ == "__main__":
    rewrite()
