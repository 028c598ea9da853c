"""The page to work in: the spec in an editor, its diagnostics below it, and beside it the network.

What is shown follows what is typed; nothing here compiles or writes. Texts go into elements as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from resnet_compiler.library import data_folder
from resnet_compiler.serve.findings import marks, tooltips
from resnet_compiler.serve.live import Live
from resnet_compiler.serve.outcome import Outcome
from resnet_compiler.serve.workspace import ChangedError, SaveError

if TYPE_CHECKING:
    from nicegui import Client
    from nicegui.element import Element
    from nicegui.elements.dialog import Dialog

    from resnet_compiler.serve.server import Studio

E = TypeVar("E", bound="Element")


def build_page(studio: Studio) -> None:
    """Fill the page of a client that has just come, and follow what it types until it is gone."""
    from nicegui import background_tasks, ui

    client = ui.context.client
    _add_head()
    try:
        name, live = studio.open()
    except SaveError as reason:
        _attributed(ui.label(str(reason)), role="alert")
        return
    page = _Page(studio, client, live, name)
    page.build()
    live.told, live.pictured = page.show, page.redraw
    following = background_tasks.create(live.follow(), name=f"compiling {name}")

    def leave() -> None:
        following.cancel()
        studio.close(name)

    client.on_delete(leave)


def _add_head() -> None:
    from nicegui import ui

    folder = data_folder("templates") / "serve"
    style, script = ((folder / name).read_text("utf-8") for name in ("serve.css", "serve.js"))
    ui.add_head_html(f"<style>{style}</style><script>{script}</script>")


@dataclass
class _Page:
    """The elements of one client's page."""

    studio: Studio
    client: Client
    live: Live
    name: str

    def build(self) -> None:
        from nicegui import ui

        with ui.element("div").classes("serve"):
            with ui.element("header"):
                self.title = _attributed(
                    ui.label().classes("title"), role="heading", aria_level="1"
                )
                self.status = _attributed(ui.label().classes("status"), role="status")
                self.downloads = [
                    self._button(f"Download {file}", self._download(file))
                    for file in ("model.py", "model.onnx")
                ]
                self.saving = self._button("Save", self._save)
            with ui.element("main"):
                with _attributed(ui.element("section"), aria_label="Spec").classes("left"):
                    self.editor = ui.codemirror(
                        self.live.text,
                        language="YAML",
                        theme="githubLight",
                        indent="  ",
                        on_change=lambda event: self._typed(event.value),
                        keymap={"Mod-s": self._save},
                    ).classes("editor")
                    self.findings = _attributed(
                        ui.element("div"), role="region", aria_label="Diagnostics", tabindex="0"
                    ).classes("findings")
                with _attributed(ui.element("section"), aria_label="Network").classes("right"):
                    self.note = ui.label().classes("note")
                    self.frame = _attributed(
                        ui.element("iframe"), src=f"/live/{self.name}/page", title="The network"
                    ).classes("network")
        self._run(f"begin({self.editor.id}, {self.frame.id}, '/live/{self.name}/')")
        for button in self.downloads:
            button.props.set_bool("disabled", True)
        for each in (self.note, self.findings):
            each.set_visibility(False)
        self._show_name()

    def _button(self, text: str, action: Callable[[], object]) -> Element:
        from nicegui import ui

        with _attributed(ui.element("button"), type="button").on("click", action) as button:
            ui.label(text)
        return button

    def _run(self, call: str) -> None:
        """Have the page's script do something; the call holds numbers and names of our own."""
        self.client.run_javascript(f"resnetcServe.{call}")

    def _typed(self, text: str) -> None:
        self.live.type(text)
        self._show_name()

    def _show_name(self) -> None:
        workspace = self.live.workspace
        is_new = workspace.path is None
        is_dirty = is_new or self.live.text != workspace.text
        name = f"{workspace.name}.yaml" if workspace.path is None else workspace.path.name
        said = f"{name}{' (not saved)' if is_dirty else ''}"
        if self.title.text != said:
            self.title.text = said
            unsaved = "true" if self.live.text != workspace.text else "false"
            self._run(f"setUnsaved({unsaved})")

    def redraw(self, made: Outcome) -> None:
        """Have the frame show the network of a text; of one that is wrong, what it has, in grey."""
        self._run(f"refresh({'false' if made.is_drawn else 'true'})")

    def show(self, made: Outcome) -> None:
        """Show what there is to say of a text."""
        is_wrong = not made.is_right
        with self.client:
            self._show_name()
            self.editor.run_method("setDecorations", marks(made.findings))
            self.editor.run_method("setLineTooltips", tooltips(made.findings))
            self.status.text = made.status
            self.status.classes(add="wrong" if is_wrong else "", remove="" if is_wrong else "wrong")
            self.note.text = _note(made, self.live.good is not None)
            self.note.set_visibility(bool(self.note.text))
            for button in self.downloads:
                button.props.set_bool("disabled", is_wrong)
            self._show_findings(made)

    def _show_findings(self, made: Outcome) -> None:
        from nicegui import ui

        self.findings.clear()
        with self.findings:
            for each in made.findings:
                with _attributed(ui.element("button"), type="button") as item:
                    item.classes(f"finding {each.severity}")
                    ui.label(each.text)
                if each.start is not None and each.end is not None:
                    start, end = (_utf16(made.text, at) for at in (each.start, each.end))
                    item.on("click", js_handler=f"() => resnetcServe.choose({start}, {end})")
            if made.more:
                ui.label(f"and {made.more} more").classes("finding")
        self.findings.set_visibility(bool(made.findings))

    def _download(self, file: str) -> Callable[[], None]:
        from nicegui import ui

        return lambda: ui.download(f"/live/{self.name}/{file}", file)

    def _save(self) -> None:
        if self.live.workspace.path is None:
            self._ask_name()
        else:
            self._save_as(None)

    def _save_as(self, name: str | None, *, overwrite: bool = False) -> bool:
        from nicegui import ui

        try:
            path = self.live.workspace.save(self.live.text, name, overwrite=overwrite)
        except ChangedError as reason:
            self._ask_which(str(reason))
            return False
        except SaveError as reason:
            ui.notify(str(reason), type="negative", multi_line=True)
            return False
        self.studio.saved = path
        self._show_name()
        ui.notify(f"saved {path.name}", color="grey-9", text_color="white")
        return True

    def _load(self) -> None:
        """Put the file's text in the place of what was typed; the editor can undo that."""
        from nicegui import ui

        try:
            self.editor.value = self.live.workspace.load()
        except SaveError as reason:
            ui.notify(str(reason), type="negative", multi_line=True)
        self._show_name()

    def _ask_which(self, what: str) -> None:
        """Ask whether a file that was changed meanwhile or the text of the editor is to stay."""
        from nicegui import ui

        with _question("Changed meanwhile") as dialog:
            ui.label(f"{what}. Which of the two is to stay?")

            def load() -> None:
                dialog.close()
                self._load()

            def overwrite() -> None:
                dialog.close()
                self._save_as(None, overwrite=True)

            with ui.element("div").classes("choices"):
                self._button("Cancel", dialog.close)
                self._button("Load the file", load)
                self._button("Overwrite it", overwrite)

    def _ask_name(self) -> None:
        from nicegui import ui

        with _question("Save") as dialog:
            ui.label("Save as a new spec in the folder where resnetc was started")
            asked = ui.input("Name", value=self.live.workspace.name)
            asked.props.update(autofocus=True, outlined=True)

            def save() -> None:
                if self._save_as(str(asked.value or "")):
                    dialog.close()

            asked.on("keydown.enter", save)
            with ui.element("div").classes("choices"):
                self._button("Cancel", dialog.close)
                self._button("Save", save)


@contextmanager
def _question(name: str) -> Iterator[Dialog]:
    """A dialog that is open; what is made inside stands in it."""
    from nicegui import ui

    with (
        _attributed(ui.dialog(value=True), aria_label=name) as dialog,
        ui.element("div").classes("ask"),
    ):
        yield dialog
    dialog.on("hide", dialog.delete)


def _attributed(element: E, **attributes: str) -> E:
    """The element with attributes of HTML.

    NiceGUI's own way, a text of them, has it parse Python whenever a page changes; see `compiler` for why not to.
    """
    element.props.update({name.replace("_", "-"): each for name, each in attributes.items()})
    return element


def _note(made: Outcome, is_there: bool) -> str:
    """What is to be known of the network that is shown; ``is_there``: whether there is one at all."""
    if made.is_right:
        return ""
    if made.is_drawn:
        return "This network is not what `expect` says."
    if is_there:
        return "The spec is wrong. This is the network as it was before."
    return "The spec is wrong. Its network is shown here once it is right."


def _utf16(text: str, offset: int) -> int:
    """An offset into a text as the browser counts it."""
    return len(text[:offset].encode("utf-16-le", errors="surrogatepass")) // 2
