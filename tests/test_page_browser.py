"""The page in a real browser: what a person does with it, by mouse, by keyboard and by ear."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from support.browser import Opened, launched, opened
from support.hostile_strings import LONG, TEXTS

from resnet_compiler.characters import escaped
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.page import page_data, page_html
from resnet_compiler.pipeline import Compilation, compile_file

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Pages of some networks, as files."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("resnet18", "resnet50", "preact_resnet1001"):
        (folder / f"{name}.html").write_text(page_html(compile_file(find_spec(name))), "utf-8")
    variant = compile_file(SpecFile("variant.yaml", None), VARIANT)
    (folder / "variant.html").write_text(page_html(variant), "utf-8")
    (folder / "odd.html").write_text(
        page_html(compile_file(SpecFile("odd.yaml", None), ODD)), "utf-8"
    )
    return folder


@pytest.fixture
def at(browser: Browser, pages: pathlib.Path) -> Iterator[Any]:
    """Opens a page; afterwards none may have complained, or asked for anything."""
    found: list[Opened] = []

    def open_page(name: str, **more: Any) -> Opened:
        found.append(opened(browser, pages / f"{name}.html", **more))
        return found[-1]

    yield open_page
    for each in found:
        assert not each.complaints
        assert not each.beside_itself
        each.page.close()


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


# --- what is seen ---


def test_the_header_and_the_diagram(at: Any) -> None:
    page = at("resnet50")
    assert page.text("h1") == "ResNet-50"
    totals = page.text("#totals")
    assert "50 = 1 (stem) + 48 (16 blocks × 3) + 1 (fc)" in totals
    assert "25,557,032" in totals and "4,089,184,256" in totals
    assert "16, equal at every input size" in totals
    assert drawn(page, ".unit.block") == 16
    assert drawn(page, ".block > .shortcut.projection") == 4
    assert drawn(page, ".block > .shortcut.identity") == 12
    assert drawn(page, ".title") == 4
    legend = page.text("#legend")
    assert "identity shortcut" in legend and "projection shortcut" in legend


def test_a_projection_is_dotted_and_an_identity_solid(at: Any) -> None:
    page = at("resnet18")
    dashes = "node => getComputedStyle(node).strokeDasharray"
    assert page.page.locator("#canvas .shortcut.projection").first.evaluate(dashes) != "none"
    assert page.page.locator("#canvas .shortcut.identity").first.evaluate(dashes) == "none"


def test_boxes_of_the_diagram_do_not_overlap(at: Any) -> None:
    """Units are apart from each other, labels stay in their boxes, and letters do not meet."""
    for name in ("resnet18", "resnet50", "variant", "odd"):
        page = at(name)
        for label in ("open-stages", "fold-all", "unfold-all"):
            page.page.locator(f"#{label}").click()
            assert (
                page.page.evaluate(
                    """() => {
                    const box = (node) => node.getBoundingClientRect();
                    const wrong = [];
                    const apart = (nodes) => {
                        const all = nodes.map(box);
                        for (let a = 0; a < all.length; a += 1) for (let b = a + 1; b < all.length; b += 1) {
                            const [p, q] = [all[a], all[b]];
                            if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
                                wrong.push(`${nodes[a].textContent} over ${nodes[b].textContent}`);
                        }
                    };
                    const all = (selector) => [...document.querySelectorAll(selector)];
                    apart(all("#canvas .unit > .box:last-of-type, #world > g > .pill rect"));
                    apart(all("#canvas .layer > .box, #canvas .layer circle, .open .pill rect"));
                    for (const text of all("#canvas .unit text, #canvas .layer text")) {
                        const [inner, outer] = [box(text), box(text.parentNode.querySelector("rect"))];
                        if (inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1))
                            wrong.push(`${text.textContent} leaves its box`);
                    }
                    return wrong;
                }"""
                )
                == []
            ), label


# --- folding ---


def test_blocks_and_stages_fold_and_unfold(at: Any) -> None:
    page = at("resnet50")
    before = drawn(page, ".layer")
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    assert drawn(page, '.open[data-key="part:layer2.0"]') == 1
    assert drawn(page, ".layer") == before + 12
    assert row(page, "layer2.0").get_attribute("aria-expanded") == "true"
    assert row(page, "downsample.0").is_visible()
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    assert drawn(page, ".layer") == before
    page.page.locator('#canvas [data-fold="stage:layer2"]').click()
    assert drawn(page, '.unit.stage[data-key="stage:layer2"]') == 1
    assert "×4" in page.page.locator('#canvas [data-key="stage:layer2"]').text_content()
    page.page.locator("#fold-all").click()
    assert drawn(page, ".unit.stage") == 4 and drawn(page, ".unit.block") == 2


def test_unfolding_keeps_the_place_in_the_window(at: Any) -> None:
    page = at("resnet50")
    fold = '#canvas [data-fold="part:layer3.2"]'
    before = page.page.locator(fold).bounding_box()
    page.page.locator(fold).click()
    after = page.page.locator(fold).bounding_box()
    assert abs(before["x"] - after["x"]) < 40 and abs(before["y"] - after["y"]) < 40


def test_a_thousand_layers(at: Any) -> None:
    """Of the largest network only what is in the window is in the page, and everything can be unfolded."""
    page = at("preact_resnet1001")
    assert drawn(page, ".unit.stage") == 3, "folded at first"
    page.page.locator("#unfold-all").click()
    assert drawn(page, ".unit.open") == 335
    assert page.page.locator("#rows .row").count() < 100
    for _ in range(12):
        page.page.locator("#zoom-in").click()
    page.page.wait_for_timeout(100)
    assert 0 < drawn(page, ".layer") < 600
    assert page.page.evaluate("document.querySelectorAll('*').length") < 6000


# --- choosing ---


def test_a_click_on_a_layer_shows_all_of_it(at: Any) -> None:
    page = at("resnet50")
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    page.page.locator('#canvas [data-key="layer:layer2.0.conv2"]').click()
    assert page.chosen() == "layer2.0.conv2"
    shown = page.text("#selection")
    for text in (
        "3×3 conv, 128, /2",
        "128 × 56 × 56",
        "128 × 28 × 28",
        "128 × ⌊(H + 3)/4⌋ × ⌊(W + 3)/4⌋",
        "128 × ⌊(H + 7)/8⌋ × ⌊(W + 7)/8⌋",
        "147,456",
        "115,605,504",
        "392 KiB",
        "layer2.0.conv2.weight",
        "128 × 128 × 3 × 3",
        "specs/blocks/bottleneck.yaml:26",
        "specs/imagenet/resnet50.yaml:14",
    ):
        assert text in shown, text
    assert "layer2.0.conv2: 3×3 conv" in page.text("#status")
    (line,) = lines(page, "spec")
    assert line.startswith("- conv2: {conv: {out: inner, kernel: 3, stride: stride")
    assert any(
        text.startswith("- layer2: {block: bottleneck") for text in lines(page, "spec", "around")
    )
    page.page.locator("#tab-source").click()
    assert lines(page, "source") == [
        "self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)",
        "x = self.relu(self.bn2(self.conv2(x)))",
    ]
    marked = page.page.locator("#source .line.near").first
    assert marked.evaluate(
        "node => { const a = node.getBoundingClientRect(), b = node.closest('.pane').getBoundingClientRect();"
        " return a.top >= b.top && a.bottom <= b.bottom; }"
    ), "in sight"


def test_an_add_shows_its_proof(at: Any) -> None:
    page = at("resnet18")
    page.page.locator("#tab-adds").click()
    assert "8 residual adds: both sides are equal at every input size." in page.text("#adds")
    page.page.locator("#adds button", has_text="layer3.0.add").click()
    assert page.chosen() == "layer3.0.add"
    assert "Residual add: equal at every input size" in page.text("#selection .proof")
    assert page.text("#selection .proof").count("256 × ⌊(H + 15)/16⌋ × ⌊(W + 15)/16⌋") == 2


def test_from_a_line_of_the_spec_to_layers_and_back(at: Any) -> None:
    """Through a variant, its base, the base's base, and the files of blocks."""
    page = at("variant")
    names = page.page.locator("#spec h3").all_text_contents()
    assert [name.rsplit("/", 1)[-1] for name in names] == [
        *("variant.yaml", "seresnet50.yaml", "resnet50.yaml", "resnet50.yaml"),
        *("squeeze_excite.yaml", "bottleneck.yaml"),
    ]
    page.page.locator("#spec .line", has_text="- fc1: {").click()
    assert page.chosen() == "specs/blocks/squeeze_excite.yaml:8"
    assert "18 layers come from this line" in page.text("#selection")
    assert drawn(page, ".block.lit") == 18
    page.page.locator("#selection .names button").nth(2).click()
    assert page.chosen() == "layer1.2.se.fc1"
    assert drawn(page, '.layer.chosen[data-key="layer:layer1.2.se.fc1"]') == 1, "unfolded to it"
    page.page.locator("#selection button", has_text="resnet50.yaml:13").click()
    page.page.locator("#spec .line", has_text="- layer3: {block: bottleneck").click()
    assert "148 layers come from this line" in page.text("#selection") or re.search(
        r"\d+ layers come from this line", page.text("#selection")
    )
    assert drawn(page, '.block.lit[data-key^="part:layer3."]') == 8
    assert drawn(page, '.block.lit[data-key^="part:layer2."]') == 0


def test_from_a_line_of_the_source_to_layers(at: Any) -> None:
    page = at("resnet50")
    page.page.locator("#tab-source").click()
    page.page.locator("#source .line", has_text="self.bn3 = ").click()
    assert "16 layers come from this line" in page.text("#selection")
    page.page.locator(
        "#source .line", has_text="*(Bottleneck(1024, 256, 1024) for _ in range(5)),"
    ).click()
    assert drawn(page, ".block.lit") == 5
    assert drawn(page, '.block.lit[data-key="part:layer3.0"]') == 0
    page.page.locator("#source .line", has_text="def forward_features").click()
    assert "no layer comes from this line" in page.text("#selection")


def test_search(at: Any) -> None:
    page = at("resnet50")
    page.page.keyboard.press("/")
    page.page.keyboard.type("layer3.4 conv")
    results = page.page.locator("#results [role=option]")
    assert results.all_text_contents() == [
        "layer3.4.conv11×1 conv, 256",
        "layer3.4.conv23×3 conv, 256",
        "layer3.4.conv31×1 conv, 1024",
    ]
    assert page.text("#status") == "3 results"
    page.page.keyboard.press("ArrowDown")
    assert results.nth(1).get_attribute("aria-selected") == "true"
    page.page.keyboard.press("Enter")
    assert page.chosen() == "layer3.4.conv2"
    assert drawn(page, '.layer.chosen[data-key="layer:layer3.4.conv2"]') == 1
    page.page.locator("#search").fill("no such layer")
    assert page.text("#results") == "no such name"
    page.page.keyboard.press("Escape")
    assert not page.page.locator("#results").is_visible()


def test_charts_have_bars_and_a_table(at: Any) -> None:
    page = at("resnet18")
    page.page.locator("#tab-charts").click()
    assert page.page.locator("#charts .bar-box").count() == 3 * 6
    figures = page.page.locator("#charts .chart").all()
    said = [figure.get_attribute("aria-label") for figure in figures]
    assert said[0].startswith("Parameters by stage: stem 9.54 k, layer1 148 k")
    page.page.locator("#charts summary").click()
    cells = page.page.locator("#charts tbody tr").nth(4).locator("th, td").all_text_contents()
    assert cells[:3] == ["layer4", "8,393,728", "411,041,792"]
    widths = page.page.locator("#charts figure").first.locator("rect")
    lengths = [float(bar.get_attribute("width")) for bar in widths.all()]
    assert lengths.index(max(lengths)) == 4


# --- moving about ---


def place(page: Opened) -> list[float]:
    transform = page.page.locator("#world").get_attribute("transform")
    return [float(number) for number in re.findall(r"-?[\d.]+", transform or "")]


def test_moving_and_zooming(at: Any) -> None:
    page = at("resnet18")
    box = page.page.locator("#diagram").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] - 80)
    x, y, scale = place(page)
    page.page.mouse.move(*middle)
    page.page.mouse.down()
    page.page.mouse.move(middle[0] + 50, middle[1] - 30, steps=5)
    page.page.mouse.up()
    page.page.wait_for_timeout(50)
    assert place(page) == pytest.approx([x + 50, y - 30, scale], abs=1)
    page.page.mouse.wheel(0, 100)
    page.page.wait_for_timeout(50)
    assert place(page)[1] == pytest.approx(y - 130, abs=1)
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -100)
    page.page.keyboard.up("Control")
    page.page.wait_for_timeout(50)
    assert place(page)[2] > scale * 1.2
    page.page.locator("#fit").click()
    page.page.wait_for_timeout(50)
    assert place(page) == pytest.approx([x, y, scale], abs=1)
    page.page.locator("#diagram").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("+")
    page.page.wait_for_timeout(50)
    assert place(page)[2] == pytest.approx(scale * 1.2)
    page.page.keyboard.press("0")
    page.page.wait_for_timeout(50)
    assert place(page) == pytest.approx([x, y, scale], abs=1)


def test_the_keyboard_alone(at: Any) -> None:
    """From the top of the page to a layer, its source, and a line back: no mouse."""
    page = at("resnet18")
    keys = page.page.keyboard

    def tab_to(selector: str) -> None:
        for _ in range(40):
            keys.press("Tab")
            if page.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached")

    tab_to("#outline")
    for _ in range(2):
        keys.press("ArrowDown")
    assert page.active()["label"] == "bn1"
    keys.press("Home")
    keys.press("ArrowLeft")
    assert page.active() == {
        **{"label": "stem", "note": "64 × 56 × 56", "level": "1"},
        **{"expanded": "false", "selected": "false"},
    }
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    assert page.active()["expanded"] == "true"
    keys.press("ArrowRight")
    keys.press("Enter")
    assert page.chosen() == "layer1.0.conv1" and page.active()["selected"] == "true"
    tab_to("#tab-selection")
    keys.press("ArrowRight")
    assert page.page.locator("#charts").is_visible()
    tab_to("#tab-spec")
    keys.press("ArrowRight")
    assert page.page.locator("#source").is_visible()
    tab_to("#source .lines")
    keys.press("ArrowDown")
    keys.press("Enter")
    assert re.search(r"layers come from this line", page.text("#selection"))


def test_light_and_dark(at: Any) -> None:
    page = at("resnet18")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.page.evaluate(ground)
    page.page.locator("#theme").click()
    dark = page.page.evaluate(ground)
    assert dark != light and page.page.locator("#theme").get_attribute("aria-pressed") == "true"
    assert at("resnet18", scheme="dark").page.evaluate(ground) == dark


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [(1440, 900), (420, 800)])
def test_axe_finds_nothing_serious(at: Any, scheme: str, size: tuple[int, int]) -> None:
    page = at("resnet50", scheme=scheme, size=size)
    axe = Axe()

    def serious(when: str) -> list[str]:
        found = axe.run(page.page).response["violations"]
        return [
            f"{when}: {each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    wrong = serious("at first")
    page.page.locator("#spec .line", has_text="- layer2: {block").click()
    wrong += serious("a line chosen")
    row(page, "bn1").click()
    page.page.locator("#tab-source").click()
    page.page.locator("#tab-charts").click()
    wrong += serious("charts")
    page.page.locator("#charts summary").click()
    page.page.locator("#tab-adds").click()
    page.page.locator("#search").fill("conv1")
    wrong += serious("searching")
    assert not wrong


# --- other data in an open page ---


def test_new_data_keeps_what_is_chosen_unfolded_and_in_the_window(at: Any) -> None:
    page = at("resnet50")
    page.page.locator('#canvas [data-fold="part:layer3.1"]').click()
    page.page.locator('#canvas [data-key="layer:layer3.1.conv2"]').click()
    page.page.mouse.wheel(30, 40)
    page.page.wait_for_timeout(50)
    before = place(page)
    text = "name: mine\nextends: resnet50\nstages: {layer3: {depth: 4}}\n"
    data = page_data(compile_file(SpecFile("mine.yaml", None), text))
    page.page.evaluate("data => window.resnetc.update(data)", data)
    assert page.chosen() == "layer3.1.conv2" and place(page) == before
    assert drawn(page, '.open[data-key="part:layer3.1"]') == 1
    assert drawn(page, '[data-key^="part:layer3."].unit') == 4
    assert "44 = 1 (stem) + 42" in page.text("#totals")
    assert "depth: 4" in page.text("#spec")


def test_a_wrong_spec_shows_its_findings_and_the_network_before(at: Any) -> None:
    page = at("resnet18")
    text = "name: mine\nextends: resnet18\nstages: {layer9: {depth: 4}}\n"
    data = page_data(compile_file(SpecFile("mine.yaml", None), text))
    page.page.evaluate("data => window.resnetc.update(data)", data)
    assert "the spec that is extended has no stage `layer9`" in page.text("#findings")
    assert page.page.locator("#spec .line.wrong").count() == 1
    assert drawn(page, ".unit.block") == 8
    page.page.locator("#findings button").click()
    data = page_data(compile_file(find_spec("resnet18")))
    page.page.evaluate("data => window.resnetc.update(data)", data)
    assert not page.page.locator("#findings").is_visible()


# --- hostile text ---


def hostile(text: str) -> Compilation:
    """A spec with a text wherever one can stand: titles, sentences, a comment, a file's name."""
    spec = {
        "name": "probe",
        "title": text,
        "doc": text,
        "input": {"channels": 3, "height": 8, "width": 8},
        "stem": [{"conv": {"conv": {"out": 4, "kernel": 3}}}],
        "stages": [{"stage": {"block": "b", "depth": 1}}],
        "blocks": {
            "b": {
                "title": text,
                "doc": text,
                "residual": [{"conv": {"conv": {"out": 4, "kernel": 3}}}],
            }
        },
    }
    name = re.sub(r"[\x00\ud800-\udfff]", "?", text)[:200] + ".yaml"
    return compile_file(SpecFile(name, None), json.dumps(spec))


@pytest.fixture(scope="module")
def compiled_texts() -> dict[str, Compilation]:
    return {label: hostile(text) for label, text in TEXTS.items() if len(text) < LONG // 4}


def test_hostile_text_stays_text(
    browser: Browser, tmp_path: pathlib.Path, compiled_texts: dict[str, Compilation]
) -> None:
    accepted = [label for label, found in compiled_texts.items() if found.graph is not None]
    assert {"script", "SVG", "CDATA end", "comment begin", "HTML attribute"} <= {*accepted}
    path = tmp_path / "page.html"
    path.write_text(page_html(compile_file(find_spec("resnet18"))), "utf-8")
    page = opened(browser, path)
    elements = "new Set([...document.querySelectorAll('*')].map(node => node.localName)).size"
    page.page.locator("#open-stages").click()
    for label, found in compiled_texts.items():
        page.page.evaluate("data => window.resnetc.update(data)", page_data(found))
        if found.graph is None:
            assert page.page.locator("#findings .finding").count(), label
            continue
        title = escaped(found.graph.identity.title)
        assert page.page.locator("h1").text_content() == title, label
        page.page.locator("#outline .row", has_text="stage.0").first.click()
        shown = page.page.locator("#selection").text_content() or ""
        assert escaped(found.graph.scopes["stage.0"].title) in shown, label
        assert page.page.locator("script").count() == 2, label
        names = page.page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(node => node.getAttributeNames()).filter(name => /^on/.test(name))"
        )
        assert names == [], label
    assert page.page.evaluate(elements) < 60
    assert not page.complaints and not page.beside_itself
    page.page.close()


@pytest.mark.parametrize("label", ["script", "SVG", "CDATA end", "comment begin", "entity"])
def test_a_page_with_a_hostile_title_loads(
    label: str, browser: Browser, tmp_path: pathlib.Path, compiled_texts: dict[str, Compilation]
) -> None:
    found = compiled_texts[label]
    path = tmp_path / "page.html"
    path.write_text(page_html(found), "utf-8")
    page = opened(browser, path)
    assert page.page.title() == f"{TEXTS[label]} · resnetc"
    assert page.text("h1") == TEXTS[label]
    assert not page.complaints and not page.beside_itself
    page.page.close()
