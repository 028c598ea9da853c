"""Typing in several pages of `serve` at once, beside a thread of the server that parses Python without rest."""

from __future__ import annotations

import pathlib
import random
import signal
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

import resnet_compiler
from resnet_compiler import Measures
from support.browser import PATIENCE
from support.server import RESTLESS, serving

PAGES = 4
TEXT = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 1, width: 16}
  - layer2: {block: basic, depth: 2, width: "2 * (4 + 12)"}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
DIGIT = TEXT.index("depth: 1") + len("depth: ")
CHOOSE = """([at]) => {
    const editor = getElement(Number(document.querySelector(".nicegui-codemirror").id.slice(1))).editor;
    editor.dispatch({selection: {anchor: at, head: at + 1}});
    editor.focus();
}"""


def type_in_pages(browser: Browser, folder: pathlib.Path, goes_on: Callable[[int], bool]) -> None:
    """Type digits over one of a spec, in all pages in turn, while ``goes_on`` says so of the number of keys typed.

    What each page says in the end is right, and no error reaches one, its console, or the server's log.

    Raises:
        AssertionError: one does.
    """
    folder.mkdir()
    (folder / "net.yaml").write_text(TEXT)
    chance = random.Random(0)
    complaints: list[str] = []
    with serving(folder, "net.yaml", program=RESTLESS) as server:
        pages = [_opened(browser, server.address, complaints) for _ in range(PAGES)]
        server.process.send_signal(signal.SIGUSR1)
        digits = ["1"] * PAGES
        count = 0
        while goes_on(count):
            at = chance.randrange(PAGES)
            digits[at] = chance.choice("123456789")
            pages[at].evaluate(CHOOSE, [DIGIT])
            pages[at].keyboard.press(digits[at])
            count += 1
        for page, digit in zip(pages, digits, strict=True):
            _says(page, TEXT[:DIGIT] + digit + TEXT[DIGIT + 1 :])
        for page in pages:
            page.close()
    assert not complaints


def _opened(browser: Browser, address: str, complaints: list[str]) -> Page:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda reason: complaints.append(str(reason)))
    page.goto(address)
    expect(page.get_by_role("textbox", name="Spec")).to_be_focused()
    _says(page, TEXT)
    page.evaluate(
        """() => {
            window.findings = [];
            const region = document.querySelector(".findings");
            new MutationObserver(() => { if (region.innerText) window.findings.push(region.innerText); })
                .observe(region, {childList: true, subtree: true, characterData: true});
        }"""
    )
    return page


def _says(page: Page, text: str) -> None:
    """The page comes to say what is right of a text, and never found anything wrong."""
    counts = f"{Measures(resnet_compiler.compile('net.yaml', text=text)).parameters:,}"
    expect(page.locator(".status")).to_contain_text(f"{counts} parameters")
    totals = page.frame_locator("iframe").locator("#totals")
    expect(totals).to_contain_text(counts)
    assert not page.evaluate("window.findings ?? []")
