"""The words that a spec can use: operators, the blocks written in it, and those of the library, looked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resnet_compiler import codes
from resnet_compiler.definitions import Block
from resnet_compiler.diagnostics import Span, SpecError, error, misspelt
from resnet_compiler.environment import LISTS
from resnet_compiler.library import Library, SpecFile
from resnet_compiler.mend import NOT_KNOWN
from resnet_compiler.operators import OPERATORS
from resnet_compiler.values import UnknownValue


class Vocabulary:
    """The operators and blocks of one spec, by name. Blocks are read when they are first asked for."""

    def __init__(
        self, library: Library, own: Mapping[str, Block], chain: tuple[SpecFile, ...]
    ) -> None:
        self._library = library
        self._own = own
        self._chain = chain
        self._blocks: dict[str, Block | None] = {}
        self._faulty: dict[str, None] = {}
        self._words: list[str] | None = None

    def block(self, word: str) -> Block | None:
        """The block of that name, looked for once.

        Raises:
            SpecError: its file has errors; they are told the first time.
        """
        if word in self._faulty:
            raise UnknownValue
        if word not in self._blocks:
            try:
                self._blocks[word] = self._library.find_block(word, self._own, self._chain)
            except SpecError:
                self._faulty[word] = None
                raise
        return self._blocks[word]

    @property
    def extent(self) -> tuple[int, int]:
        """How many words were looked for, and how many of them have a file with errors."""
        return len(self._blocks), len(self._faulty)

    def forget(self, extent: tuple[int, int]) -> None:
        """Forget the words that were looked for since, so that errors of their files are told again."""
        blocks, faulty = extent
        while len(self._blocks) > blocks:
            self._blocks.popitem()
        while len(self._faulty) > faulty:
            self._faulty.popitem()

    def default(self, word: str, key: str) -> Any:
        """A parameter's default as the block of that name has it; None where there is none, or the block has errors."""
        try:
            block = self._blocks.get(word) or self._library.find_block(word, self._own, self._chain)
        except SpecError:  # told when the block is asked for
            return None
        found = block.parameters.get(key) if block is not None else None
        return found.value if found is not None else None

    def knows(self, word: str) -> bool:
        """Whether a word names an operator or a block."""
        return word in OPERATORS or word in self._faulty or self.block(word) is not None

    def words(self) -> list[str]:
        """Every word there is, for suggestions."""
        return ["norm", "act", *OPERATORS, *self.block_words()]

    def block_words(self) -> list[str]:
        """The names of all blocks, looked for once."""
        if self._words is None:
            self._words = self._library.block_words(self._own, self._chain)
        return self._words

    def unknown(
        self, word: str, span: Span, blocks_only: bool = False, names: Iterable[str] = ()
    ) -> SpecError:
        """The error for a word that names nothing; without a finding where the word stands for what was refused.

        ``names`` are those of values that could stand there too.
        """
        if word == NOT_KNOWN and self._library.problems:
            return UnknownValue()
        known = [*names, *self.words()]
        if blocks_only:
            known = [word for word in known if word not in OPERATORS]
        what = "block" if blocks_only else "operator or block"
        summary = f"there is no {what} `{word}`"
        if word == "none":
            help = "write `null` to take a layer of the base away, `use: none` for no block"
            return SpecError([error(codes.UNKNOWN_WORD, summary, span, help=[help])])
        at = (codes.UNKNOWN_WORD, summary, span)
        return SpecError([misspelt(*at, word, known, otherwise=[LISTS], kind="layer")])
