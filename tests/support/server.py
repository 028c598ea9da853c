"""A running `resnetc serve`, as a process of its own."""

from __future__ import annotations

import http.client
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE = 180
"""Seconds after which a server that does not begin or end is given up; it takes a few."""


@dataclass
class Server:
    """A server, the folder it was started in, and its port."""

    process: subprocess.Popen[str]
    folder: pathlib.Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def answer(
        self,
        path: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, bytes]:
        """What a request gets: the status and the body. ``Host`` is the right one unless it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            if body is not None:
                given["Content-Length"] = str(len(body))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            # an upgraded connection has no end
            return answer.status, b"" if answer.status == 101 else answer.read()
        finally:
            connection.close()

    def websocket(self, headers: Mapping[str, str] | None = None) -> int:
        """The status that a browser's request for NiceGUI's websocket gets: 101 where it is opened."""
        asked = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        return self.answer(path, headers={**asked, **(headers or {})})[0]

    def children(self) -> list[int]:
        """The processes that it started and that run, on Linux."""
        lists = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(each) for path in lists for each in path.read_text().split()]

    def end(self) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)


RESTLESS = (str(pathlib.Path(__file__).parent / "restless.py"),)
"""A program for `serving`: the signal SIGUSR1 has it parse Python in another thread, without rest."""


@contextmanager
def serving(
    folder: pathlib.Path, *arguments: str, program: Sequence[str] = ("-m", "resnet_compiler")
) -> Iterator[Server]:
    """A server that was started in a folder, at a free port. What it prints to standard error is a complaint."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    with (folder.parent / f"{folder.name}.log").open("a+") as log:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", *arguments, "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
            log.seek(0)
            assert found is not None, line + log.read()
            yield Server(process, folder, int(found[1]))
            log.seek(0)
            lines = [line for line in log.read().splitlines() if not line.endswith(" not found")]
            assert not any(lines), lines  # a server that is used has nothing to complain about
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
