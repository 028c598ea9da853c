"""Examples of documentation run as written: files in the current folder, and a few commands of the shell."""

from __future__ import annotations

import pathlib
import re
import shlex
from collections.abc import Mapping

from typer.testing import CliRunner

from resnet_compiler.cli import app


def run_example(files: Mapping[str, str], commands: str) -> tuple[int, str]:
    """Write the files here and run the commands in this process: the last exit code, and standard error."""
    for name, text in files.items():
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    code, said = 0, ""
    for line in commands.splitlines():
        word, *arguments = shlex.split(line)
        if word == "resnetc":
            result = CliRunner().invoke(app, arguments)
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            code, said = result.exit_code, said + result.stderr
        elif word == "mkdir":
            pathlib.Path(arguments[0]).mkdir()
        elif word == "printf":
            text, redirection, name = arguments
            with open(name, {">": "wb", ">>": "ab"}[redirection]) as stream:
                stream.write(_printed(text))
        else:
            raise ValueError(f"examples have no command {word}")
    return code, said


def _printed(text: str) -> bytes:
    """What printf writes: line breaks and octal bytes are all that examples escape."""
    return re.sub(
        rb"\\(n|[0-7]{3})",
        lambda match: b"\n" if match[1] == b"n" else bytes([int(match[1], 8)]),
        text.encode(),
    )
