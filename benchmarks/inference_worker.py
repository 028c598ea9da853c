"""The process of one contender, as `resnetc bench` has it, where torchvision may be installed beside a CPU-only torch.

Its wheel then fails on import (tests/support/peers.py); here it takes part all the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    """Import torchvision, then answer as the package's worker does."""
    sys.path.insert(0, str(ROOT / "tests"))
    if importlib.util.find_spec("torchvision") is not None:
        importlib.import_module("support.peers").import_torchvision()
    from resnet_compiler.bench.worker import main as answer

    answer()


if __name__ == "__main__":
    main()
