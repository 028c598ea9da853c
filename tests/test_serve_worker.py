"""The process that compiles for `serve`: what it may cost, how it is replaced, and that it is never left behind."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

pytest.importorskip("nicegui")

from support.server import PATIENCE, serving

import resnet_compiler
from resnet_compiler.library import SpecFile
from resnet_compiler.limits import Limits
from resnet_compiler.pipeline import compile_file
from resnet_compiler.serve.compiler import Compiler, CompilerError, UnfitError
from resnet_compiler.serve.outcome import outcome_of, picture
from resnet_compiler.serve.worker import SECONDS, Job

NET = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
DEEP = NET.replace("depth: 1", "depth: 1400")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")


def job(text: str = NET) -> Job:
    return Job("net.yaml", None, text)


def with_compiler(use: Callable[[Compiler], Awaitable[None]], **options: float) -> None:
    """Use one, and see that it still answers, and that its process is gone in the end."""

    async def using() -> None:
        compiler = Compiler(**options)  # type: ignore[arg-type]
        try:
            await use(compiler)
            assert (await compiler.compile(job())).is_right
            last = process_of(compiler)
        finally:
            await compiler.close()
        assert not pathlib.Path(f"/proc/{last}").exists()
        with pytest.raises(CompilerError, match="the server ends"):
            await compiler.compile(job())

    asyncio.run(using())


def process_of(compiler: Compiler) -> int:
    assert compiler._process is not None
    return compiler._process.pid


def test_it_says_and_draws_what_is_compiled_here() -> None:
    async def use(compiler: Compiler) -> None:
        for text in (NET, NET.replace("kernel", "kernal"), "[", "\ud800 \U0001f600"):
            here = compile_file(SpecFile("net.yaml", None), text=text)
            assert await compiler.compile(job(text)) == outcome_of(text, here)
            assert await compiler.picture(job(text)) == picture(here)

    with_compiler(use)


def test_a_picture_is_of_any_text_also_of_one_that_was_not_the_last() -> None:
    async def use(compiler: Compiler) -> None:
        await compiler.compile(job("["))
        assert await compiler.picture(job()) == picture(
            compile_file(SpecFile("net.yaml", None), text=NET)
        )

    with_compiler(use)


def test_another_file_that_was_changed_is_read_again(tmp_path: pathlib.Path) -> None:
    async def use(compiler: Compiler) -> None:
        (tmp_path / "base.yaml").write_text(NET)
        asked = Job("mine.yaml", str(tmp_path / "mine.yaml"), "name: mine\nextends: base.yaml\n")
        before = await compiler.compile(asked)
        (tmp_path / "base.yaml").write_text(NET.replace("depth: 1", "depth: 2"))
        assert (await compiler.compile(asked)).status != before.status

    with_compiler(use)


def test_outputs_are_those_of_the_library() -> None:
    async def use(compiler: Compiler) -> None:
        graph = resnet_compiler.compile("net.yaml", text=NET)
        assert await compiler.whole("source", job()) == resnet_compiler.emit_pytorch(graph).encode()
        pieces = [piece async for piece in compiler.pieces("onnx", job())]
        assert b"".join(pieces) == resnet_compiler.emit_onnx(graph)
        for text, said in (("[", "the spec is wrong"), (LARGE, "a file of their own")):
            with pytest.raises(UnfitError, match=said):
                await compiler.whole("onnx", job(text))

    with_compiler(use, memory=8 * 2**30)


LARGE = NET.replace("width: 8}", "width: 5120}").replace("depth: 1", "depth: 3")


def test_a_text_that_takes_long_is_given_up() -> None:
    async def use(compiler: Compiler) -> None:
        with pytest.raises(CompilerError, match=r"more than 0\.05 s of processor time, and was"):
            await compiler.compile(replace(job(DEEP), least_seconds=0.05))

    with_compiler(use, waiting=1000)


def test_a_text_that_takes_much_memory_is_given_up() -> None:
    async def use(compiler: Compiler) -> None:
        with pytest.raises(CompilerError, match=r"than 0\.068 GB of memory, and was given up"):
            await compiler.picture(job(DEEP))

    with_compiler(use, memory=70 * 2**20)


def test_who_raises_a_limit_has_more_time() -> None:
    assert job().seconds == SECONDS
    assert replace(job(), limits=Limits(layers=30_000)).seconds == 3 * SECONDS
    assert replace(job(), limits=Limits(layers=10)).seconds == SECONDS


def stopped(compiler: Compiler) -> int:
    """Have the process stand still, so that nothing of what it is asked for can have been answered."""
    os.kill(process_of(compiler), signal.SIGSTOP)
    return process_of(compiler)


def test_one_that_stands_still_is_given_up() -> None:
    async def use(compiler: Compiler) -> None:
        await compiler.begin()
        stopped(compiler)
        with pytest.raises(CompilerError, match=r"takes more than 0\.1 s, and was given up"):
            await compiler.compile(replace(job(), least_seconds=0.1))

    with_compiler(use, waiting=1)


@pytest.mark.parametrize("when", ["idle", "asked"])
def test_one_that_is_killed_from_outside_is_replaced(when: str) -> None:
    async def use(compiler: Compiler) -> None:
        await compiler.compile(job())
        before = stopped(compiler)
        if when == "idle":
            os.kill(before, signal.SIGKILL)
        asking = asyncio.create_task(compiler.compile(job(DEEP)))
        await asyncio.sleep(0)
        if when == "asked":
            os.kill(before, signal.SIGKILL)
        assert (await asking).is_right
        assert process_of(compiler) != before

    with_compiler(use)


def test_one_that_ends_with_each_job_is_told() -> None:
    async def use(compiler: Compiler) -> None:
        asking = asyncio.create_task(compiler.compile(job(DEEP)))
        killed: set[int] = set()
        while not asking.done():  # no piece of its reply is as fast as this
            await asyncio.sleep(0)
            if compiler._process is not None and compiler._process.pid not in killed:
                killed.add(stopped(compiler))
                os.kill(process_of(compiler), signal.SIGKILL)
        with pytest.raises(CompilerError, match=r"the process .* ended \(exit code -9\)"):
            await asking
        assert len(killed) == 2

    with_compiler(use)


def test_a_fault_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    async def use(compiler: Compiler) -> None:
        with pytest.raises(CompilerError, match=r"^a fault of the compiler, .*AssertionError") as e:
            await compiler.compile(Job("net.yaml", None, None))  # type: ignore[arg-type]
        assert "\n" not in str(e.value)

    with_compiler(use)
    assert "AssertionError" in capfd.readouterr().err  # how it came about is for the terminal


@pytest.mark.parametrize("task", ["compile", "onnx"])
def test_a_reply_nobody_waits_for_is_not_taken_for_the_next(task: str) -> None:
    async def use(compiler: Compiler) -> None:
        if task == "compile":
            await compiler.begin()
            stopped(compiler)
            asking = asyncio.create_task(compiler.compile(job("[")))
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        else:
            pieces = compiler.pieces("onnx", job(NET.replace("width: 8", "width: 64")))
            assert await anext(pieces)
            await pieces.aclose()  # type: ignore[attr-defined]
        assert (await compiler.compile(job())).is_right

    with_compiler(use)


def test_it_runs_nothing_from_the_folder_it_is_started_in(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "struct", "resnet_compiler", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", ".")])

    async def use(compiler: Compiler) -> None:
        assert (await compiler.compile(job())).is_right

    with_compiler(use)


# --- never left behind ---


def is_alive(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")  # one that is dead, and not yet waited for by whom it fell to


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_server(tmp_path: pathlib.Path, how: signal.Signals) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "net.yaml").write_text(NET)
    with serving(folder, "net.yaml") as server:
        assert server.answer()[0] == 200  # a page is open, and its text is being compiled
        (worker,) = server.children()
        server.process.send_signal(how)
        code = server.process.wait(timeout=PATIENCE)
        assert code == {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGKILL: -9}[how]
        end = time.monotonic() + PATIENCE
        while is_alive(worker):
            assert time.monotonic() < end, "the process that compiles is left behind"
            time.sleep(0.02)


def test_the_server_outlives_a_browser_that_goes_away(tmp_path: pathlib.Path) -> None:
    """Connections that are broken off while they are answered; a signal of the system must not end the server."""
    folder = tmp_path / "inside"
    folder.mkdir()
    with serving(folder) as server:
        assert server.answer()[0] == 200
        request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as asking:
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                asking.sendall(request * 20)
                asking.recv(1)
        assert server.answer()[0] == 200
        assert server.process.poll() is None
