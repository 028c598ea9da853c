"""The index of safetensors in several files: `model.safetensors.index.json`, which names the file of each tensor."""

from __future__ import annotations

import pathlib
from typing import Any

from resnet_compiler.checkpoints.kinds import kind_of
from resnet_compiler.checkpoints.mapped import LONGEST_HEADER, read_safetensors
from resnet_compiler.checkpoints.stored import Stored, brief, unreadable
from resnet_compiler.support.read import ReadError, content, parsed_json


def read_index(path: pathlib.Path) -> dict[str, Stored]:
    """The tensors of all files that an index names; they lie beside it.

    Raises:
        SpecError: it is no index, or one of the files is not what it says.
    """
    places = _weight_map(path)
    files: dict[str, dict[str, Stored]] = {}
    for name, file in places.items():
        if not isinstance(file, str) or pathlib.PurePath(file).name != file or "\\" in file:
            raise unreadable(path, f"`{brief(str(file))}` is not the name of a file beside it")
        if file not in files:
            part = path.with_name(file)
            if kind_of(part) != "safetensors":
                raise unreadable(part, "it is not safetensors, as the index says")
            files[file] = read_safetensors(part)
        if name not in files[file]:
            raise unreadable(path, f"`{brief(name)}` is not in {brief(file)}, as the index says")
    return {name: files[file][name] for name, file in places.items()}


def _weight_map(path: pathlib.Path) -> dict[str, Any]:
    try:
        data = content(path, LONGEST_HEADER)
    except ReadError as failure:
        raise unreadable(path, failure.reason) from None
    try:
        index = parsed_json(path, data)
    except ReadError:
        index = None
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise unreadable(path, "it is JSON, but not the index of a sharded safetensors")
    return places
