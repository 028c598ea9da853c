"""The application and its sockets: the page, the data and the downloads of each open page, on loopback only."""

from __future__ import annotations

import errno
import gc
import logging
import pathlib
import secrets
import signal
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resnet_compiler.limits import Limits
from resnet_compiler.page import empty_html
from resnet_compiler.serve.compiler import MEMORY_OF_OUTPUTS, Compiler, CompilerError
from resnet_compiler.serve.guard import Guard
from resnet_compiler.serve.live import Live
from resnet_compiler.serve.worker import Task
from resnet_compiler.serve.workspace import Workspace

if TYPE_CHECKING:
    from fastapi import FastAPI, Response

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortTakenError(OSError):
    """Somebody else listens at the port."""


@dataclass(slots=True)
class Studio:
    """What is served: how to open the spec, and the pages that are open, each under a name nobody can guess."""

    open_workspace: Callable[[], Workspace]
    limits: Limits
    saved: pathlib.Path | None = None
    """Where a spec without a file was saved: the pages that are opened from then on have that file."""
    pages: dict[str, Live] = field(default_factory=dict)
    compiler: Compiler = field(default_factory=Compiler)

    def open(self) -> tuple[str, Live]:
        """Another page, with the spec as it is on disk now, and its name.

        Raises:
            SaveError: the spec cannot be read.
        """
        name = secrets.token_urlsafe(16)
        workspace = (
            Workspace.opened(self.saved, self.limits.text_bytes)
            if self.saved
            else self.open_workspace()
        )
        self.pages[name] = Live.begun(workspace, self.limits, self.compiler)
        return name, self.pages[name]

    def close(self, name: str) -> None:
        """Forget a page."""
        self.pages.pop(name, None)


def application(studio: Studio) -> FastAPI:
    """The web application, without the guard around it."""
    from fastapi import FastAPI
    from nicegui import app as pages
    from nicegui import ui

    from resnet_compiler.serve.editor import build_page

    # no bar runs across the page at every request: there is one for each change of the text
    pages.config.quasar_config["loadingBar"]["skipHijack"] = True

    @asynccontextmanager
    async def compiling(_: FastAPI) -> AsyncIterator[None]:
        await studio.compiler.begin()
        yield
        await studio.compiler.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=compiling)
    _add_routes(app, studio)
    ui.page("/", title="resnetc")(lambda: build_page(studio))
    ui.run_with(
        app,
        title="resnetc",
        language="en-US",
        dark=None,
        favicon=_ICON,
        tailwind=False,
        show_welcome_message=False,
    )
    return app


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M9 2v28M9 8h9a8 8 0 0 1 0 16H9" fill="none" '
    'stroke="#3a6ea5" stroke-width="4"/></svg>'
)


def _add_routes(app: FastAPI, studio: Studio) -> None:
    """Pages and outputs. All are answered in the one thread of the server: none of it takes long there."""
    from fastapi import HTTPException
    from fastapi.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse

    page_to_fill = empty_html()

    def live(name: str) -> Live:
        if name not in studio.pages:
            raise HTTPException(404)
        return studio.pages[name]

    async def output(task: Task, name: str) -> AsyncIterator[bytes]:
        """An output of the text as it is now, whether it was compiled or not, once it is sure to have one."""
        pieces = _output(task, live(name))
        try:
            first = await anext(pieces)
        except CompilerError as reason:
            raise HTTPException(409, str(reason)) from None
        return _chain(first, pieces)

    @app.get("/live/{name}/page", response_model=None)
    async def page(name: str) -> Response:
        live(name)
        return HTMLResponse(page_to_fill, headers=_FRESH)

    @app.get("/live/{name}/data", response_model=None)
    async def data(name: str) -> Response:
        return Response(live(name).data, media_type="application/json", headers=_FRESH)

    @app.get("/live/{name}/good", response_model=None)
    async def good(name: str) -> Response:
        of = live(name)
        return Response(of.good or of.data, media_type="application/json", headers=_FRESH)

    @app.get("/live/{name}/model.py", response_model=None)
    async def source(name: str) -> Response:
        text = b"".join([piece async for piece in await output("source", name)])
        return PlainTextResponse(text, headers=_attached("model.py"))

    @app.get("/live/{name}/model.onnx", response_model=None)
    async def onnx_model(name: str) -> Response:
        return StreamingResponse(
            await output("onnx", name),
            media_type="application/octet-stream",
            headers=_attached("model.onnx"),
        )


async def _output(task: Task, page: Live) -> AsyncGenerator[bytes, None]:
    """An output in pieces, made in a process of its own: what is typed meanwhile does not wait for it.

    Raises:
        CompilerError: there is none.
    """
    compiler = Compiler(MEMORY_OF_OUTPUTS)
    try:
        async with aclosing(compiler.pieces(task, page.job)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        await compiler.close()


async def _chain(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in others:
        yield each


_FRESH = {"cache-control": "no-store"}


def _attached(name: str) -> dict[str, str]:
    return {**_FRESH, "content-disposition": f'attachment; filename="{name}"'}


def loopback_sockets(port: int) -> tuple[list[socket.socket], int]:
    """Sockets that listen at one port of every loopback address there is, and that port; 0 takes one that is free.

    Raises:
        PortTakenError: the port is not free.
    """
    opened: list[socket.socket] = []
    try:
        for family, address in LOOPBACK:
            try:
                opened.append(_listening(family, address, port))
            except OSError as reason:
                if opened and reason.errno in (
                    errno.EADDRNOTAVAIL,
                    errno.EAFNOSUPPORT,
                    errno.EPROTONOSUPPORT,
                ):
                    continue  # a machine without IPv6
                raise
            port = opened[0].getsockname()[1]
    except OSError as reason:
        for each in opened:
            each.close()
        raise PortTakenError(reason.errno, reason.strerror) from None
    return opened, port


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen()  # a browser that is faster than the start of the server waits for it
    except OSError:
        made.close()
        raise
    return made


def serve(studio: Studio, sockets: list[socket.socket], port: int) -> None:
    """Serve until the process is told to end.

    Raises:
        KeyboardInterrupt: by the user.
    """
    import uvicorn

    if hasattr(signal, "SIGPIPE"):
        # a browser that goes away while it is answered is no reason to end
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # nor worth a warning
    guarded = Guard(application(studio), port)
    gc.collect()
    gc.freeze()  # what is loaded by now stays; to look through it again and again takes long
    config = uvicorn.Config(
        guarded,
        loop="asyncio",  # uvloop, where it is installed, raises when a browser goes away while it is answered
        log_level="warning",
        lifespan="on",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=sockets)
