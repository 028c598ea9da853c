"""How fast the page of `resnetc view` is there, and how it bears the largest networks, in headless Chromium.

    pip install -c constraints.txt '.[test]'        # and Debian's chromium
    python benchmarks/page.py [--runs 5] [--json FILE]

For each network: the time to write the page, its size, the first contentful paint after navigation to the file, and how
long `Fold all` and `Unfold all` take from the click to the frame that shows them. Goal: first paint of resnet152 under
1 s. Medians over pages loaded anew.
"""

from __future__ import annotations

import pathlib
import shutil
import statistics
import tempfile
import time
from typing import Any

from measure import machine, note, parser, report, table
from playwright.sync_api import Browser, sync_playwright

from resnet_compiler.library import find_spec
from resnet_compiler.page import page_html
from resnet_compiler.pipeline import compile_file

NETWORKS = ("resnet18", "resnet50", "resnet152", "preact_resnet1001")
TIMES = ("write_ms", "first_paint_ms", "unfold_all_ms", "fold_all_ms")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAINT = """() => new Promise(done => {
    const found = () => performance.getEntriesByName("first-contentful-paint")[0];
    const look = () => found() ? done(found().startTime) : requestAnimationFrame(look);
    look();
})"""
CLICK = """id => new Promise(done => {
    const start = performance.now();
    document.getElementById(id).click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""


def one_load(browser: Browser, path: pathlib.Path) -> dict[str, float]:
    """Milliseconds of one page, loaded anew."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.goto(path.as_uri())
    paint = page.evaluate(PAINT)
    unfold = page.evaluate(CLICK, "unfold-all")
    fold = page.evaluate(CLICK, "fold-all")
    page.close()
    return {"first_paint_ms": paint, "unfold_all_ms": unfold, "fold_all_ms": fold}


def measured(browser: Browser, name: str, folder: pathlib.Path, runs: int) -> dict[str, Any]:
    """The medians of one network."""
    compilation = compile_file(find_spec(name))
    start = time.perf_counter()
    html = page_html(compilation).encode()
    written = 1000 * (time.perf_counter() - start)
    path = folder / f"{name}.html"
    path.write_bytes(html)
    loads = [one_load(browser, path) for _ in range(runs)]
    medians = {key: statistics.median(load[key] for load in loads) for key in loads[0]}
    return {"network": name, "bytes": len(html), "write_ms": written, **medians}


def main() -> None:
    """Run, and print the table."""
    given = parser(__doc__ or "", runs=5).parse_args()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        found_on = {**machine("resnet-compiler", "playwright"), "chromium": browser.version}
        figures = []
        for name in NETWORKS:
            note(name)
            figures.append(measured(browser, name, pathlib.Path(folder), given.runs))
        note("")
        browser.close()
    head = ["page", "KB", "written ms", "first paint ms", "unfold all ms", "fold all ms"]
    rows = [
        [row["network"], f"{row['bytes'] / 1000:.0f}", *(f"{row[key]:.0f}" for key in TIMES)]
        for row in figures
    ]
    title = f"The page of `resnetc view`, medians of {given.runs} loads"
    report(title, found_on, [table(head, rows)], given.json, {"pages": figures})


if __name__ == "__main__":
    main()
