"""A spec with its files: by number, from a folder, and as text."""

from __future__ import annotations

import pathlib
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file
from support.differential.network import random_spec
from support.differential.variants import MAIN, MEANT, Files, random_files


@dataclass(frozen=True)
class Case:
    """The files that a spec consists of, by their names beside it; the spec itself is `net.yaml`.

    With a `meant.yaml`, which is a whole spec in one file, `net.yaml` must compile to the same network as that.
    """

    files: Mapping[str, Any]
    conditions: frozenset[str] = frozenset()
    """Which conditions were put in, of `conditions.CONDITIONS`."""

    @property
    def sources(self) -> dict[str, Any]:
        """The files that the spec itself consists of."""
        return {name: tree for name, tree in self.files.items() if name != MEANT}

    @property
    def meant(self) -> Case | None:
        """What it must compile to, where that is written."""
        return Case({MAIN: self.files[MEANT]}) if MEANT in self.files else None

    @property
    def texts(self) -> dict[str, str]:
        return {name: as_text(tree) for name, tree in self.files.items()}

    def compile(self) -> Compilation:
        """The compilation of these files, in a folder of their own where there are several."""
        texts = self.texts
        if list(self.sources) == [MAIN]:
            return compile_file(SpecFile(MAIN, None), texts[MAIN])
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.write(folder)
            return compile_file(SpecFile(MAIN, folder / MAIN))

    def write(self, folder: pathlib.Path, comment: str = "") -> None:
        for name, text in self.texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((comment if name == MAIN else "") + text, "utf-8")


def case_number(number: int) -> Case:
    """Spec `number`: the same on every machine. Now and then it holds facts that are expected of it."""
    files, conditions = random_files(number, random_spec)
    draw = random.Random(f"{number} expect")
    if draw.random() < 0.08:
        graph = Case(files).compile().graph
        if graph is not None:
            facts = {
                "weighted_layers": graph.measures.weighted_layers,
                "parameters": graph.measures.parameters,
                "macs": graph.measures.macs,
                "output_shape": list(graph.concrete(graph.output)),
            }
            some = draw.sample(list(facts), draw.choice((1, 2, 4)))
            files = {**files, MAIN: {**files[MAIN], "expect": {name: facts[name] for name in some}}}
    return Case(files, conditions)


def stored_case(path: pathlib.Path) -> Case:
    """A case that was written: a YAML file, or a folder with `net.yaml` and what stands beside it."""
    if path.is_file():
        return Case({MAIN: yaml.safe_load(path.read_text("utf-8"))})
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.yaml"))
    files: Files = {n: yaml.safe_load((path / n).read_text("utf-8")) for n in names}
    return Case({MAIN: files.pop(MAIN), **files})


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Without anchors, which specs do not have."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_text(tree: Any) -> str:
    """A tree as YAML."""
    text: str = yaml.dump(
        tree,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=110,
        allow_unicode=True,
    )
    return text
