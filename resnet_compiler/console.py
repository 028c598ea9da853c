"""What the commands share: compiling what was named, showing findings, exit codes, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from resnet_compiler.characters import escaped

if TYPE_CHECKING:
    from resnet_compiler.diagnostics import Diagnostic
    from resnet_compiler.graph import Graph
    from resnet_compiler.library import SpecFile
    from resnet_compiler.limits import Limits
    from resnet_compiler.pipeline import Compilation
    from resnet_compiler.render import Style

T = TypeVar("T")
FINE, WRONG, MISUSE, UNVERIFIED, FAULT = 0, 1, 2, 3, 4
"""Exit codes: nothing to say, a spec is wrong, the command is, verification failed, the compiler itself is wrong."""
NEWLINE = "\n"
EXPLAINED = 3
"""How many codes the last line names."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a command reads specs and shows what is found in them: the options that all of these commands have."""

    limits: Limits
    style: Style = "full"

    def compile_all(self, names: Sequence[str]) -> list[Compilation]:
        """Compile every spec that the names mean; a name that means nothing is misuse."""
        from resnet_compiler.pipeline import compile_file

        return [compile_file(spec, limits=self.limits) for spec in self.find(names)]

    def fix_all(self, names: Sequence[str], unsafe: bool, write: bool) -> list[Compilation]:
        """Make the fixes of every spec that the names mean, or print them as a diff; gives what is left to say."""
        from resnet_compiler.fix import files_of, fixed
        from resnet_compiler.output import write_all
        from resnet_compiler.pipeline import compile_file

        left = []
        for spec in self.find(names):
            found = fixed(spec, self.limits, unsafe)
            if not write:
                print(found.diff(), end="")
                left.append(compile_file(spec, limits=self.limits))
                continue
            reporting(partial(write_all, files_of(found)))
            if found.count:
                plural = "" if found.count == 1 else "es"
                print(escaped(f"{', '.join(found.after)}: {found.count} fix{plural}"))
            left.append(found.compilation)
        return left

    def find(self, names: Sequence[str]) -> list[SpecFile]:
        """The specs that the names mean; a name that means nothing is misuse."""
        from resnet_compiler.diagnostics import SpecError
        from resnet_compiler.spec_folders import expand

        try:
            return [spec for name in names for spec in expand(name)]
        except SpecError as failure:
            render_all([(failure.diagnostics, {})], self.style)
            raise typer.Exit(MISUSE) from None

    def graphs_or_exit(self, names: Sequence[str]) -> list[Graph]:
        """The graphs, when every spec is right; otherwise the findings are shown, and the command ends."""
        compilations = self.compile_all(names)
        self.show(compilations)
        graphs = [each.graph for each in compilations if each.graph is not None]
        if len(graphs) < len(compilations):
            raise typer.Exit(WRONG)
        return graphs

    def show(self, compilations: Iterable[Compilation]) -> None:
        """What was found in each spec, on standard error."""
        compilations = tuple(compilations)
        found = [(each.diagnostics, each.texts) for each in compilations]
        render_all(found, self.style, self._mendable(compilations))

    def _mendable(self, compilations: Iterable[Compilation]) -> Mapping[str, int]:
        """How many of the errors go away with `--fix`, and with `--fix --unsafe`: found out by doing it, in memory."""
        from resnet_compiler.fix import fixed

        counts = {"--fix": 0, "--fix --unsafe": 0}
        if self.style != "full":
            return counts
        for each in compilations:
            fixes = [d.fix for d in each.diagnostics if d.fix is not None]
            for option, unsafe in (("--fix", False), ("--fix --unsafe", True)):
                if any(fix.is_safe or unsafe for fix in fixes):
                    left = fixed(each.spec, self.limits, unsafe, found=each).compilation
                    counts[option] += each.errors - left.errors
        counts["--fix --unsafe"] -= counts["--fix"]
        return counts


def reading(limits: Iterable[str] | None, style: Style = "full") -> Reading:
    """The options as given; a limit that cannot be read is misuse."""
    from resnet_compiler.limits import with_limits

    try:
        return Reading(with_limits(limits or ()), style)
    except ValueError as reason:
        misuse(str(reason))


def render_all(
    found: Iterable[tuple[Sequence[Diagnostic], Mapping[str, str]]],
    style: Style = "full",
    mendable: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Diagnostics, with the texts they are about, on standard error: in colour on a terminal unless NO_COLOR is set.

    ``mendable`` has how many of them each choice of options mends.
    """
    from resnet_compiler.render import render

    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    end = "\n\n" if style == "full" else "\n"
    errors: dict[str, None] = {}
    found = _each_once(found)
    for diagnostics, texts in found:
        if diagnostics:
            print(render(diagnostics, style, texts, color=color), end=end, file=sys.stderr)
        errors |= dict.fromkeys(d.code.id for d in diagnostics if d.severity == "error")
    if errors and style == "full":
        first, *others = list(errors)[:EXPLAINED]
        named = ", ".join([f"`resnetc explain {first}`", *(f"`{code}`" for code in others)])
        print(f"For more about an error, try {named}.", file=sys.stderr)
        several = sum(count > 0 for count in mendable.values()) > 1
        for number, (options, count) in enumerate(mendable.items()):
            if count > 0:
                more = " more" if several and number else ""
                print(f"`resnetc check {options}` mends {count}{more} of these.", file=sys.stderr)


def _each_once(
    found: Iterable[tuple[Sequence[Diagnostic], Mapping[str, str]]],
) -> list[tuple[Sequence[Diagnostic], Mapping[str, str]]]:
    """Diagnostics without those of another spec that were told already: of a base that both extend, say."""
    told: dict[tuple[object, ...], None] = {}
    fresh: list[tuple[Sequence[Diagnostic], Mapping[str, str]]] = []
    for diagnostics, texts in found:
        keys = [(each.code.id, each.span, each.summary) for each in diagnostics]
        new = [d for d, key in zip(diagnostics, keys, strict=True) if not d.span or key not in told]
        told |= dict.fromkeys(keys)
        fresh.append((new, texts))
    return fresh


def reporting(action: Callable[[], T]) -> T:
    from resnet_compiler.diagnostics import SpecError

    try:
        return action()
    except SpecError as failure:
        render_all([(failure.diagnostics, {})])
        raise typer.Exit(MISUSE) from None


def print_json(items: Sequence[Any]) -> None:
    """One object for one spec, a list for several."""
    print(json_text(items[0] if len(items) == 1 else items))


def json_text(value: Any) -> str:
    """A value as JSON to be read by people too: as it is, but for characters that would act on a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def misuse(message: str) -> NoReturn:
    print(f"resnetc: {escaped(message, keep=NEWLINE)}", file=sys.stderr)
    raise typer.Exit(MISUSE)
