"""Four pages of `serve` that are typed in at once, while another thread of the server parses Python without rest."""

from __future__ import annotations

import pathlib

import pytest

pytest.importorskip("nicegui")

from playwright.sync_api import Browser
from support.typing_in_pages import type_in_pages

KEYS = 60
"""How many are typed. The campaign `tests/campaigns/flakiness.py` types for a minute."""


def test_no_error_reaches_a_page(browser: Browser, tmp_path: pathlib.Path) -> None:
    type_in_pages(browser, tmp_path / "inside", lambda count: count < KEYS)
