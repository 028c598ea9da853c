"""Published and recorded figures, copied into the checkout."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any

FOLDER = pathlib.Path(__file__).parent.parent / "reference"


def read_reference(name: str) -> dict[str, Any]:
    """A reference file by name, such as "torchvision-0.28.0"."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def state_dict_hash(entries: Iterable[tuple[str, Iterable[int]]]) -> str:
    """What the reference files call ``state_dict_sha256_16``: equal for equal keys and shapes."""
    listed = sorted((name, list(shape)) for name, shape in entries)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
