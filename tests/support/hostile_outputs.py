"""What must hold of everything that is made of a spec with hostile text in it. Each check gives what is wrong, if anything.

An output that is new is one more function in `OUTPUTS`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import onnx
from markdown_it import MarkdownIt

from resnet_compiler import build_onnx, emit_pytorch
from resnet_compiler.card import card_text
from resnet_compiler.compare import difference
from resnet_compiler.compare.as_json import difference_dict
from resnet_compiler.compare.text import difference_text
from resnet_compiler.console import json_text
from resnet_compiler.graph import Graph
from resnet_compiler.pipeline import Compilation
from resnet_compiler.render import render
from resnet_compiler.report import check_dict, summary_dict, summary_text
from support.hostile_strings import HIDDEN_CATEGORIES
from support.source_allow_list import violations

LONGEST = 20_000
"""Characters that the findings on one spec take at most."""


def hidden(text: str) -> list[str]:
    """The characters of a text that move a cursor, turn text round or cannot be seen; line feeds are none."""
    found = {c for c in text if c != "\n" and unicodedata.category(c) in HIDDEN_CATEGORIES}
    return [f"U+{ord(c):04X} in the output" for c in sorted(found)]


def source(graph: Graph) -> list[str]:
    return violations(emit_pytorch(graph))


def onnx_model(graph: Graph) -> list[str]:
    model = build_onnx(graph)  # checked by onnx there
    return hidden("".join(_texts(model)))


def _texts(message: onnx.ModelProto) -> list[str]:
    """Every text in a message and in those inside it."""
    found: list[str] = []
    for field, value in message.ListFields():
        for each in value if field.is_repeated else [value]:
            if field.type == field.TYPE_MESSAGE:
                found += _texts(each)
            elif field.type == field.TYPE_STRING:
                found.append(each)
            elif field.type == field.TYPE_BYTES and field.name in ("s", "strings"):
                found.append(each.decode())
    return found


def summary(graph: Graph) -> list[str]:
    texts = [summary_text(graph, depth) for depth in ("stage", "block", "layer")]
    return hidden("\n".join([*texts, json_text(summary_dict(graph))]))


def difference_from_itself(graph: Graph) -> list[str]:
    found = difference(graph, graph)
    return hidden(difference_text(found) + json_text(difference_dict(found)))


def card(graph: Graph) -> list[str]:
    """The card shows the title as text: what is read of its Markdown has no link and no HTML."""
    text = card_text(graph, "0", ("a.svg", "b.svg"))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inside = [each for token in tokens for each in token.children or ()]
    wrong = hidden(text)
    types = [each.type for each in (*tokens, *inside)]
    wrong += [f"{each} in the card" for each in types if "html" in each or "link" in each]
    if (types.count("image"), types.count("em_open")) != (2, 3):  # those of the template
        wrong.append("more markup in the card than its own")
    heading = next(i for i, token in enumerate(tokens) if token.tag == "h1")
    shown = "".join(each.content for each in tokens[heading + 1].children or ())
    if shown != " ".join(graph.identity.title.split()):
        wrong.append(f"the card's title is {shown!r}")
    return wrong


OUTPUTS: tuple[Callable[[Graph], list[str]], ...] = (
    source,
    onnx_model,
    summary,
    difference_from_itself,
    card,
)


def findings(compilation: Compilation) -> list[str]:
    """What is wrong with the findings in each form they are shown in."""
    shown, texts = compilation.diagnostics, compilation.texts
    forms = [render(shown, style, texts) for style in ("full", "short", "json")]
    annotations = render(shown, "github", texts)
    text = "\n".join([*forms, annotations, json_text(check_dict(compilation))])
    wrong = hidden(text)
    commands = annotations.split("\n") if shown else []
    if len(commands) != len(shown) or not all(
        c.startswith(("::error ", "::warning ")) for c in commands
    ):
        wrong.append("another workflow command")
    longest = max(len(text) for text in (*forms, annotations)) / max(len(shown), 1)
    if longest > LONGEST:
        wrong.append(f"{longest:,.0f} characters for one finding")
    return wrong


def complaints(compilation: Compilation) -> list[str]:
    """Everything that is wrong with what became of a spec: it is refused with errors, or all its outputs are harmless."""
    wrong = findings(compilation)
    if compilation.graph is None:
        return wrong if not compilation.valid else [*wrong, "no graph and no error"]
    for output in OUTPUTS:
        wrong += [f"{output.__name__}: {each}" for each in output(compilation.graph)]
    return wrong
