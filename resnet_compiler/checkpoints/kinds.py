"""What a weights file is, by its content; its suffix does not count."""

from __future__ import annotations

import pathlib
import re
from typing import Literal

from resnet_compiler import codes
from resnet_compiler.checkpoints.stored import unreadable
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.support.read import ReadError, beginning

Kind = Literal["safetensors", "zip", "legacy", "index"]
"""safetensors; a PyTorch checkpoint as zip or in the form before 1.6; the index of a sharded safetensors."""

_BEGINNING = 512
_LEGACY = re.compile(rb"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.")
"""What torch.save wrote before version 1.6: a pickle of its magic number."""
_OTHERS = (
    (rb"\x1f\x8b", "compressed with gzip", "`gunzip` unpacks it"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes them", ""),
    (rb"\x93NUMPY", "a NumPy array", ""),
    (rb"GGUF", "a GGUF file", ""),
    (
        rb"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "`git lfs pull` fetches the file",
    ),
    (rb"(?i)\s*<(!doctype|html)", "a web page", "download the file itself"),
    (rb"(?s).{257}ustar", "a tar archive", ""),
)
"""How other files begin, what they are, and what to do."""

NOT_RUN = "a pickle calls what it names while it is loaded, so it can run any program; nothing of this one was run"
SAVE_ALONE = (
    "where you trust its origin, load it where it was made and save the tensors alone: "
    '`torch.save(model.state_dict(), "weights.pt")`'
)


def kind_of(path: pathlib.Path) -> Kind:
    """The kind of a weights file.

    Raises:
        SpecError: it cannot be read, or is of no kind that holds weights.
    """
    start = _beginning(path)
    if start[:4] == b"PK\x03\x04":
        return "zip"
    if _LEGACY.match(start):
        return "legacy"
    if start[8:9] == b"{":
        return "safetensors"
    if re.match(rb'\s*\{\s*"', start):
        return "index"
    if re.match(rb"\x80[\x02-\x05]", start):
        summary = f"{path.as_posix()} is a pickle that torch did not save as weights"
        found = error(codes.MORE_THAN_WEIGHTS, summary, notes=[NOT_RUN], help=[SAVE_ALONE])
        raise SpecError([found])
    for pattern, what, way_out in _OTHERS:
        if re.match(pattern, start):
            raise unreadable(path, f"it is {what}", help=[way_out] if way_out else ())
    raise unreadable(
        path,
        "it is empty" if not start else "it is neither safetensors nor a PyTorch checkpoint",
    )


def _beginning(path: pathlib.Path) -> bytes:
    try:
        return beginning(path, _BEGINNING)
    except ReadError as failure:
        raise unreadable(path, failure.reason) from None
