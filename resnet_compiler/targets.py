"""What is written of a network, and where: the targets of `build` and `watch`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_compiler.api import Folded
    from resnet_compiler.graph import Graph
    from resnet_compiler.output import Content


class Target(StrEnum):
    """What `build` can write."""

    torch = "torch"
    inference = "torch-inference"
    onnx = "onnx"
    card = "card"


BY_DEFAULT = (Target.torch, Target.onnx)
_FILES = {
    Target.torch: "model.py",
    Target.inference: "inference.py",
    Target.onnx: "model.onnx",
    Target.card: "README.md",
}
_SUFFIXES = {".py": Target.torch, ".onnx": Target.onnx, ".md": Target.card}


class MisplacedError(ValueError):
    """Outputs cannot go where they were told to; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write of each network, and where.

    ``output`` is a folder or, for one target of one network, a file. ``opset`` and ``seed`` are those of the ONNX.
    """

    output: pathlib.Path
    targets: tuple[Target, ...] = ()
    opset: int = 18
    seed: int = 0

    def files(self, networks: Sequence[Graph | Folded]) -> dict[pathlib.Path, Content]:
        """Every file with its content, in the order of the networks.

        Raises:
            MisplacedError: two would have one path, or ``output`` is a file and there is more to write than that.
            SpecError: a folder is a link that leaves ``output``.
        """
        from resnet_compiler import api

        files: dict[pathlib.Path, Content] = {}
        taken: set[str] = set()
        for network in networks:
            graph = api.graph_of(network)
            for path, target in self._destinations(graph, len(networks)):
                key = path.as_posix().casefold()  # some file systems know no case
                if key in taken:
                    name = graph.identity.name
                    raise MisplacedError(
                        f"two specs are called {name}: both would be written to {path.as_posix()}"
                    )
                taken.add(key)
                files |= self._content(network, target, path)
        return files

    def paths(self, graph: Graph, written: Sequence[pathlib.Path]) -> list[pathlib.Path]:
        """Those of the files that are of this graph."""
        return [
            path
            for path in written
            if path == self.output or path.parent.name == graph.identity.name
        ]

    def _destinations(self, graph: Graph, count: int) -> list[tuple[pathlib.Path, Target]]:
        """Where each target of a graph goes."""
        from resnet_compiler.output import refuse_link_out

        single = _SUFFIXES.get(self.output.suffix)
        if single is not None and not os.path.isdir(self.output):
            if self.targets == (Target.inference,) and single is Target.torch:
                single = Target.inference
            if count > 1 or (self.targets and set(self.targets) != {single}):
                name = self.output.as_posix()
                raise MisplacedError(
                    f"{name} is one file; give -o a folder for several specs or targets"
                )
            return [(self.output, single)]
        folder = self.output / graph.identity.name
        refuse_link_out(folder, self.output)
        return [(folder / _FILES[each], each) for each in dict.fromkeys(self.targets or BY_DEFAULT)]

    def _content(
        self, network: Graph | Folded, target: Target, path: pathlib.Path
    ) -> dict[pathlib.Path, Content]:
        from resnet_compiler import api

        if target is Target.torch:
            return {path: [api.emit_pytorch(network).encode()]}
        if target is Target.inference:
            if isinstance(network, api.Folded):
                raise MisplacedError("torch-inference folds when it loads; leave --fold away")
            return {path: [api.emit_inference(network).encode()]}
        if target is Target.card:
            from resnet_compiler import __version__
            from resnet_compiler.card import card_files

            texts = card_files(api.graph_of(network), path.name, __version__)
            return {path.with_name(name): [text.encode()] for name, text in texts.items()}
        files = api.onnx_files(network, path.name, opset=self.opset, seed=self.seed)
        return {path.with_name(name): content for name, content in files.items()}
