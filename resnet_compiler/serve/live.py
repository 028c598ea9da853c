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
    diagnostics, which stand beside the text. ``data`` is that as the page's data, in JSON.
    """

    text: str
    compilation: Compilation
    findings: tuple[Finding, ...]
    shown: Compilation
    data: bytes


def snapshot(workspace: Workspace, text: str, limits: Limits) -> Snapshot:
    """The text compiled as the file of its workspace."""
    compilation = compile_file(workspace.spec, text=text, limits=limits)
    found = findings_of(compilation.diagnostics, compilation.texts, compilation.spec.display)
    shown = replace(compilation, graph=compilation.draft, diagnostics=())
    data = json.dumps(page_data(shown), separators=(",", ":")).encode()
    return Snapshot(text, compilation, found, shown, data)


@dataclass(slots=True)
class Live:
    """One open page: its text, what the newest compiled one gave, and the last that gave a network to show."""

    workspace: Workspace
    limits: Limits
    text: str
    newest: Snapshot
    good: Snapshot | None
    told: Callable[[Snapshot], None] | None = None
    """Gets each snapshot that is no longer outdated when it is made."""
    _typed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def begun(cls, workspace: Workspace, limits: Limits) -> Live:
        """A page with the text of a workspace, compiled."""
        first = snapshot(workspace, workspace.text, limits)
        return cls(workspace, limits, workspace.text, first, first if _is_good(first) else None)

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
                made = await asyncio.to_thread(snapshot, self.workspace, self.text, self.limits)
            except (
                Exception
            ):  # a fault of the compiler: the page lives on, and the next text may do
                logging.getLogger(__name__).exception("a text could not be compiled")
                continue
            if made.text != self.text:
                continue
            self.newest = made
            if _is_good(made):
                self.good = made
            if self.told is not None:
                self.told(made)

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


def _is_good(made: Snapshot) -> bool:
    return made.shown.graph is not None
