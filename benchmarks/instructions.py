"""How many instructions `resnetc check resnet50` and `resnetc --help` take, beside the figures that are kept.

    python benchmarks/instructions.py [--update]

Needs valgrind. Unlike times, instructions hardly vary from run to run, nor with what else the machine does; so a change
that costs 5 % shows. They do vary with the versions of Python and of libraries: where those differ from the versions that
the kept figures are of, that is said, and nothing is compared. Exit codes: 0 no worse (or no comparison), 1 more than 5 %
worse, 2 valgrind or the kept figures are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from measure import RESNETC, ROOT, note, table

KEPT = ROOT / "benchmarks" / "results" / "instructions.json"
COMMANDS = (("check", "resnet50"), ("--help",))
PACKAGES = ("pydantic", "pydantic_core", "PyYAML", "typer", "click")
WORSE = 5
"""Per cent."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Instructions of each command, and the versions that they are of."""

    versions: Mapping[str, str]
    instructions: Mapping[str, int]


def counted(arguments: Sequence[str], folder: pathlib.Path) -> int:
    """The instructions of one `resnetc` process, user code only.

    The byte code is in a folder of its own, written by a run before, so that it is read as in an installed package.

    Raises:
        RuntimeError: the command failed.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    command = [sys.executable, RESNETC, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'profile'}"]
    done = subprocess.run(
        [*tool, *command], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return collected(done.stderr)


def collected(said: str) -> int:
    """The instructions that callgrind says it has seen.

    Raises:
        RuntimeError: it says nothing of the kind.
    """
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise RuntimeError(f"callgrind told no instructions:\n{said[-2000:]}")
    return int(found[1])


def versions() -> dict[str, str]:
    """What the figures are of."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: version(name) for name in PACKAGES},
    }


def kept(file: pathlib.Path) -> Figures | None:
    """The figures in a file; None where there is no file."""
    if not file.is_file():
        return None
    return Figures(**json.loads(file.read_text("utf-8")))


def compared(found: Figures, before: Figures) -> tuple[list[list[str]], bool]:
    """Rows of a table, and whether one command takes more than 5 % more instructions than it did."""
    rows, is_worse = [], False
    for command, count in found.instructions.items():
        was = before.instructions.get(command)
        if was is None:
            rows.append([command, f"{count:,}", "—", "new"])
            continue
        rows.append([command, f"{count:,}", f"{was:,}", f"{count / was - 1:+.1%}"])
        is_worse = is_worse or 100 * count > (100 + WORSE) * was
    return rows, is_worse


def differing(found: Figures, before: Figures) -> list[str]:
    """What the two are of that is not the same, as ``typer 0.29.2, kept 0.28.0``."""
    names = dict.fromkeys([*found.versions, *before.versions])
    return [
        f"{name} {found.versions.get(name, 'none')}, kept {before.versions.get(name, 'none')}"
        for name in names
        if found.versions.get(name) != before.versions.get(name)
    ]


def judged(found: Figures, before: Figures | None) -> tuple[str, int]:
    """What to print, and the exit code."""
    if before is None:
        return "no figures are kept: --update writes them", 2
    rows, is_worse = compared(found, before)
    text = table(["resnetc", "instructions", "kept", "change"], rows)
    other = differing(found, before)
    if other:
        return f"{text}\n\nno comparison, the versions differ: {'; '.join(other)}", 0
    if is_worse:
        return f"{text}\n\nmore than {WORSE}% worse; where that is meant, --update", 1
    return text, 0


def main() -> int:
    """Count, then compare with what is kept, or keep it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--update", action="store_true", help="keep these figures")
    is_update = options.parse_args().update
    if shutil.which("valgrind") is None:
        print("valgrind is not installed; on Debian: apt-get install valgrind", file=sys.stderr)
        return 2
    instructions = {}
    with tempfile.TemporaryDirectory() as folder:
        for arguments in COMMANDS:
            command = " ".join(arguments)
            note(command)
            instructions[command] = counted(arguments, pathlib.Path(folder))
    note("")
    found = Figures(versions(), instructions)
    if is_update:
        KEPT.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
        print(table(["resnetc", "instructions"], [[k, f"{v:,}"] for k, v in instructions.items()]))
        return 0
    text, code = judged(found, kept(KEPT))
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
