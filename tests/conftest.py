"""Settings for the whole set: one thread per worker, hypothesis without deadlines. Fixtures: a browser, and pages in it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from support.browser import Opened

# Workers share the cores. torch reads this when it is imported, which no test needs to do for it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
# for mutation testing: a failing example is enough, the smallest one is not needed
phases = (Phase.explicit, Phase.generate)
settings.register_profile("mutation", deadline=None, derandomize=True, phases=phases)
chosen = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
settings.load_profile(chosen)


# what few tests need is imported where it is made


@pytest.fixture(scope="module")  # it keeps an event loop running, which others may have to start
def browser() -> Iterator[Browser]:
    """A headless Chromium; tests that want one are skipped where there is none."""
    from support.browser import launched

    with launched() as found:
        yield found


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the pages of some networks."""
    from support.pages import write_pages

    folder = tmp_path_factory.mktemp("pages")
    write_pages(folder)
    return folder


@pytest.fixture
def page_of(browser: Browser, pages: pathlib.Path) -> Iterator[Any]:
    """Opens the page of one of them; afterwards none may have complained, or asked for anything."""
    from support.browser import opened

    found: list[Opened] = []

    def open_page(name: str, **more: Any) -> Opened:
        found.append(opened(browser, pages / f"{name}.html", **more))
        return found[-1]

    yield open_page
    for each in found:
        assert not each.complaints
        assert not each.beside_itself
        each.page.close()
