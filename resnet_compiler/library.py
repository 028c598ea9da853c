"""Finding and reading specs and blocks: shipped ones by name, the user's by path, blocks beside the spec that uses them.

What is named on the command line is read wherever it is. What a spec names, or what stands in a folder that was named,
is read only where it stays in that folder, links followed, or came with the package.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from contextlib import suppress
from dataclasses import dataclass, field

from resnet_compiler import codes
from resnet_compiler.characters import escaped
from resnet_compiler.definitions import Block, block_of
from resnet_compiler.diagnostics import (
    Diagnostic,
    LimitError,
    Span,
    SpecError,
    did_you_mean,
    error,
    misspelt,
)
from resnet_compiler.limits import DEFAULT_LIMITS, Limits, way_to_raise
from resnet_compiler.paths import real, stays_inside
from resnet_compiler.reader import Amount, read_file, read_text
from resnet_compiler.source import Mapping, Node, Scalar
from resnet_compiler.support.read import ReadError, content
from resnet_compiler.validation import validate

FAMILIES = ("imagenet", "cifar", "timm", "lab")
"""Folders of shipped specs, in the order in which a bare name is looked for; others follow by name."""


def data_folder(name: str) -> pathlib.Path:
    """The folder of shipped `specs`, `templates` or `docs/codes`: inside an installed package, beside it in a checkout."""
    package = pathlib.Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A spec that was found: what to call it, and where it is (None: its text came without a file)."""

    display: str
    path: pathlib.Path | None

    @property
    def origin(self) -> str:
        """How outputs name it: without any folder of this machine."""
        if self.path is None:
            return escaped(self.display)
        shipped = _shipped_display(self.path)
        return shipped if shipped else escaped(self.path.name)


def _shipped_display(path: pathlib.Path) -> str | None:
    folder = data_folder("specs")
    # as it is called too: some installers make every file of a package a link
    for way in (pathlib.Path.absolute, real):
        root, found = way(folder), way(path)
        if found.is_relative_to(root) and ".." not in found.parts:
            return f"specs/{found.relative_to(root).as_posix()}"
    return None


def display_of(path: pathlib.Path) -> str:
    """What a file is called in messages: only those that came with the compiler begin with `specs/`."""
    shipped, name = _shipped_display(path), path.as_posix()
    return shipped or (f"./{name}" if name.startswith("specs/") else name)


def shipped_specs() -> list[SpecFile]:
    """Every shipped spec: imagenet, cifar, timm, lab, then other families; by name within one."""
    return [shipped_file(folder, file) for folder, file in shipped_names()]


def shipped_file(folder: str, file: str) -> SpecFile:
    return SpecFile(f"specs/{folder}/{file}", data_folder("specs") / folder / file)


def shipped_names() -> list[tuple[str, str]]:
    """The folder and the file name of each: to make a path of every one would take longer than to read one."""
    root = data_folder("specs")
    with os.scandir(root) as entries:
        folders = sorted(each.name for each in entries if each.is_dir() and each.name != "blocks")
    order = [f for f in FAMILIES if f in folders] + [f for f in folders if f not in FAMILIES]
    return [
        (folder, name)
        for folder in order
        for name in sorted(os.listdir(root / folder))
        if name.endswith(".yaml")
    ]


def shipped_blocks() -> list[pathlib.Path]:
    """Every shipped block file, by name."""
    return sorted((data_folder("specs") / "blocks").glob("*.yaml"))


def find_spec(name: str, beside: pathlib.Path | None = None, span: Span | None = None) -> SpecFile:
    """The spec that a name means: a path, `folder/name`, or a shipped name.

    ``beside`` is the folder that relative paths start from where a spec names another one.

    Raises:
        SpecError: there is no such spec, or the path leaves the folder.
    """
    if beside is not None:
        _stay_inside(name, span)
    looks_like_path = name.endswith((".yaml", ".yml"))
    path = (beside or pathlib.Path()) / name
    if looks_like_path and os.path.exists(
        path
    ):  # unlike Path.exists, False for what cannot be a name
        if beside is not None:
            refuse_link(path, beside, span, "name a shipped spec, or put a copy of the file there")
        return SpecFile(display_of(path), path)
    shipped = shipped_names()
    for folder, file in shipped:
        stem = file.removesuffix(".yaml")
        if name in (stem, f"{folder}/{stem}", f"{folder}/{file}", f"specs/{folder}/{file}"):
            return shipped_file(folder, file)
    raise SpecError([_unknown_spec(name, beside or pathlib.Path(), span)])


def _unknown_spec(name: str, folder: pathlib.Path, span: Span | None) -> Diagnostic:
    """What is said of a name that means no spec: what is near, and for a path, what is near in its folder."""
    shipped = [(family, file.removesuffix(".yaml")) for family, file in shipped_names()]
    known = [stem for _, stem in shipped]
    at = (codes.UNKNOWN_SPEC, f"there is no spec called `{name}`")
    here = sorted(each.name for each in folder.glob("*.yaml"))
    if f"{name}.yaml" in here:
        return error(*at, span, help=[f"did you mean `{name}.yaml`?"])
    if name.endswith((".yaml", ".yml")):
        stem = name.rsplit("/", 1)[-1].split(".")[0]
        near = did_you_mean(name, here) or did_you_mean(stem, known)
        return error(*at, span, help=near or [_SPECS])
    if "/" in name:
        known = [f"{family}/{stem}" for family, stem in shipped]
    if span is None:
        near = did_you_mean(name, known) or did_you_mean(name.rsplit("/", 1)[-1], known)
        return error(*at, help=near or [_SPECS])
    return misspelt(*at, span, name, known, otherwise=[_SPECS], kind="name")


_SPECS = "`resnetc list` shows the shipped specs; a path ends in .yaml"


def _stay_inside(name: str, span: Span | None) -> None:
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name:
        raise SpecError(
            [
                error(
                    codes.LEAVES_FOLDER,
                    f"`{name}` leaves the spec's folder",
                    span,
                    help=("name a shipped spec, or a file in the same folder or below it",),
                )
            ]
        )


def refuse_link(path: pathlib.Path, folder: pathlib.Path, span: Span | None, help: str) -> None:
    """Refuse a file that is in a folder by its name, and elsewhere by where its links lead."""
    if not (stays_inside(path, folder) or _shipped_display(path)):
        summary = f"`{path.as_posix()}` is a link that leaves the folder it stands in"
        raise SpecError([error(codes.LEAVES_FOLDER, summary, span, help=(help,))])


@dataclass
class Library:
    """One compile's view of the files: each is read once, and its text kept for snippets and for the hash."""

    limits: Limits = DEFAULT_LIMITS
    texts: dict[str, str] = field(default_factory=dict)
    overlay: MappingType[str, str] = field(default_factory=dict)
    """Texts to be read in the place of what is on disk."""
    problems: list[Diagnostic] = field(default_factory=list)
    """What is wrong with the form of the specs, where it could be got around."""
    _blocks: dict[pathlib.Path, Block] = field(default_factory=dict)
    _amount: Amount = field(default_factory=Amount)

    def read_spec(
        self, spec: SpecFile, text: str | None = None
    ) -> tuple[Mapping, tuple[SpecFile, ...]]:
        """The spec with everything it extends merged in, and the chain of files, the variant first.

        Raises:
            SpecError: with a finding about the form of the files that cannot be got around.
        """
        from resnet_compiler.extends import merge

        chain: list[tuple[SpecFile, Mapping]] = []
        seen: set[str] = set()
        here: SpecFile = spec
        while True:
            if here.path:
                seen.add(os.path.realpath(here.path))
            root, found = validate(self._read(here, text if here is spec else None), "network")
            self.problems += found
            chain.append((here, root))
            base = root.get("extends")
            if not isinstance(base, Scalar) or base.value is None:
                break
            folder = here.path.parent if here.path else pathlib.Path()
            here = find_spec(str(base.value), folder, base.span)
            if here.path and os.path.realpath(here.path) in seen:
                names = " → ".join([*(file.display for file, _ in chain), here.display])
                summary = f"the spec extends itself: {names}"
                word = str(base.value).removesuffix(".yaml")
                known = any(word == each.path.stem for each in shipped_specs() if each.path)
                help = [f"the shipped spec is `{word}`, without a suffix"] if known else []
                raise SpecError([error(codes.EXTENDS_CYCLE, summary, base.span, help=help)])
            if len(chain) > (most := self.limits.nesting):
                summary = f"over {most} specs extend each other, one behind the other"
                help = [way_to_raise("nesting")]
                raise LimitError([error(codes.EXTENDS_CYCLE, summary, base.span, help=help)])
        merged = chain[-1][1]
        for _, variant in reversed(chain[:-1]):
            merged, found = merge(merged, variant)
            self.problems += found
            merged, found = validate(merged, "network")  # what a null took away may be needed
            self.problems += found
        return merged, tuple(file for file, _ in chain)

    def find_block(
        self, word: str, inline: MappingType[str, Block], chain: Iterable[SpecFile]
    ) -> Block | None:
        """The block of that name: written in the spec, in a file beside it (or in `blocks/` there), or shipped."""
        if word in inline:
            return inline[word]
        folders = [file.path.parent for file in chain if file.path]
        candidates = [
            (candidate, folder)
            for folder in folders
            if _shipped_display(folder) is None
            for candidate in (folder / f"{word}.yaml", folder / "blocks" / f"{word}.yaml")
        ]
        shipped = data_folder("specs") / "blocks"
        for path, folder in (*candidates, (shipped / f"{word}.yaml", shipped)):
            if path in self._blocks:
                return self._blocks[path]
            if os.path.lexists(path):  # False for what cannot be a name
                help = "put a copy of the file there, or write the block under `blocks:`"
                refuse_link(path, folder, _beginning(path), help)
                block = self._read_block(path, word)
                if block is not None:
                    self._blocks[path] = block
                    return block
        return None

    def block_words(self, inline: MappingType[str, Block], chain: Iterable[SpecFile]) -> list[str]:
        """The names of all blocks that could be used, for suggestions."""
        folders = [file.path.parent for file in chain if file.path]
        beside = [
            path
            for folder in folders
            if stays_inside(folder / "blocks", folder)
            for path in sorted((folder / "blocks").glob("*.yaml"))
        ]
        return [*inline, *(path.stem for path in (*beside, *shipped_blocks()))]

    @property
    def sha256(self) -> str:
        """The hash of every text read, in the order of their names without folders."""
        digest = hashlib.sha256()
        for name, text in sorted((n.rsplit("/", 1)[-1], t) for n, t in self.texts.items()):
            content = text.replace("\r\n", "\n").encode()
            digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogatepass"))
            digest.update(content)
        return digest.hexdigest()

    def _read_block(self, path: pathlib.Path, word: str) -> Block | None:
        display = display_of(path)
        is_known = display in self.texts  # it may be the spec itself
        root = self._read(SpecFile(display, path))
        if root.get("stages") or root.get("extends"):
            if not is_known:
                del self.texts[display]
            return None  # a spec that happens to have the word's name
        root, _ = validate(root, "block")
        name = root.get("name")
        if isinstance(name, Scalar) and name.value != word:
            raise SpecError(
                [
                    error(
                        codes.WRONG_VALUE,
                        f"the block in {path.name} calls itself `{name.value}`",
                        name.span,
                        help=(f"write `name: {word}`, or rename the file",),
                    )
                ]
            )
        return block_of(root, word)

    def _read(self, spec: SpecFile, text: str | None = None) -> Mapping:
        node: Node
        text = self.overlay.get(spec.display, text)
        is_shipped = spec.path is not None and _shipped_display(spec.path) is not None
        amount = Amount() if is_shipped else self._amount
        if text is not None:
            self.texts[spec.display] = text
            node = read_text(text, spec.display, self.limits, amount)
        else:
            assert spec.path is not None
            try:
                node, self.texts[spec.display] = read_file(
                    spec.path, spec.display, self.limits, amount
                )
            except SpecError:
                self._keep_text(spec)
                raise
        if not isinstance(node, Mapping):
            raise SpecError(
                [error(codes.WRONG_TYPE, "a spec is a mapping of keys to values", node.span)]
            )
        return node

    def _keep_text(self, spec: SpecFile) -> None:
        """Keep what can be read of a faulty file, so that its errors can show the line."""
        assert spec.path is not None
        with suppress(ReadError):  # then there is no line to show, and the error is known
            data = content(spec.path, self.limits.text_bytes)
            self.texts[spec.display] = data.decode("utf-8", errors="replace")


def _beginning(path: pathlib.Path) -> Span:
    """The place of a file as a whole."""
    return Span(display_of(path), 1, 1, 1, 1)
