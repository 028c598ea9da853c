"""Each precision on a network trained on real digits: `python tests/campaigns/quality.py`."""

from __future__ import annotations

import pathlib
import sys
import tempfile

sys.path[:0] = [str(folder) for folder in pathlib.Path(__file__).resolve().parents[1:3]]

from support.agreement import agreement, classes, exported  # noqa: E402
from support.digits import HELD_OUT, trained  # noqa: E402

INT8 = ("--precision", "int8")
OPTIONS = (
    ("--precision", "float16"),
    ("--precision", "bfloat16", "--opset", "22"),
    INT8,
    (*INT8, "--calibration-method", "percentile"),
    (*INT8, "--calibration-method", "entropy"),
    (*INT8, "--keep-float", "first", "--keep-float", "last"),
    (*INT8, "--int8-for", "tensorrt"),
)


def main() -> None:
    """Print a row for each."""
    import torch

    torch.set_num_threads(1)  # so that training is the same each time
    with tempfile.TemporaryDirectory() as folder:
        files = trained().write(pathlib.Path(folder))
        right = (classes(exported(files)) == trained().answers).mean()
        print(f"{HELD_OUT} images held out; float32 tells {right:.1%} of them rightly")
        for options in OPTIONS:
            more = ("--calibration", str(files[2])) if "int8" in options else ()
            print(f"{agreement(files, *options, *more):7.1%}  {' '.join(options)}")


if __name__ == "__main__":
    main()
