"""The page in a real browser, given other data while it is open, and given hostile text."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest
from playwright.sync_api import Browser
from support.browser import opened
from support.hostile_strings import LONG, TEXTS
from support.pages import comes_to, drawn, place, row

from resnet_compiler.characters import escaped
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.page import page_data, page_html
from resnet_compiler.pipeline import Compilation, compile_file

# --- other data in an open page ---


def test_new_data_keeps_what_is_chosen_unfolded_and_in_the_window(page_of: Any) -> None:
    page = page_of("resnet50")
    page.page.locator('#canvas [data-fold="part:layer3.1"]').click()
    page.page.locator('#canvas [data-key="layer:layer3.1.conv2"]').click()
    x, y, scale = place(page)
    page.page.mouse.wheel(30, 40)
    comes_to(page, x - 30, y - 40, scale)
    before = place(page)
    text = "name: mine\nextends: resnet50\nstages: {layer3: {depth: 4}}\n"
    data = page_data(compile_file(SpecFile("mine.yaml", None), text))
    page.page.evaluate("data => window.resnetc.update(data)", data)
    assert page.chosen() == "layer3.1.conv2" and place(page) == before
    assert drawn(page, '.open[data-key="part:layer3.1"]') == 1
    assert drawn(page, '[data-key^="part:layer3."].unit') == 4
    assert "1 (stem) + 42 (14 blocks × 3) + 1 (fc) = 44" in page.text("#totals")
    assert "depth: 4" in page.text("#spec")


def test_what_was_seen_whole_is_seen_whole(page_of: Any) -> None:
    """A network that grows, and a window that changes, until somebody looks closer."""
    page = page_of("resnet18")

    def two_frames() -> None:
        page.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def fits() -> None:
        before = place(page)
        page.page.locator("#fit").click()
        two_frames()
        assert place(page) == pytest.approx(before, abs=0.01)

    text = "name: mine\nextends: resnet18\nstages: {layer3: {depth: 9}}\n"
    first = place(page)
    page.page.evaluate(
        "data => window.resnetc.update(data)",
        page_data(compile_file(SpecFile("mine.yaml", None), text)),
    )
    assert place(page)[2] < first[2] * 0.9
    fits()
    small = place(page)
    page.page.set_viewport_size({"width": 1120, "height": 900})
    page.page.wait_for_function(
        "before => document.getElementById('world').transform.baseVal.getItem(1).matrix.a < before",
        arg=small[2] * 0.9,
    )
    fits()
    page.page.locator("#zoom-in").click()
    two_frames()
    closer = place(page)[2]
    page.page.set_viewport_size({"width": 1440, "height": 900})
    page.page.evaluate(
        "data => window.resnetc.update(data)", page_data(compile_file(find_spec("resnet18")))
    )
    assert place(page)[2] == closer


def test_a_wrong_spec_shows_its_findings_and_the_network_before(page_of: Any) -> None:
    page = page_of("resnet18")
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


def test_a_wrong_spec_that_lost_its_files(page_of: Any) -> None:
    """What is chosen can be looked at while the spec names a base that is not there."""
    page = page_of("variant")
    page.page.locator("#spec .line", has_text="- fc1: {").click()
    data = page_data(
        compile_file(SpecFile("variant.yaml", None), "name: variant\nextends: nothing\n")
    )
    assert len(data["files"]) == 1
    page.page.evaluate("data => window.resnetc.update(data)", data)
    page.page.locator("#spec .line").first.click()
    assert "no layer comes from this line" in page.text("#selection")
    row(page, "conv1").click()
    assert page.chosen() == "conv1" and not page.page.locator("#spec .line.near").count()
    page.page.locator("#tab-source").click()
    assert page.page.locator("#source .line.near").count() == 2


def test_a_page_that_begins_with_a_wrong_spec(browser: Browser, tmp_path: pathlib.Path) -> None:
    """Its findings and its text are there, and the first network that comes is shown."""
    text = "name: mine\nextends: resnet18\nstages: {layer9: {depth: 4}}\n"
    path = tmp_path / "page.html"
    path.write_text(page_html(compile_file(SpecFile("mine.yaml", None), text)), "utf-8")
    page = opened(browser, path)
    assert "no stage `layer9`" in page.text("#findings")
    assert page.page.locator("#spec .line.wrong").count() == 1
    page.page.locator("#spec .line").first.click()
    page.page.locator("#tab-source").click()
    page.page.keyboard.press("/")
    page.page.mouse.move(600, 500)
    page.page.mouse.wheel(0, 100)
    page.page.evaluate(
        "data => window.resnetc.update(data)", page_data(compile_file(find_spec("resnet18")))
    )
    assert drawn(page, ".unit.block") == 8 and not page.complaints
    page.page.close()


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
