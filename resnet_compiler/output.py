"""Writing files: all of them or none, and telling what on disk is stale."""

from __future__ import annotations

import difflib
import errno
import os
import pathlib
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from resnet_compiler import codes
from resnet_compiler.characters import escaped
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.paths import stays_inside
from resnet_compiler.support.read import ReadError, content, opened

Content = Iterable[bytes]
"""A file's content in pieces, made while it is written."""


def write_all(
    files: Mapping[pathlib.Path, Content],
    approve: Callable[[Mapping[pathlib.Path, pathlib.Path]], None] | None = None,
) -> dict[pathlib.Path, int]:
    """Write every file or, if one cannot be written, none: each is staged beside its place, then moved there.

    A target that is a link is replaced itself; what it leads to stays as it is.

    Args:
        files: what to write where.
        approve: gets where each file is staged when all are, before any is moved. What it raises ends the writing.

    Returns:
        The size of each file in bytes.

    Raises:
        SpecError: a file cannot be written; what was there before is still there.
    """
    work = _Writing()
    try:
        try:
            work.stage(files)
            if approve is not None:
                approve({move.path: move.staged for move in work.moves})
            work.commit()
        finally:
            _persistently(work.settle)
    except OSError as reason:
        text = (reason.strerror or str(reason)).lower()
        summary = f"cannot write {work.path.as_posix()}: {text}"
        raise SpecError([error(codes.CANNOT_WRITE, summary)]) from None
    return work.sizes


@dataclass
class _Move:
    """A file on its way: where it goes, where it is staged, and a second name for what is there now."""

    path: pathlib.Path
    staged: pathlib.Path
    before: pathlib.Path
    is_new: bool = False


@dataclass
class _Writing:
    """All files of one call. What was done is seen on disk, so that it can be settled wherever it was broken off."""

    token: str = field(default_factory=lambda: os.urandom(8).hex())
    path: pathlib.Path = field(default_factory=pathlib.Path)
    """The file that is being worked on, for messages."""
    sizes: dict[pathlib.Path, int] = field(default_factory=dict)
    made: list[pathlib.Path] = field(default_factory=list)
    """Folders that were made, the outermost first. Like names of files, each is noted before there is one."""
    moves: list[_Move] = field(default_factory=list)
    is_moving: bool = False
    is_done: bool = False

    def stage(self, files: Mapping[pathlib.Path, Content]) -> None:
        """Write every file under another name in its folder."""
        for number, (path, pieces) in enumerate(files.items()):
            self.path = path
            _is_there(path)  # a name that is too long fails here, before folders are made for it
            self._make_folders(path.parent)
            if os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, "is a directory")
            _refuse_devices(path)
            staged, before = (
                path.with_name(f".resnetc-{self.token}-{number}.{kind}") for kind in ("new", "old")
            )
            self.moves.append(_Move(path, staged, before))
            with open(staged, "xb") as stream:
                self.sizes[path] = sum(stream.write(piece) for piece in pieces)
                stream.flush()
                os.fsync(stream.fileno())

    def commit(self) -> None:
        """Move every file to its place; what was there keeps a second name until all are moved."""
        self.is_moving = True
        for move in self.moves:
            self.path = move.path
            move.is_new = not _is_there(move.path)
            if not move.is_new:
                _keep(move.path, move.before)
            os.replace(move.staged, move.path)
        folders = [move.path.parent for move in self.moves] + [each.parent for each in self.made]
        for folder in dict.fromkeys(folders):
            _sync(folder)
        self.is_done = True

    def settle(self) -> None:
        """Leave what is complete, the new files or else the old ones, and nothing beside them."""
        steps = [partial(self._settle, move) for move in reversed(self.moves)]
        if not self.is_done:
            steps += [partial(_remove_empty, folder) for folder in reversed(self.made)]
        problems = []
        for step in steps:  # one that fails keeps no other from being done
            try:
                step()
            except OSError as reason:
                problems.append(reason)
        if problems:
            raise problems[0]

    def _settle(self, move: _Move) -> None:
        is_moved = self.is_moving and not _is_there(move.staged)
        if not self.is_done and is_moved and _is_there(move.before):
            os.replace(move.before, move.path)
        elif not self.is_done and is_moved and move.is_new:
            move.path.unlink(missing_ok=True)
        move.before.unlink(missing_ok=True)  # first: a staged file tells that nothing was moved
        move.staged.unlink(missing_ok=True)

    def _make_folders(self, folder: pathlib.Path) -> None:
        """Make a folder and those around it that are missing."""
        missing = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
        for each in reversed(missing):
            self.made.append(each)
            try:
                os.mkdir(each)
            except FileExistsError:  # made by somebody else meanwhile, or a link that leads nowhere
                self.made.remove(each)
                if not os.path.isdir(each):
                    raise


def _persistently(action: Callable[[], None]) -> None:
    """Do what has to be done, a second time where it is broken off; doing it twice is the same as once."""
    try:
        action()
    except OSError:
        action()
    except BaseException:
        action()
        raise


def _refuse_devices(path: pathlib.Path) -> None:
    """Refuse to put a file in the place of a pipe or a device, which others use by that name."""
    if _is_there(path) and stat.S_IFMT(os.lstat(path).st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
        raise OSError(errno.EEXIST, "it is a pipe or a device, not a file")


def _is_there(path: pathlib.Path) -> bool:
    """Whether anything has that name; unlike `lexists` it takes no failure for an answer."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _keep(path: pathlib.Path, name: pathlib.Path) -> None:
    """A second name for a file; a copy where the file system has no links."""
    try:
        os.link(path, name, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, name, follow_symlinks=False)


def _remove_empty(folder: pathlib.Path) -> None:
    """Remove a folder; one in which somebody else has put something stays."""
    try:
        os.rmdir(folder)
    except OSError as reason:
        if reason.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sync(folder: pathlib.Path) -> None:
    """Have the names in a folder on disk, as the files are, where the system can do that for folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as reason:
        if reason.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise


def _holds(path: pathlib.Path, pieces: Content) -> bool:
    """Whether a file holds just these pieces."""
    with opened(path, follow=False) as stream:
        return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)


def opened_lock(path: pathlib.Path) -> BinaryIO:
    """A file to hold a lock on, made where there is none; its content stays as it is.

    Raises:
        OSError: it is a link or no regular file, or cannot be opened.
    """
    if _is_there(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        why = "is a link" if os.path.islink(path) else "is no regular file"
        raise OSError(errno.EEXIST, f"{path.name} {why}", os.fspath(path))
    flags = os.O_WRONLY | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EEXIST, f"{path.name} is no regular file", os.fspath(path))
    return open(handle, "wb")


def write_new(path: pathlib.Path, pieces: Content) -> None:
    """Write a file where there is none, in a folder that is ours alone: a temporary one. Nothing is synced.

    Raises:
        OSError: something has that name, if only a link; or it cannot be written.
    """
    with open(path, "xb") as stream:
        stream.writelines(pieces)


def refuse_link_out(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Refuse a folder for outputs that is in another by its name, and elsewhere by where its links lead.

    Raises:
        SpecError: it leaves the folder.
    """
    if not stays_inside(path, folder):
        summary = f"`{path.as_posix()}` is a link that leaves the folder it stands in"
        help = ["remove the link, or give `-o` the folder that it leads to"]
        raise SpecError([error(codes.LEAVES_FOLDER, summary, help=help)])


def stale(files: Mapping[pathlib.Path, Content]) -> dict[pathlib.Path, str]:
    """The files that are not on disk as they would be written, each with a diff (or a line, where it is not text)."""
    found = {}
    for path, pieces in files.items():
        try:
            said = _staleness(path, pieces)
        except ReadError as failure:  # nobody may read it, or it is longer than any output
            said = str(failure)
        if said:
            found[path] = said
    return found


def _staleness(path: pathlib.Path, pieces: Content) -> str:
    """How a file differs from these pieces; nothing where it does not."""
    name = path.as_posix()
    if os.path.islink(path):  # writing replaces it; what it leads to is nobody's to print
        return f"{name} is a link"
    if not os.path.isfile(path):
        return f"{name} is missing"
    if path.suffix not in (".py", ".md"):
        return "" if _holds(path, pieces) else f"{name} differs"
    before, wanted = content(path, follow=False), b"".join(pieces)
    if before == wanted:
        return ""
    lines = difflib.unified_diff(
        before.decode(errors="replace").splitlines(keepends=True),
        wanted.decode().splitlines(keepends=True),
        f"{name} (on disk)",
        f"{name} (from the spec)",
    )
    return escaped("".join(lines).rstrip("\n"), keep="\n\t")


def stale_outputs(paths: Iterable[pathlib.Path]) -> list[Diagnostic]:
    """An error for each file that is stale; the last says what to do about them all."""
    names = [path.as_posix() for path in paths]
    help = ["the same command without `--check` writes what the spec gives"]
    return [
        error(
            codes.STALE_OUTPUT,
            f"{name} is not what the spec gives",
            help=help if name == names[-1] else (),
        )
        for name in names
    ]
