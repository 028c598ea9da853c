"""From the key to the changed count on the page: `resnetc serve` in headless Chromium, per spec.

    python benchmarks/serve_latency.py [SPEC...]

The last digit of the first stage's depth is typed over, back and forth, and the time is taken in the browser: from the keydown
event to the change of the counts above the editor, to that of the counts in the picture, and to the frame after it,
when the diagram is drawn. Needs the extras `serve` and
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
    let said = 0;
    new MutationObserver(() => { said = now(window); }).observe(document.querySelector(".status"),
        {childList: true, subtree: true, characterData: true});
    const changed = () => {
        if (!window.typedAt) return;
        const typed = window.typedAt;
        window.typedAt = 0;
        const told = now(frame);
        frame.requestAnimationFrame(() => { window.times = [said - typed, told - typed, now(frame) - typed]; });
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


def measured(page: Page, at: int, digit: str) -> list[tuple[float, ...]]:
    """Milliseconds to each of the three changes, for each run."""
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
    print("milliseconds, median and 95 %  counts above       counts in picture  diagram")
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
            row = f"{name:<31}"
            for each in zip(*times, strict=True):
                late = sorted(each)[int(len(each) * 0.95) - 1]
                row += f"{statistics.median(each):>5.0f} {late:>5.0f}        "
            print(row.rstrip(), flush=True)


if __name__ == "__main__":
    main()
