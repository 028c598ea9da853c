"""Random specs that claim sizes, and an oracle that tries every claimed size with torch's formulas for windows.

The oracle knows nothing of the compiler: it walks along the windows with whole numbers, one input size after the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import compile_file

LARGEST = 300
"""Every claimed size up to here is tried."""
AXES = ("height", "width")


@dataclass(frozen=True)
class Window:
    """A convolution or pooling; all but the kind are pairs, for height and width."""

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    ceil: bool = False

    def size(self, axis: int, size: int) -> int:
        """The size behind it, as torch's documentation of Conv2d and MaxPool2d has it (0: it takes no such input)."""
        kernel, stride, padding = self.kernel[axis], self.stride[axis], self.padding[axis]
        room = size + 2 * padding - self.dilation[axis] * (kernel - 1) - 1
        if not self.ceil:
            return max(0, room // stride + 1)
        found = -(-room // stride) + 1
        if (found - 1) * stride >= size + padding:  # the last window would start in the padding
            found -= 1
        return max(0, found)

    def text(self, name: str) -> str:
        attributes = (
            f"kernel: {[*self.kernel]}, stride: {[*self.stride]}, padding: {[*self.padding]}"
        )
        if self.kind == "conv":
            attributes = f"out: 4, {attributes}, dilation: {[*self.dilation]}"
        elif self.ceil:
            attributes += ", ceil_mode: true"
        return f"- {name}: {{{self.kind}: {{{attributes}}}}}"


@dataclass(frozen=True)
class Claim:
    """What is claimed along one axis; ``given`` is it as written, and ``is_open`` whether it is a mapping."""

    given: str
    is_open: bool
    declared: int
    multiple: int = 1
    minimum: int = 1

    def sizes(self) -> Iterator[int]:
        """The claimed sizes that are tried."""
        if self.is_open:
            at_most = range(1, LARGEST + 1)
            yield from (n for n in at_most if n % self.multiple == 0 and n >= self.minimum)


@dataclass(frozen=True)
class Claims:
    """A spec: windows in the stem, then adds of what two rows of windows make."""

    claims: tuple[Claim, Claim]
    stem: tuple[Window, ...]
    blocks: tuple[tuple[tuple[Window, ...], tuple[Window, ...]], ...]

    def text(self) -> str:
        height, width = (claim.given for claim in self.claims)
        lines = [f"name: claims\ninput: {{channels: 4, height: {height}, width: {width}}}", "stem:"]
        lines += [f"  {window.text(f'w{i}')}" for i, window in enumerate(self.stem)]
        lines += ["  - last: relu", "stages:"]
        for i in range(len(self.blocks)):
            lines.append(f"  - s{i}: {{block: b{i}, depth: 1, shortcut: projection}}")
        lines.append("blocks:")
        for i, sides in enumerate(self.blocks):
            lines.append(f"  b{i}:")
            for side, windows in zip(("residual", "shortcut"), sides, strict=True):
                lines.append(f"    {side}:")
                lines += [f"      {w.text(f'{side}{j}')}" for j, w in enumerate(windows)]
        return "\n".join(lines) + "\n"

    def outcome(self, axis: int, size: int) -> str:
        """What becomes of an input of this size along an axis: "ok", "vanishes" or "differs"."""
        for window in self.stem:
            size = window.size(axis, size)
            if size < 1:
                return "vanishes"
        found = "ok"
        for sides in self.blocks:
            ends = []
            for windows in sides:
                end = size
                for window in windows:
                    end = window.size(axis, end)
                    if end < 1:
                        return "vanishes"
                ends.append(end)
            if ends[0] != ends[1]:
                found = "differs"
            size = ends[0]
        return found


def random_window(draw: random.Random) -> Window:
    kind = draw.choice(("conv", "conv", "max_pool", "avg_pool"))

    def pair(values: Sequence[int]) -> tuple[int, int]:
        first = draw.choice(values)
        return first, first if draw.random() < 0.7 else draw.choice(values)

    kernel = pair((1, 2, 3, 3, 3, 5, 7, 9))
    stride = pair((1, 1, 2, 2, 3))
    if kind == "conv":
        return Window(kind, kernel, stride, pair((0, 0, 1, 2, 3)), pair((1, 1, 1, 2)))
    padding = tuple(draw.randint(0, k // 2) for k in kernel)
    return Window(kind, kernel, stride, (padding[0], padding[1]), ceil=draw.random() < 0.4)


def random_claim(draw: random.Random, least: int) -> Claim:
    """A claim along one axis, of which something is often left from ``least`` on alone."""
    if draw.random() < 0.1:
        declared = draw.choice((64, 96, 224))
        return Claim(str(declared), False, declared)
    multiple = draw.choice((1, 1, 2, 3, 4, 7, 8, 16, 16, 32))
    minimum = max(1, draw.choice((1, least - 1, least, least, least + draw.randint(0, 9), 64)))
    first = -(-minimum // multiple) * multiple
    declared = -(-max(224, minimum) // multiple) * multiple
    parts = [f"multiple_of: {multiple}"] if multiple > 1 or draw.random() < 0.3 else []
    parts += [f"minimum: {minimum}"] if minimum > 1 or draw.random() < 0.3 else []
    if draw.random() < 0.5:
        declared = first + multiple * draw.randint(0, 9)
        parts.append(f"default: {declared}")
    return Claim(f"{{{', '.join(parts)}}}", True, declared, multiple, minimum)


def claims_number(number: int) -> Claims:
    """Spec ``number``, the same everywhere."""
    draw = random.Random(f"claims {number}")
    stem = tuple(random_window(draw) for _ in range(draw.randint(0, 3)))
    rows = [
        tuple(random_window(draw) for _ in range(draw.randint(1, 3)))
        for _ in range(draw.randint(1, 2))
    ]
    any_size = Claim("{}", True, 224)
    alone = Claims((any_size, any_size), stem, tuple((row, row) for row in rows))
    least = [next((n for n in any_size.sizes() if alone.outcome(a, n) == "ok"), 64) for a in (0, 1)]
    claims = (random_claim(draw, least[0]), random_claim(draw, least[1]))
    spec = Claims(claims, stem, ())
    for row in rows:
        spec = Claims(claims, stem, (*spec.blocks, (row, _other_side(draw, spec, row))))
    return spec


def _other_side(draw: random.Random, spec: Claims, left: tuple[Window, ...]) -> tuple[Window, ...]:
    """Windows that may come to the sizes of the others: the same, or one with their strides that does at the declared
    size."""
    if draw.random() < 0.3:
        return left
    strides = [1, 1]
    for window in left:
        strides = [a * b for a, b in zip(strides, window.stride, strict=True)]
    for _ in range(40):
        kernel, padding = draw.randint(1, 9), draw.randint(0, 6)
        each = Window("conv", (kernel, kernel), (strides[0], strides[1]), (padding, padding))
        whole = Claims(spec.claims, spec.stem, (*spec.blocks, (left, (each,))))
        declared = (whole.outcome(axis, spec.claims[axis].declared) for axis in (0, 1))
        if all(found == "ok" for found in declared):
            return (each,)
    return left


def verdict(spec: Claims) -> tuple[str, list[str]]:
    """What the compiler says of a spec ("ok" or the codes of errors), and where that is not what trying every size says."""
    found = compile_file(SpecFile("net.yaml", None), spec.text())
    codes = sorted({d.code.id for d in found.diagnostics if d.severity == "error"})
    declared = [spec.outcome(axis, spec.claims[axis].declared) for axis in (0, 1)]
    tried = [{n: spec.outcome(axis, n) for n in spec.claims[axis].sizes()} for axis in (0, 1)]
    wrong: list[str] = []
    if "vanishes" in declared:
        wrong += [] if "RC0306" in codes else [f"nothing is left at the declared size, but {codes}"]
    elif "differs" in declared:
        wrong += [] if "RC0301" in codes else [f"sides differ, but {codes}"]
    else:
        wrong += _claims_that_are_wrong(spec, codes, tried)
    for proof in found.proofs:
        at = proof.counterexample
        if at is not None and proof.verdict == "declared sizes":
            axis = "HW".index(at.axis)
            if spec.outcome(axis, at.extent) == "ok":
                wrong.append(f"{at.axis} = {at.extent} is told as a counterexample, and is none")
    return (" ".join(codes) or "ok"), wrong


def _claims_that_are_wrong(
    spec: Claims, codes: list[str], tried: list[dict[int, str]]
) -> Iterator[str]:
    failing = {
        kind: [(axis, n) for axis in (0, 1) for n, what in tried[axis].items() if what == kind]
        for kind in ("vanishes", "differs")
    }
    if failing["differs"] and "RC0302" not in codes:
        yield f"sides differ at {failing['differs'][0]}, but {codes or 'ok'}"
    if failing["vanishes"] and not codes:
        yield f"nothing is left at {failing['vanishes'][0]}, but ok"
    if "RC0307" in codes and not failing["vanishes"]:
        yield "RC0307, but every claimed size leaves something"
    if set(codes) - {"RC0302", "RC0307"}:
        yield f"{codes}, but the declared size works"
