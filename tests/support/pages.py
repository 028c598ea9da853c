"""Pages of some networks, and what tests ask of one that is open. The fixtures are in `conftest.py`."""

from __future__ import annotations

import pathlib
import re
from typing import Any

from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.page import page_html
from resnet_compiler.pipeline import compile_file
from support.browser import Opened

ODD = """
name: odd
input: {channels: 3, height: 32, width: 32}
stem:
  - conv1: {conv: {out: 16, kernel: 3}}
stages:
  - an_uncommonly_long_name_of_a_stage: {block: split_and_cascade, depth: 2, width: 16}
  - layer2: {block: split_and_cascade, depth: 3, width: 16}
head:
  - deep: {conv: {out: 16, kernel: 1}}
  - lateral: {conv: {out: 16, kernel: 1}, from: an_uncommonly_long_name_of_a_stage}
  - both: {add: {}, from: [deep, lateral]}
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
blocks:
  split_and_cascade:
    parameters: {width: required}
    residual:
      - conv1: {conv: {out: width, kernel: 1}}
      - the_first_of_the_branches_that_part_here: {conv: {out: width, kernel: [3, 1], groups: 4, dilation: [2, 1]}}
      - second: {conv: {out: width, kernel: 3, dilation: 2}, from: conv1}
      - sum: {add: {}, from: [the_first_of_the_branches_that_part_here, second]}
      - third: {conv: {out: width, kernel: 3, groups: 4}, from: sum}
      - cat: {concat: {}, from: [the_first_of_the_branches_that_part_here, second, third]}
      - conv3: {conv: {out: width, kernel: 1}}
    after:
      - act: act
"""
"""Branches, long names, and a head that reads two stages."""
VARIANT = "name: variant\nextends: timm/seresnet50\nstages: {layer3: {depth: 8}}\n"


def write_pages(folder: pathlib.Path) -> None:
    """Pages of some networks, as files."""
    for name in ("resnet18", "resnet50", "preact_resnet1001"):
        (folder / f"{name}.html").write_text(page_html(compile_file(find_spec(name))), "utf-8")
    for name, text in (("variant", VARIANT), ("odd", ODD)):
        compilation = compile_file(SpecFile(f"{name}.yaml", None), text)
        (folder / f"{name}.html").write_text(page_html(compilation), "utf-8")


def row(each: Opened, label: str) -> Any:
    return each.page.locator("#outline .row", has=each.page.get_by_text(label, exact=True)).first


def lines(each: Opened, pane: str, style: str = "near") -> list[str]:
    """The lines that are marked in a pane."""
    return [
        text.strip()
        for text in each.page.locator(f"#{pane} .line.{style} code").all_text_contents()
    ]


def drawn(each: Opened, selector: str) -> int:
    return each.page.locator(f"#canvas {selector}").count()


def place(page: Opened) -> list[float]:
    transform = page.page.locator("#world").get_attribute("transform")
    return [float(number) for number in re.findall(r"-?[\d.]+", transform or "")]


def comes_to(page: Opened, *expected: float | None, within: float = 1) -> None:
    """Wait until the drawing is at a place: x, y and scale, None for any. What the mouse does arrives a frame later."""
    page.page.wait_for_function(
        """([expected, within]) => {
            const transform = document.getElementById("world").getAttribute("transform");
            const found = transform.match(/-?[\\d.]+/g).map(Number);
            return expected.every((each, at) => each === null || Math.abs(found[at] - each) <= within);
        }""",
        arg=[list(expected), within],
    )
