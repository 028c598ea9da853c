"""From the key to the changed count on the page: `resnetc serve` in headless Chromium, per spec.

    python benchmarks/serve_latency.py [SPEC...]

The last digit of the first stage's depth is typed over, back and forth, and the time is taken in the browser: from the keydown
event to the change of the parameters in the page's header, and to the frame after it. Needs the extras `serve` and
`test`, and Chromium. Nothing here fails on a number.
"""

from __future__ import annotations

import pathlib
import re
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from playwright.sync_api import Page
from support.browser import launched
from support.server import serving

from resnet_compiler.library import find_spec

SPECS = ("resnet18", "resnet50", "resnet152", "cifar/preact_resnet1001")
RUNS = 20

LISTEN = """() => {
    const frame = document.querySelector("iframe").contentWindow;
    const now = (of) => of.performance.timeOrigin + of.performance.now();
    addEventListener("keydown", () => { window.typedAt = now(window); }, {capture: true});
    const changed = () => {
        if (!window.typedAt) return;
        const typed = window.typedAt;
        window.typedAt = 0;
        const told = now(frame);
        frame.requestAnimationFrame(() => { window.times = [told - typed, now(frame) - typed]; });
    };
    new frame.MutationObserver(changed).observe(frame.document.getElementById("totals"),
        {childList: true, subtree: true, characterData: true});
}"""

CHOOSE = """([at]) => {
    const editor = getElement(Number(document.querySelector(".nicegui-codemirror").id.slice(1))).editor;
    editor.dispatch({selection: {anchor: at, head: at + 1}});
    editor.focus();
    window.times = null;
}"""


def measured(page: Page, at: int, digit: str) -> list[tuple[float, float]]:
    """Milliseconds to the change and to the frame after it, for each run."""
    page.evaluate(LISTEN)
    found = []
    digits = [each for each in "234" if each != digit][:2]
    for run in range(RUNS + 2):
        page.evaluate(CHOOSE, [at])
        page.wait_for_timeout(150)
        page.keyboard.press(digits[run % 2])
        page.wait_for_function("window.times", timeout=30_000, polling=5)
        found.append(tuple(page.evaluate("window.times")))
    return found[2:]


def main() -> None:
    print(
        "spec                      to the count (median, 95 %)   to the frame after (median, 95 %)"
    )
    with launched() as browser, tempfile.TemporaryDirectory() as work:
        for name in sys.argv[1:] or SPECS:
            folder = pathlib.Path(work) / name.replace("/", "-")
            folder.mkdir()
            path = find_spec(name).path
            assert path is not None
            text = re.sub(r"(?m)^expect:.*\n", "", path.read_text())
            at = re.search(r"depth: (\d+)", text)
            if at is None:
                sys.exit(f"{name} has no stage of its own to change")
            (folder / "net.yaml").write_text(text)
            with serving(folder, "net.yaml") as server:
                page = browser.new_page()
                page.goto(server.address)
                page.frame_locator("iframe").locator("#totals dd").first.wait_for()
                page.wait_for_timeout(1000)
                times = measured(page, at.end(1) - 1, text[at.end(1) - 1])
                page.close()
            cells = []
            for each in zip(*times, strict=True):
                late = sorted(each)[int(len(each) * 0.95) - 1]
                cells.append(f"{statistics.median(each):>9.0f} ms {late:>9.0f} ms")
            print(f"{name:<26}{'       '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
