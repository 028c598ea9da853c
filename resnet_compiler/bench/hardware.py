"""What figures hold for: the processor or the GPU, and the versions of what ran. Nothing that names the machine."""

from __future__ import annotations

import os
import pathlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from resnet_compiler.characters import escaped
from resnet_compiler.support.read import text


class MissingDevice(Exception):
    """The device that was asked for is not here; the message says what is missing."""


def threads_here() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that is to compute in so many threads, however its libraries count them."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def hardware(device: str) -> str:
    """What the processor, or the GPU, calls itself."""
    if device == "cuda":
        import torch

        return escaped(torch.cuda.get_device_name())
    return f"{_processor()}, {threads_here()} cores"


def _processor() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    lines = text(information).splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return escaped(names[0] if names else platform.processor() or platform.machine())


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # what is not installed has not run either
    return found


def check_device(device: str) -> None:
    """See that the device is here.

    Raises:
        MissingDevice: it is not.
    """
    if device == "cpu":
        return
    try:
        import torch
    except ImportError:
        raise MissingDevice(
            "CUDA is reached through torch, which is not installed: pip install 'resnet-compiler[torch]'"
        ) from None
    if torch.version.cuda is None:
        raise MissingDevice(
            f"torch {torch.__version__} was built without CUDA: install torch's build with it, on a "
            "machine with an NVIDIA GPU"
        )
    if not torch.cuda.is_available():
        raise MissingDevice("torch finds no NVIDIA GPU here: see what `nvidia-smi` says")
