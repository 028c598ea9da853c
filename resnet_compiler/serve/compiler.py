"""The process that compiles, as the server sees it: started early, bounded, and replaced when it ends.

Nothing is compiled in the server's own process. Libraries there parse Python too, and in some releases of CPython two
threads that parse at once disturb each other (python/cpython#106905); a text that takes long would keep the server from
answering; and one that takes all memory would end it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from resnet_compiler.serve.outcome import Outcome, from_json
from resnet_compiler.serve.worker import HEAD, Job, Task

MEMORY = 2 * 2**30
"""Bytes for the process that compiles what is typed."""
MEMORY_OF_OUTPUTS = 8 * 2**30
"""Bytes for one that makes a file with weights."""
WAITING = 3
"""How many times the processor time of a job is waited for, on a machine that has other things to do."""
BUFFER = 2**20

_BOOT = (
    "import sys; sys.path[:] = sys.argv[2:]; from resnet_compiler.serve.worker import main; main()"
)
"""What the process runs: the modules of this one, and none from the folder it was started in."""


class CompilerError(Exception):
    """There is no reply to a job; the message says why, in one line for the user."""


class UnfitError(CompilerError):
    """The text has no such output."""


class _EndedError(Exception):
    """The process ended without a reply, and perhaps not on account of the job."""


@dataclass(slots=True)
class Compiler:
    """The process, and the jobs it is given, one at a time.

    Pages take turns: hold ``turn`` while asking. Waiting pages get it in the order in which they came, each for the text
    that it has by then, so that those typed meanwhile are never compiled.
    """

    memory: int = MEMORY
    waiting: float = WAITING
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _process: asyncio.subprocess.Process | None = None
    _is_closed: bool = False

    async def compile(self, job: Job) -> Outcome:
        """What there is to say of a text.

        Raises:
            CompilerError: the process cannot tell.
        """
        return from_json(job.text, await self.whole("compile", job))

    async def picture(self, job: Job) -> bytes:
        """The data of the picture of a text, as JSON; at little cost where it was compiled just before.

        Raises:
            CompilerError: there is none.
        """
        return await self.whole("picture", job)

    async def whole(self, task: Task, job: Job) -> bytes:
        """The reply to a job. Where the process was ended from outside, another one gets a go.

        Raises:
            CompilerError: there is none.
        """
        try:
            return b"".join([piece async for piece in self._ask(task, job)])
        except _EndedError:
            pass
        try:
            return b"".join([piece async for piece in self._ask(task, job)])
        except _EndedError as reason:
            raise CompilerError(str(reason)) from None

    async def pieces(self, task: Task, job: Job) -> AsyncGenerator[bytes, None]:
        """The reply to a job, in pieces as they are made.

        Raises:
            CompilerError: there is none, or it comes to no end.
        """
        try:
            async with aclosing(self._ask(task, job)) as found:
                async for piece in found:
                    yield piece
        except _EndedError as reason:
            raise CompilerError(str(reason)) from None

    async def begin(self) -> None:
        """Start the process, so that the first job need not wait for it."""
        if self._is_closed:
            raise CompilerError("the server ends")
        if self._process is None or self._process.returncode is not None:
            command = [sys.executable, "-P", "-c", _BOOT, str(self.memory), *sys.path]
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=BUFFER,
                start_new_session=True,  # Ctrl-C is for the server, which then ends this
            )

    async def close(self) -> None:
        """End the process, and start none any more; who still asks is told."""
        self._is_closed = True
        self._kill()
        async with self.turn:
            await self._end()

    async def _ask(self, task: Task, job: Job) -> AsyncGenerator[bytes, None]:
        seconds = job.seconds * self.waiting
        is_done = False
        try:
            async with asyncio.timeout(seconds):
                await self.begin()
                await self._send(task, job)
            while True:
                async with asyncio.timeout(seconds):
                    word, data = await self._reply()
                if word != b"piece":
                    break
                yield data
            is_done = word != b"memory"  # not all of that may be given back
        except TimeoutError:
            raise CompilerError(
                f"the text takes more than {seconds:g} s, and was given up"
            ) from None
        except (OSError, EOFError):
            raise await self._ended(job) from None
        finally:  # also when nobody waits for the rest: the next job is to get its own reply
            if not is_done:
                await self._end()
        if word == b"memory":
            gigabytes = f"{self.memory / 2**30:.2g} GB"
            raise CompilerError(f"the text takes more than {gigabytes} of memory, and was given up")
        if word == b"unfit":
            raise UnfitError(data.decode())
        if word == b"fault":
            raise CompilerError(
                f"a fault of the compiler, not of the text ({data.decode()}); please report it"
            )

    async def _send(self, task: Task, job: Job) -> None:
        assert self._process is not None and self._process.stdin is not None
        data = job.to_json()
        self._process.stdin.write(HEAD.pack(task.encode().ljust(8), len(data)) + data)
        await self._process.stdin.drain()

    async def _reply(self) -> tuple[bytes, bytes]:
        assert self._process is not None and self._process.stdout is not None
        word, length = HEAD.unpack(await self._process.stdout.readexactly(HEAD.size))
        return word.rstrip(), await self._process.stdout.readexactly(length)

    async def _ended(self, job: Job) -> Exception:
        """Why the process ended: by a limit of its own, or by what is not known."""
        code = await self._end()
        if hasattr(signal, "SIGPROF") and code == -signal.SIGPROF:
            return CompilerError(
                f"the text takes more than {job.seconds:g} s of processor time, and was given up"
            )
        return _EndedError(f"the process that compiles the text ended (exit code {code})")

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                # not `kill` of the process: that asks whether it has ended, and takes the exit code from who waits for it
                os.kill(self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    async def _end(self) -> int | None:
        """End the process, where there is one, and give its exit code."""
        self._kill()
        process, self._process = self._process, None
        if process is None:
            return None
        await process.communicate()  # what is left to read would keep it from being seen to end
        return process.returncode
