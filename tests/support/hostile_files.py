"""Hostile files by number: what may stand where a file of some kind is expected, and the command that meets it.

Of each kind there are places that are no files (links, pipes, devices, folders), files of another kind under the right
name, files that nobody may read, sound ones with something cut off or changed, and some that are made for the kind: in
`hostile_contents.py`. ``meet`` does with one what a user could, in this process, and says how it ended.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from support.hostile_contents import CRAFTED, OTHERS, sound
from support.kinds_of_files import COMMANDS, KINDS, Command, prepared

PATIENCE = 120
"""Seconds after which a command is taken to hang, on a machine that may have much else to do."""
MOST_GROWN = 600 * 2**20
"""Bytes by which one may make the process grow."""
SECRET = b"s3cret: outside\n"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What stands where a file is expected.

    Attributes:
        name: in words.
        make: puts it at a path; a folder ``outside`` is beside the path's own.
        is_surely_wrong: whether every command has to refuse it.
    """

    name: str
    make: Callable[[pathlib.Path], None]
    is_surely_wrong: bool = True


def _link(target: str) -> Callable[[pathlib.Path], None]:
    return lambda path: path.symlink_to(target.format(outside=path.parent.parent / "outside"))


def _socket(path: pathlib.Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # its name may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(size: int) -> Callable[[pathlib.Path], None]:
    def make(path: pathlib.Path) -> None:
        with path.open("wb") as stream:
            stream.truncate(size)

    return make


def _forbidden(path: pathlib.Path) -> None:
    path.write_bytes(b"name: x\n")
    path.chmod(0)


def _fifo_behind_links(path: pathlib.Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.with_name("more").symlink_to("pipe")
    path.symlink_to("more")


PLACES = (
    Hostile("nothing", lambda path: None),
    Hostile("a pipe", os.mkfifo),
    Hostile("a link to a link to a pipe", _fifo_behind_links),
    Hostile("a folder", pathlib.Path.mkdir),
    Hostile("a socket", _socket),
    *(
        Hostile(f"a link to {target}", _link(target))
        for target in (
            *("/dev/zero", "/dev/full", "/dev/random", "/dev/tty", "/dev/stdin", "/dev/null"),
            *(
                "/proc/self/mem",
                "/proc/self/environ",
                "/proc/self/maps",
                "/proc/kmsg",
                "/proc/1/mem",
            ),
            *("nowhere", ".", "..", "/", "{outside}"),
        )
    ),
    Hostile("a link to a file outside", _link("{outside}/secret")),
    Hostile("a file that nobody may read", _forbidden),
    Hostile("a terabyte of nothing", _sparse(2**40)),
    Hostile("three gigabytes of nothing", _sparse(3 * 2**30)),
    Hostile("an empty file", _sparse(0)),
)
"""What is no file, or none that can be read."""


def _circle(path: pathlib.Path) -> None:
    path.symlink_to(path.name)


def _written(data: bytes) -> Callable[[pathlib.Path], None]:
    return lambda path: _write(path, data)


def _write(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)


def _changed(kind: str, number: int) -> Hostile:
    """A sound file of the kind with something changed."""
    draw = random.Random(f"{kind} {number}")
    data = bytearray(draw.choice(sound(kind)))
    match draw.randrange(6):
        case 0:
            name, data = "cut off", data[: draw.randrange(len(data))]
        case 1:
            name = "some bytes changed"
            for _ in range(draw.choice((1, 3, 30))):
                data[draw.randrange(min(len(data), draw.choice((16, 200, 10**9))))] = (
                    draw.randrange(256)
                )
        case 2:
            name = "a length made large"
            at = draw.randrange(min(len(data), 400))
            data[at : at + draw.choice((1, 2, 4, 8))] = b"\xff" * draw.choice((1, 2, 4, 8))
        case 3:
            name = "a stretch taken out"
            at = draw.randrange(len(data))
            del data[at : at + draw.randrange(1, 40)]
        case 4:
            name = "a stretch twice"
            at = draw.randrange(len(data))
            data[at:at] = data[at : at + draw.randrange(1, 400)]
        case _:
            name = "more behind its end"
            data += draw.randbytes(draw.choice((1, 100, 5000)))
    return Hostile(f"{name} ({number})", _written(bytes(data)), is_surely_wrong=False)


def hostile_files(kind: str, changed: int) -> Iterator[Hostile]:
    """What may stand in the place of a file of the kind; so many of them are sound files with something changed."""
    yield from PLACES
    yield Hostile("a link to itself", _circle)
    if not KINDS[kind].has_contents:
        return
    for name, data in OTHERS.items():
        if name not in KINDS[kind].sound_others:
            yield Hostile(name, _written(data), name not in KINDS[kind].harmless)
    for name, make in CRAFTED.get(kind, {}).items():
        yield Hostile(name, _written(make()))
    for number in range(changed):
        yield _changed(kind, number)


# --- the command ---


class Hang(BaseException):
    """It takes too long."""


@dataclass
class Met:
    """How a command ended that met a hostile file. ``wrong`` is what should not have happened."""

    exit: int | None
    said: str
    seconds: float
    grown: int
    wrong: list[str] = field(default_factory=list)


def meet(kind: str, given: Hostile, patience: float = PATIENCE) -> Met:
    """Run the kind's command on it, in a folder made for that; past its patience it is broken off."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-"))
    here = os.getcwd()
    try:
        inside, outside = folder / "inside", folder / "outside"
        for each in (inside, outside):
            each.mkdir()
        (outside / "secret").write_bytes(SECRET)
        path = inside / KINDS[kind].file
        prepared(kind, inside, path)
        given.make(path)
        os.chdir(inside)
        before = _tree(outside), _tree(inside)
        met = _run(COMMANDS[kind], patience)
        after = _tree(outside), _tree(inside)
    finally:
        os.chdir(here)
        shutil.rmtree(folder, onerror=_by_force)
    met.wrong += _faults(kind, given, met, before, after)
    return met


def _by_force(function: Callable[..., object], path: str, reason: object) -> None:
    os.chmod(path, 0o700)
    function(path)


def _run(command: Command, patience: float) -> Met:
    """The command's end, watched."""

    def late(*_: object) -> None:
        raise Hang

    start, held = time.perf_counter(), _peak()
    wrong = []
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, patience)
    code: int | None = None
    said = ""
    try:
        with _silenced(wrong):
            code, said = command()
    except Hang:
        wrong.append(f"it takes over {patience} s")
    except Exception as reason:
        wrong.append(f"{type(reason).__name__}: {str(reason)[:300]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return Met(code, said, time.perf_counter() - start, _peak() - held, wrong)


@contextlib.contextmanager
def _silenced(wrong: list[str]) -> Iterator[None]:
    """What libraries print on standard error themselves is kept from it, and is wrong."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        if complaint := os.pread(file.fileno(), 10_000, 0):
            wrong.append(f"printed by a library: {complaint.decode(errors='replace')[:200]}")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


Tree = Mapping[str, tuple[int, int, int, bytes]]


def _tree(folder: pathlib.Path) -> Tree:
    """What is in a folder: kind and rights, size, time of change, and the content of small files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        is_small = stat.S_ISREG(status.st_mode) and status.st_size < 10_000
        readable = is_small and status.st_mode & 0o400
        data = path.read_bytes() if readable else b""
        name = path.relative_to(folder).as_posix()
        found[name] = (status.st_mode, status.st_size, status.st_mtime_ns, data)
    return found


def _faults(
    kind: str, given: Hostile, met: Met, before: tuple[Tree, Tree], after: tuple[Tree, Tree]
) -> Iterator[str]:
    refused = KINDS[kind].refused_with
    is_harmless = not given.is_surely_wrong or given.name in KINDS[kind].harmless
    allowed = (0, *refused) if is_harmless else refused
    if met.exit not in allowed and met.exit is not None:
        yield f"exit {met.exit}"
    if "Traceback" in met.said:
        yield "a traceback"
    name = "run" if kind.startswith("run") else KINDS[kind].file.name
    is_named = name in met.said or not KINDS[kind].is_named
    if met.exit in refused and not is_harmless and not is_named:
        yield "the file is not named"
    if met.grown > MOST_GROWN:
        yield f"it takes {met.grown >> 20:,} MB"
    if before[0] != after[0]:
        yield "something outside is changed"
    if SECRET.decode().strip() in met.said and not KINDS[kind].is_told:
        yield "something outside is told"
    left = [name for name in after[1] if ".resnetc-" in name and "lock" not in name]
    if left:
        yield f"{left[0]} is left"
    if met.exit and not KINDS[kind].writes and set(after[1]) != set(before[1]):
        yield f"written: {sorted(set(after[1]) ^ set(before[1]))[:3]}"
