"""Whether the packages of the extra `lab` are there, asked before a command begins."""

from __future__ import annotations

from resnet_compiler.console import misuse


def need_packages(command: str, *modules: str) -> None:
    """Misuse where a package of the extra `lab` is missing."""
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        misuse(f"{command} needs {' and '.join(missing)}: pip install 'resnet-compiler[lab]'")
