"""A text that is being typed: compiled a moment after the last key, in another process; the newest wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from resnet_compiler.limits import Limits
from resnet_compiler.page import EMPTY_DATA
from resnet_compiler.serve.compiler import Compiler, CompilerError
from resnet_compiler.serve.outcome import Outcome, failed
from resnet_compiler.serve.worker import Job
from resnet_compiler.serve.workspace import Workspace

QUIET = 0.015
"""Seconds without a change after which a text is compiled: what is pasted, or comes from a key held down, comes together.

Longer would gain nothing: a text is compiled while the next key is on its way, and dropped if that comes first.
"""
LONGEST_WAIT = 0.25
"""Seconds after which it is, though changes go on."""


@dataclass(slots=True)
class Live:
    """One open page: its text, what the newest compiled one gave, and the last picture of a network.

    What there is to say of a text is told first; its picture, which takes longer, comes after. Both come only of a text
    that is still the newest.
    """

    workspace: Workspace
    limits: Limits
    compiler: Compiler
    text: str
    newest: Outcome | None = None
    data: bytes = EMPTY_DATA
    """The page's data of the newest text that has its picture."""
    good: bytes | None = None
    """The same of the newest that has a network."""
    told: Callable[[Outcome], None] | None = None
    pictured: Callable[[Outcome], None] | None = None
    _typed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def begun(cls, workspace: Workspace, limits: Limits, compiler: Compiler) -> Live:
        """A page with the text of a workspace, which is compiled as soon as it is followed."""
        return cls(workspace, limits, compiler, workspace.text)

    @property
    def job(self) -> Job:
        """The text as it is now, to be compiled as the file of its workspace."""
        spec = self.workspace.spec
        path = None if spec.path is None else str(spec.path)
        return Job(spec.display, path, self.text, self.limits)

    def type(self, text: str) -> None:
        """Take in the text as it is now."""
        self.text = text
        self._typed.set()

    async def follow(self) -> None:
        """Compile the text, and then what is typed, until the task is cancelled."""
        while True:
            try:
                await self._look()
            except Exception:  # a fault of the page: it lives on, and the next text may do
                logging.getLogger(__name__).exception("a text could not be shown")
            await self._typed.wait()
            await self._pause()

    async def _look(self) -> None:
        async with self.compiler.turn:
            self._typed.clear()
            job = self.job  # not what it was before the wait
            try:
                outcome = await self.compiler.compile(job)
                if job.text != self.text:
                    return
                self._tell(outcome)
                data = await self.compiler.picture(job)
            except CompilerError as reason:
                if job.text == self.text:
                    self._tell(failed(job.text, str(reason)))
                    self._draw(failed(job.text, str(reason)), EMPTY_DATA)
                return
        if job.text == self.text:
            self._draw(outcome, data)

    def _tell(self, outcome: Outcome) -> None:
        self.newest = outcome
        if self.told is not None:
            self.told(outcome)

    def _draw(self, outcome: Outcome, data: bytes) -> None:
        self.data = data
        if outcome.is_drawn:
            self.good = data
        if self.pictured is not None:
            self.pictured(outcome)

    async def _pause(self) -> None:
        """Wait for the end of what is being typed."""
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_WAIT
        while clock() < until:
            self._typed.clear()
            try:
                await asyncio.wait_for(self._typed.wait(), QUIET)
            except TimeoutError:
                return
