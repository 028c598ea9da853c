"""Which requests are answered: those a page of ours sends, on this machine. What is answered is elsewhere.

A page of another site can have a browser ask any address, this one too. It cannot choose the Host and Origin that the
browser sends along, and these tell it from our own page; also where a name that it owns leads to 127.0.0.1 (DNS
rebinding). Browsers let any site open a websocket, so there the Origin is all there is, and must be sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
READING = ("GET", "HEAD")
"""Methods that a browser sends without an Origin, to the page's own site."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; base-uri 'self'; form-action 'self'; "
        b"frame-ancestors 'self'; object-src 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
)
"""Sent with every answer: nothing is asked of another machine, and no other site has this one in a frame."""


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that hands on what comes from its own pages and answers 403 to everything else."""

    app: ASGIApp
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif not self.admits(scope["type"], scope.get("method", ""), scope["headers"]):
            await _refuse(scope["type"], send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def admits(self, kind: str, method: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request is answered.

        Args:
            kind: "http" or "websocket"; anything else is not answered.
            method: of an HTTP request.
            headers: names in lower case, with their values.
        """
        named: dict[bytes, list[str]] = {}
        for name, value in headers:
            named.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts = [f"{name}:{self.port}" for name in LOOPBACK_NAMES]
        if self.port == 80:
            hosts += LOOPBACK_NAMES
        host, origin = named.get(b"host", []), named.get(b"origin", [])
        if len(host) != 1 or host[0].lower() not in hosts or len(origin) > 1:
            return False
        if any(site not in ("same-origin", "none") for site in named.get(b"sec-fetch-site", [])):
            return False
        if origin:  # that of the very host that is asked, not of another name for it
            return (
                kind in ("http", "websocket") and origin[0].lower() == f"http://{host[0].lower()}"
            )
        return kind == "http" and method in READING


async def _refuse(kind: str, send: Send) -> None:
    if kind == "websocket":
        await send(
            {"type": "websocket.close", "code": 1008}
        )  # before it is accepted: answered with 403
        return
    body = b"resnetc serve answers its own pages only, under the address that it printed.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending
