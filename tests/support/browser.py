"""A headless Chromium, as Debian packages it, and pages in it that record what they ask for and complain about."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)

PATIENCE = 60_000
"""Milliseconds after which what is waited for is given up. On an idle machine all comes within one second."""


def chromium() -> str:
    """Where Chromium is. Without one a test is skipped, but in CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("no Chromium: apt-get install chromium")
    if found is None:
        pytest.skip("no Chromium is installed here")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser."""
    path = chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(FLAGS), timeout=2 * PATIENCE
        )
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, every address it asked for, and what it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def beside_itself(self) -> list[str]:
        """The addresses that are neither the page nor data that stands in it."""
        own = self.page.url
        return [each for each in self.requests if each != own and not each.startswith("data:")]

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def chosen(self) -> str:
        """The heading of what is chosen."""
        return self.text("#selection h2")

    def active(self) -> dict[str, Any]:
        """The outline's active row: its text and its state."""
        found: dict[str, Any] = self.page.evaluate(
            """() => {
                const tree = document.getElementById("outline");
                const row = document.getElementById(tree.getAttribute("aria-activedescendant"));
                const text = (name) => row.querySelector(name).textContent;
                return {label: text(".label"), note: text(".note"), level: row.getAttribute("aria-level"),
                        expanded: row.getAttribute("aria-expanded"), selected: row.getAttribute("aria-selected")};
            }"""
        )
        return found


def opened(
    browser: Browser,
    path: pathlib.Path,
    *,
    scheme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = (1440, 900),
) -> Opened:
    """A file in a page of its own, loaded. Nothing in it moves slowly."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.set_default_timeout(PATIENCE)
    found = Opened(page)
    page.on("request", lambda request: found.requests.append(request.url))
    page.on(
        "console",
        lambda m: found.complaints.append(m.text) if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda reason: found.complaints.append(str(reason)))
    page.on("dialog", lambda dialog: found.complaints.append(f"a dialog: {dialog.message}"))
    page.goto(path.as_uri())
    page.wait_for_function("window.resnetc !== undefined")
    return found
