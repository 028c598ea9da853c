"""Drawings in the programs that show them: SVG and Mermaid in Chromium, where texts have the widths of real faces.

python tests/campaigns/drawings.py [--mermaid mermaid.min.js] [--chromium /usr/bin/chromium] [SPEC...]

Of SVG it checks that every text stays within its box, and of Mermaid that each flowchart is drawn and that any text in it
stays text. It needs playwright and a Chromium; `npm install mermaid` has the script.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support.hostile_strings import TEXTS

import resnet_compiler
from resnet_compiler import draw
from resnet_compiler.characters import escaped
from resnet_compiler.draw.as_mermaid import mermaid_text
from resnet_compiler.draw.outline import outline

SPECS = ("resnet18", "resnet50", "resnet152", "preact_resnet1001", "timm/seresnet50", "resnet34_a")
OUTSIDE = """() => [...document.querySelectorAll('g[data-name]')].flatMap(group => {
    const box = group.querySelector('rect');
    if (!box) return [];
    const around = box.getBBox();
    return [...group.querySelectorAll('text')].filter(text => {
        const own = text.getBBox();
        return own.x < around.x || own.x + own.width > around.x + around.width;
    }).map(text => text.textContent);
})"""
DRAW = """async text => {
    try {
        const drawn = await mermaid.render('drawn', text);
        document.body.innerHTML = drawn.svg;
        const input = document.querySelector('[id*="flowchart-input"]');
        return ['', input ? input.textContent.trim() : ''];
    } catch (problem) { return [String(problem), '']; }
}"""


def svg_findings(page: Any, name: str) -> Iterator[str]:
    """Texts that reach out of their boxes."""
    graph = resnet_compiler.compile(name)
    for detail in get_args(draw.Detail):
        page.set_content(draw.svg(draw.figure(graph, detail)))
        for text in page.evaluate(OUTSIDE):
            yield f"{name}, {detail}: {text!r} is wider than its box"


def mermaid_findings(page: Any, name: str) -> Iterator[str]:
    """Flowcharts that Mermaid refuses."""
    for detail in get_args(draw.Detail):
        problem, _ = page.evaluate(DRAW, draw.mermaid(resnet_compiler.compile(name), detail))
        if problem:
            yield f"{name}, {detail}: {problem[:300]}"


def text_findings(page: Any) -> Iterator[str]:
    """Texts that Mermaid takes for something else."""
    found = outline(resnet_compiler.compile("resnet18"), "compact")
    for name, text in TEXTS.items():
        if len(text) > 1000 or not text.strip():
            continue
        first = replace(found.nodes[0], lines=(text,))
        page_text = mermaid_text(replace(found, title=text, nodes=(first,)))
        problem, shown = page.evaluate(DRAW, page_text)
        if problem or shown != escaped(text).strip():
            yield f"{name}: {problem or shown!r}"


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", default=SPECS)
    parser.add_argument("--mermaid", type=pathlib.Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        page = browser.new_page()
        for name in options.specs:
            for finding in svg_findings(page, name):
                count += 1
                print(finding)
        if options.mermaid:
            page.set_content("<body></body>")
            page.add_script_tag(path=options.mermaid)
            page.evaluate("mermaid.initialize({maxTextSize: 1e7, maxEdges: 1e6})")
            small = [name for name in options.specs if "1001" not in name and "152" not in name]
            for name in small:
                for finding in mermaid_findings(page, name):
                    count += 1
                    print(finding)
            for finding in text_findings(page):
                count += 1
                print(finding)
        browser.close()
    print(f"{count} findings")
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
