"""The network of a text that is being typed: compiled beside the server, a moment after the last key; the newest wins."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from resnet_compiler.limits import Limits
from resnet_compiler.page import page_data
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.serve.findings import Finding, findings_of
from resnet_compiler.serve.workspace import Workspace

QUIET = 0.015
"""Seconds without a change after which a text is compiled: what is pasted, or comes from a key held down, comes together.

Longer would gain nothing: a text is compiled while the next key is on its way, and dropped if that comes first.
"""
LONGEST_WAIT = 0.25
"""Seconds after which it is, though changes go on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A text and what became of it.

    ``shown`` is the compilation as it is looked at: with the network also where `expect` says otherwise, and without
    diagnostics, which stand beside the text. ``status`` says in a few words what the text is.
    """

    text: str
    compilation: Compilation
    findings: tuple[Finding, ...]
    shown: Compilation
    status: str


def snapshot(workspace: Workspace, text: str, limits: Limits) -> Snapshot:
    """The text compiled as the file of its workspace."""
    compilation = compile_file(workspace.spec, text=text, limits=limits)
    found = findings_of(compilation.diagnostics, compilation.texts, compilation.spec.display)
    shown = replace(compilation, graph=compilation.draft, diagnostics=())
    return Snapshot(text, compilation, found, shown, _status(compilation))


def _status(compilation: Compilation) -> str:
    count = sum(each.severity == "error" for each in compilation.diagnostics)
    errors = f"{count} error{'' if count == 1 else 's'}" if count else ""
    if compilation.draft is None:
        return errors
    measures = compilation.draft.measures
    counts = (
        f"{measures.weighted_layers} weighted layers, {measures.parameters:,} parameters, "
        f"{measures.macs:,} MACs"
    )
    return f"{errors}; {counts}" if errors else counts


def picture(made: Snapshot) -> bytes:
    """The page's data of a snapshot, as JSON."""
    return json.dumps(page_data(made.shown), separators=(",", ":")).encode()


@dataclass(slots=True)
class Live:
    """One open page: its text, what the newest compiled one gave, and the last that gave a network to show.

    What there is to say of a text is told first; its picture, which takes longer, comes after. Both come only of a text
    that is still the newest.
    """

    workspace: Workspace
    limits: Limits
    text: str
    newest: Snapshot
    good: Snapshot | None
    data: bytes
    """The page's data of the newest text that has its picture."""
    told: Callable[[Snapshot], None] | None = None
    pictured: Callable[[Snapshot], None] | None = None
    _typed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def begun(cls, workspace: Workspace, limits: Limits) -> Live:
        """A page with the text of a workspace, compiled."""
        first = snapshot(workspace, workspace.text, limits)
        good = first if first.shown.graph is not None else None
        return cls(workspace, limits, workspace.text, first, good, picture(first))

    def type(self, text: str) -> None:
        """Take in the text as it is now."""
        self.text = text
        self._typed.set()

    async def follow(self) -> None:
        """Compile what is typed, until the task is cancelled."""
        while True:
            await self._typed.wait()
            await self._pause()
            try:
                await self._look(self.text)
            except (
                Exception
            ):  # a fault of the compiler: the page lives on, and the next text may do
                logging.getLogger(__name__).exception("a text could not be compiled")

    async def _look(self, text: str) -> None:
        made = await asyncio.to_thread(snapshot, self.workspace, text, self.limits)
        if text != self.text:
            return
        self.newest = made
        if self.told is not None:
            self.told(made)
        data = await asyncio.to_thread(picture, made)
        if text != self.text:
            return
        self.data = data
        if made.shown.graph is not None:
            self.good = made
        if self.pictured is not None:
            self.pictured(made)

    async def _pause(self) -> None:
        """Wait for the end of what is being typed."""
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_WAIT
        while True:
            self._typed.clear()
            try:
                await asyncio.wait_for(self._typed.wait(), QUIET)
            except TimeoutError:
                return
            if clock() >= until:
                self._typed.clear()
                return
