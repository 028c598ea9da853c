"""`resnetc serve` in a real browser: type, err, mend, download, save; nothing is asked of anybody else."""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("nicegui")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect
from support.browser import PATIENCE, launched
from support.server import Server, serving

import resnet_compiler
from resnet_compiler import Measures

NET = """\
name: net
title: A net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@contextmanager
def visited(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of a server. It asks nobody else, and complains of nothing."""
    context = browser.new_context(accept_downloads=True, viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda found: asked.append(found.url))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" else None,
    )
    page.on("pageerror", lambda reason: complaints.append(str(reason)))
    page.goto(server.address)
    expect(editor(page)).to_be_focused()
    expect(frame(page).locator("#totals dd").first).to_be_visible()
    yield page
    context.close()
    assert not complaints
    own = (server.address, server.address.replace("http:", "ws:"), "data:", "blob:")
    assert asked and all(each.startswith(own) for each in asked)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a file; each page it opens has the file as it is then."""
    inside = tmp_path_factory.mktemp("served") / "inside"
    inside.mkdir()
    (inside / "net.yaml").write_text(NET)
    with serving(inside, "net.yaml") as running:
        yield running


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[tuple[Page, Server]]:
    (server.folder / "net.yaml").write_text(NET)
    with visited(browser, server) as page:
        yield page, server


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder for a server of its own."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "net.yaml").write_text(NET)
    return inside


def editor(page: Page) -> Locator:
    """The editor, by the name that the page's script gives it; that script ends with the focus in it."""
    return page.get_by_role("textbox", name="Spec")


def frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def replace(page: Page, old: str, new: str) -> None:
    """Choose the first occurrence of a text in the editor, and type another over it."""
    page.evaluate(
        """([old]) => {
            const editor = document.querySelector(".cm-content").cmTile?.view
                ?? getElement(Number(document.querySelector(".nicegui-codemirror").id.slice(1))).editor;
            const at = editor.state.doc.toString().indexOf(old);
            editor.dispatch({selection: {anchor: at, head: at + old.length}});
            editor.focus();
        }""",
        [old],
    )
    page.keyboard.type(new)


def misspell(page: Page) -> None:
    """Make a mistake, and wait for what is said of the last letter: what was said of those before is taken away."""
    replace(page, "kernel", "kernal")
    expect(page.locator(".finding")).to_have_count(1)
    expect(page.locator(".finding")).to_contain_text("`kernal`")


def parameters_of(text: str) -> str:
    return f"{Measures(resnet_compiler.compile('net.yaml', text=text)).parameters:,}"


def test_counts_and_diagram_follow_what_is_typed(opened: tuple[Page, Server]) -> None:
    page, _ = opened
    expect(frame(page).locator("#totals")).to_contain_text(parameters_of(NET))
    replace(page, "depth: 1", "depth: 4")
    changed = parameters_of(NET.replace("depth: 1", "depth: 4"))
    assert changed != parameters_of(NET)
    expect(frame(page).locator("#totals")).to_contain_text(changed)
    expect(page.locator(".status")).to_contain_text(f"{changed} parameters")
    expect(frame(page).locator("#outline")).to_contain_text("layer1.3")
    expect(page.locator(".title")).to_have_text("net.yaml (not saved)")


def test_an_error_is_shown_where_it_is_and_goes_when_it_is_mended(
    opened: tuple[Page, Server],
) -> None:
    page, _ = opened
    replace(page, "kernel", "kernal")
    finding = page.locator(".finding")
    expect(finding).to_have_count(1)
    expect(finding).to_contain_text("did you mean `kernel`?")
    expect(finding).to_contain_text("^^^^^^")
    expect(page.locator(".cm-content .resnetc-error")).to_have_text("kernal")
    expect(page.locator(".status")).to_have_text("1 error")
    expect(page.locator(".note")).to_be_visible()
    expect(page.locator("iframe.stale")).to_have_count(1)
    expect(frame(page).locator("#totals")).to_contain_text(parameters_of(NET))
    for button in page.locator("header button", has_text="Download").all():
        expect(button).to_be_disabled()
    page.keyboard.press("Control+Home")
    finding.click()
    page.wait_for_function("document.getSelection().toString() === 'kernal'")
    page.keyboard.type("kernel")
    expect(finding).to_have_count(0)
    expect(page.locator(".cm-content .resnetc-error")).to_have_count(0)
    expect(page.locator(".note")).to_be_hidden()
    expect(page.locator("iframe.stale")).to_have_count(0)
    expect(page.locator(".title")).to_have_text("net.yaml")


def test_a_network_that_is_not_as_expected_is_shown_all_the_same(
    opened: tuple[Page, Server],
) -> None:
    page, _ = opened
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("expect: {weighted_layers: 4}")
    replace(page, "depth: 1", "depth: 2")
    expect(page.locator(".finding")).to_contain_text("`weighted_layers` is 6, not 4")
    expect(page.locator(".note")).to_have_text("This network is not what `expect` says.")
    expect(frame(page).locator("#totals")).to_contain_text(
        parameters_of(NET.replace("depth: 1", "depth: 2"))
    )
    expect(page.locator("iframe.stale")).to_have_count(0)
    expect(page.get_by_role("button", name="Download model.py")).to_be_disabled()


def test_a_spec_that_is_wrong_from_the_start_gets_its_network_once_it_is_right(
    browser: Browser, server: Server
) -> None:
    (server.folder / "net.yaml").write_text(NET.replace("kernel", "kernal"))
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(server.address)
    expect(editor(page)).to_be_focused()
    expect(page.locator(".note")).to_contain_text("once it is right")
    expect(page.locator(".finding")).to_have_count(1)
    replace(page, "kernal", "kernel")
    expect(frame(page).locator("#totals")).to_contain_text(parameters_of(NET))
    expect(page.locator(".note")).to_be_hidden()
    context.close()


def test_what_was_typed_fast_arrives_whole(opened: tuple[Page, Server]) -> None:
    """Keys that come while marks are on their way are neither lost nor doubled."""
    page, server = opened
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    typed = "# one two three four five six seven eight nine ten eleven twelve"
    page.keyboard.type("bad: 1 ", delay=30)
    for each in typed:
        page.keyboard.type(each, delay=15)
    page.keyboard.press("Control+s")
    expect(page.locator(".title")).to_have_text("net.yaml")
    assert (server.folder / "net.yaml").read_text() == NET + "bad: 1 " + typed


def test_downloads_are_what_build_writes(
    opened: tuple[Page, Server], tmp_path: pathlib.Path
) -> None:
    import onnx

    page, server = opened
    replace(page, "depth: 1", "depth: 2")
    expect(page.locator(".status")).to_contain_text(
        parameters_of(NET.replace("depth: 1", "depth: 2"))
    )
    for name in ("model.py", "model.onnx"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {name}").click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".title")).to_have_text("net.yaml")
    graph = resnet_compiler.compile(str(server.folder / "net.yaml"))
    assert (tmp_path / "model.py").read_text() == resnet_compiler.emit_pytorch(graph)
    assert (tmp_path / "model.onnx").read_bytes() == resnet_compiler.emit_onnx(graph)
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)


def test_a_shipped_spec_is_opened_as_a_copy_and_saved_under_a_name(
    browser: Browser, folder: pathlib.Path
) -> None:
    with serving(folder, "resnet18") as server, visited(browser, server) as page:
        expect(page.locator(".title")).to_have_text("resnet18.yaml (not saved)")
        page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog")
        asked = dialog.get_by_label("Name")
        for name in ("../up", "net", "/etc/x"):
            asked.fill(name)
            dialog.get_by_role("button", name="Save").click()
            said = "is there already" if name == "net" else "a name has letters"
            expect(page.get_by_text(said).last).to_be_visible()
        asked.fill("mine")
        asked.press("Enter")
        expect(page.locator(".title")).to_have_text("mine.yaml")
        expect(dialog).to_have_count(0)
        page.reload()
        expect(page.locator(".title")).to_have_text("mine.yaml")
    assert sorted(each.name for each in folder.iterdir()) == ["mine.yaml", "net.yaml"]
    assert sorted(each.name for each in folder.parent.iterdir()) == ["inside", "inside.log"]
    assert resnet_compiler.compile(str(folder / "mine.yaml")).identity.name == "resnet18"


def test_without_a_spec_there_is_one_to_start_from(browser: Browser, folder: pathlib.Path) -> None:
    with serving(folder) as server, visited(browser, server) as page:
        expect(page.locator(".title")).to_have_text("my_resnet.yaml (not saved)")
        expect(frame(page).locator("#totals")).to_contain_text("parameters")
        expect(page.locator(".finding")).to_have_count(0)


def test_two_pages_are_edited_apart(opened: tuple[Page, Server]) -> None:
    page, server = opened
    other = page.context.new_page()
    other.goto(server.address)
    expect(editor(other)).to_be_focused()
    expect(frame(other).locator("#totals dd").first).to_be_visible()
    replace(page, "depth: 1", "depth: 3")
    expect(page.locator(".status")).to_contain_text(
        parameters_of(NET.replace("depth: 1", "depth: 3"))
    )
    expect(other.locator(".status")).to_contain_text(parameters_of(NET))
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".title")).to_have_text("net.yaml")
    replace(other, "depth: 1", "depth: 5")
    expect(other.locator(".title")).to_contain_text("not saved")
    question = other.get_by_role("dialog")
    for answer, kept, typed in (
        ("Cancel", "depth: 3", "depth: 5"),
        ("Load the file", "depth: 3", "depth: 3"),
        ("Overwrite it", "depth: 7", "depth: 7"),
    ):
        if answer == "Overwrite it":
            replace(other, "depth: 3", "depth: 7")
            expect(other.locator(".title")).to_contain_text("not saved")
            (server.folder / "net.yaml").write_text("somebody else's")
        other.get_by_role("button", name="Save").click()
        expect(question).to_contain_text("net.yaml was changed on disk meanwhile")
        question.get_by_role("button", name=answer).click()
        expect(question).to_have_count(0)
        expect(other.locator(".cm-content")).to_contain_text(typed)
        expect(other.locator(".status")).to_contain_text(
            parameters_of(NET.replace("depth: 1", typed))
        )
        unsaved = " (not saved)" if answer == "Cancel" else ""
        expect(other.locator(".title")).to_have_text(f"net.yaml{unsaved}")
        assert kept in (server.folder / "net.yaml").read_text()


def test_a_page_outlives_the_process_that_compiles(opened: tuple[Page, Server]) -> None:
    page, server = opened
    for depth in ("2", "3"):
        for worker in server.children():
            os.kill(worker, signal.SIGKILL)
        changed = NET.replace("depth: 1", f"depth: {depth}")
        replace(page, f"depth: {int(depth) - 1}", f"depth: {depth}")
        expect(page.locator(".status")).to_contain_text(parameters_of(changed))
        expect(frame(page).locator("#totals")).to_contain_text(parameters_of(changed))
    expect(page.locator(".finding")).to_have_count(0)


def test_a_frame_that_is_loaded_anew_has_the_network_before(opened: tuple[Page, Server]) -> None:
    page, _ = opened
    misspell(page)
    expect(page.locator("iframe.stale")).to_have_count(1)
    page.evaluate(
        """() => {
            const inner = document.querySelector("iframe").contentWindow;
            inner.isBefore = true;
            inner.location.reload();
        }"""
    )
    page.wait_for_function(
        """() => {
            const inner = document.querySelector("iframe").contentWindow;
            return !inner.isBefore && inner.resnetc;
        }"""
    )
    expect(frame(page).locator("#totals")).to_contain_text(parameters_of(NET))
    expect(page.locator("iframe.stale")).to_have_count(1)


def test_hostile_text_stays_text(opened: tuple[Page, Server]) -> None:
    page, _ = opened
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    page.on("dialog", lambda dialog: pytest.fail("it ran"))
    replace(page, "name: net", f"name: '{hostile}'")
    expect(page.locator(".finding").first).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0
    replace(page, f"name: '{hostile}'", "name: net")
    replace(page, "A net", f"'{hostile}'")
    expect(frame(page).locator("#title")).to_contain_text("<img src=x")
    assert frame(page).locator("img").count() == 0


def test_another_page_of_this_machine_cannot_open_the_socket(opened: tuple[Page, Server]) -> None:
    """What a browser does for a page of another origin: the websocket is refused, and the text cannot be read."""
    page, server = opened
    other = page.context.new_page()
    other.goto("data:text/html,<title>other</title>")
    said = other.evaluate(
        """async ([port]) => {
            const opened = await new Promise((resolve) => {
                const socket = new WebSocket(`ws://127.0.0.1:${port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket`);
                socket.onopen = () => resolve(true);
                socket.onerror = () => resolve(false);
            });
            const answer = await fetch(`http://127.0.0.1:${port}/`, {mode: "no-cors"}).catch((reason) => null);
            return [opened, answer === null ? "" : answer.type];
        }""",
        [server.port],
    )
    assert said[0] is False
    assert said[1] in ("", "opaque")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("is_wrong", [False, True])
def test_axe_finds_nothing_serious(
    opened: tuple[Page, Server], scheme: Any, is_wrong: bool
) -> None:
    page, _ = opened
    show_in(page, scheme)
    if is_wrong:
        misspell(page)
    assert not serious(page)
    if is_wrong:
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("saved net.yaml")).to_be_visible()
        appears(page)
        assert not serious(page)


def test_axe_finds_nothing_serious_in_the_question_for_a_name(
    browser: Browser, folder: pathlib.Path
) -> None:
    with serving(folder, "resnet18") as server, visited(browser, server) as page:
        page.emulate_media(reduced_motion="reduce")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
        appears(page)
        assert not serious(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_axe_finds_nothing_serious_in_the_question_which_text_stays(
    opened: tuple[Page, Server],
) -> None:
    page, server = opened
    show_in(page, "dark")
    replace(page, "depth: 1", "depth: 2")
    (server.folder / "net.yaml").write_text("somebody else's")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("dialog").get_by_role("button")).to_have_count(3)
    appears(page)
    assert not serious(page)


def show_in(page: Page, scheme: Any) -> None:
    """Change the colours, and wait until the editor has them too: it is told of them a moment later."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_function(
        """(isDark) => {
            const colour = getComputedStyle(document.querySelector(".cm-editor")).backgroundColor;
            const [red, green, blue] = colour.match(/\\d+/g).map(Number);
            return (red + green + blue < 3 * 128) === isDark;
        }""",
        arg=scheme == "dark",
    )


def appears(page: Page) -> None:
    """Wait until all is there that fades in: text that is half there has no contrast. The caret blinks for ever."""
    page.wait_for_function(
        """() => !document.querySelector("[class*=enter-active]") && document.getAnimations().every(
            (each) => each.playState !== "running" || each.effect.getTiming().iterations === Infinity)"""
    )


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe says of the page and the editor; the frame is the page that `view` makes, and tested there."""
    found = Axe().run(page, context={"exclude": [[".network"]]})
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_it_is_worked_with_the_keyboard(opened: tuple[Page, Server]) -> None:
    page, _ = opened
    misspell(page)
    page.locator(".finding").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getSelection().toString() === 'kernal'")
    names = [each.inner_text() for each in page.locator("header button").all()]
    assert names == ["Download model.py", "Download model.onnx", "Save"]
