"""The page in a real browser, for everybody: moved by mouse and by keys, in light and dark, and by the rules of axe."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.pages import comes_to, place, row


def test_moving_and_zooming(page_of: Any) -> None:
    page = page_of("resnet18")
    box = page.page.locator("#diagram").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] - 80)
    x, y, scale = place(page)
    page.page.mouse.move(*middle)
    page.page.mouse.down()
    page.page.mouse.move(middle[0] + 50, middle[1] - 30, steps=5)
    page.page.mouse.up()
    comes_to(page, x + 50, y - 30, scale)
    page.page.mouse.wheel(0, 100)
    comes_to(page, x + 50, y - 130, scale)
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -100)
    page.page.wait_for_function(
        "least => document.getElementById('world').transform.baseVal.getItem(1).matrix.a > least",
        arg=scale * 1.2,
    )
    page.page.keyboard.up("Control")
    page.page.locator("#fit").click()
    comes_to(page, x, y, scale)
    page.page.locator("#diagram").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("+")
    comes_to(page, None, None, scale * 1.2, within=0.001)
    page.page.keyboard.press("0")
    comes_to(page, x, y, scale)


def test_the_keyboard_alone(page_of: Any) -> None:
    """From the top of the page to a layer, its source, and a line back: no mouse."""
    page = page_of("resnet18")
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


def test_light_and_dark(page_of: Any) -> None:
    page = page_of("resnet18")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.page.evaluate(ground)
    page.page.locator("#theme").click()
    dark = page.page.evaluate(ground)
    assert dark != light and page.page.locator("#theme").get_attribute("aria-pressed") == "true"
    assert page_of("resnet18", scheme="dark").page.evaluate(ground) == dark


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [(1440, 900), (420, 800)])
def test_axe_finds_nothing_serious(page_of: Any, scheme: str, size: tuple[int, int]) -> None:
    page = page_of("resnet50", scheme=scheme, size=size)
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
