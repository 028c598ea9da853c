"""What may be saved: the file that was opened, or one new file in the folder that `serve` was started in."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.library import SpecFile, display_of
from resnet_compiler.limits import DEFAULT_LIMITS, way_to_raise
from resnet_compiler.output import write_all
from resnet_compiler.paths import stays_inside
from resnet_compiler.support.read import opened

FILE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}(\.yaml)?")
"""What a new file may be called: one word, no folder. The suffix may be left out."""


class SaveError(Exception):
    """A text is not saved; the message is for the user, and says what to do."""


class ChangedError(SaveError):
    """Somebody else changed the file: either text can be kept, and only the user knows which."""


class UnreadableError(SaveError):
    """A file cannot be read as a spec's text."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary.replace("`", ""))
        self.diagnostic = diagnostic


@dataclass(slots=True)
class Workspace:
    """One spec on its way to disk.

    ``path`` is the file that was opened; None for a text without one, which is saved under a new name in ``folder``.
    ``text`` is what the file held when it was last read or written, with line feeds alone.
    """

    folder: pathlib.Path
    path: pathlib.Path | None
    text: str
    name: str = "my_resnet"
    """What a new file is called unless the user says otherwise, without suffix."""
    line_break: str = field(default="\n")
    most: int = DEFAULT_LIMITS.text_bytes
    """Bytes of a file that is opened."""

    @classmethod
    def opened(cls, path: pathlib.Path, most: int = DEFAULT_LIMITS.text_bytes) -> Workspace:
        """The workspace of a file.

        Raises:
            UnreadableError: it is no regular file, cannot be read, is not UTF-8, or has more than ``most`` bytes.
        """
        workspace = cls(path.parent, path, "", path.stem, most=most)
        workspace.load()
        return workspace

    def load(self) -> str:
        """Read the file, as it is now, and return its text.

        Raises:
            UnreadableError: as for `opened`.
        """
        assert self.path is not None
        text = _read(self.path, self.most)
        self.line_break = "\r\n" if "\r\n" in text else "\n"
        self.text = text.replace("\r\n", "\n")
        return self.text

    @property
    def spec(self) -> SpecFile:
        """How a compilation is to call the text, and where it is to look for what the text names."""
        path = self.path or self.folder / f"{self.name}.yaml"
        return SpecFile(display_of(path), path)

    def save(self, text: str, name: str | None = None, *, overwrite: bool = False) -> pathlib.Path:
        """Write the text to its file.

        Args:
            text: the spec.
            name: of the new file, where none was opened; it is that of the workspace from then on.
            overwrite: whether the opened file is written also where it was changed by somebody else.

        Returns:
            Where it was written.

        Raises:
            ChangedError: the file was changed by somebody else.
            SaveError: the name is not one, the file is a link, or is there already.
        """
        path = self.path or self._new(name)
        if path.is_symlink():
            raise SaveError(
                f"{path.name} is a link, which saving would replace; open what it leads to"
            )
        if not stays_inside(path, self.folder):
            raise SaveError(f"{path.name} is not in the folder {self.folder.name}")
        if self.path is None:
            if path.exists():
                raise SaveError(f"{path.name} is there already; choose another name")
        elif not overwrite and path.exists() and self._is_changed(path):
            raise ChangedError(f"{path.name} was changed on disk meanwhile")
        try:
            write_all({path: [text.replace("\n", self.line_break).encode()]})
        except SpecError as failure:
            raise SaveError(failure.diagnostics[0].summary) from None
        except UnicodeEncodeError:
            raise SaveError("the text has characters that no file can hold") from None
        self.path, self.text, self.name = path, text, path.stem
        return path

    def _is_changed(self, path: pathlib.Path) -> bool:
        return _read(path, self.most).replace("\r\n", "\n") != self.text

    def _new(self, name: str | None) -> pathlib.Path:
        if name is None or not FILE_NAME.fullmatch(name):
            raise SaveError(
                "a name has letters, digits, `_` and `-`, and begins with a letter or `_`"
            )
        return self.folder / f"{name.removesuffix('.yaml')}.yaml"


def _read(path: pathlib.Path, most: int) -> str:
    name = path.as_posix()
    try:
        with opened(path) as stream:
            data = stream.read(most + 1)
    except OSError as reason:  # while it is opened, or read: a ReadError is one
        said = f"cannot read `{name}`: {(reason.strerror or str(reason)).lower()}"
        raise UnreadableError(error(codes.UNREADABLE_FILE, said)) from None
    if len(data) > most:
        summary = f"`{name}` is larger than {most:,} bytes"
        raise UnreadableError(error(codes.TEXT_LIMIT, summary, help=[way_to_raise("text_bytes")]))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UnreadableError(
            error(codes.INVALID_ENCODING, f"`{name}` is not UTF-8 text", help=["save it as UTF-8"])
        ) from None
