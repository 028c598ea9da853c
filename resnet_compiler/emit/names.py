"""Identifiers of emitted code: class names from titles, and which words an attribute cannot have."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container

RESERVED_ATTRIBUTES = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward forward_features get_buffer get_extra_state get_parameter get_submodule half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ reset_parameters set_extra_state set_submodule share_memory
    state_dict to to_empty train training type xpu zero_grad""".split()  # noqa: SIM905
)
"""Attributes of `torch.nn.Module` and of the classes emitted: a layer of that name would hide one."""

_WORDS = re.compile(r"[A-Za-z0-9]+")


LONGEST_VARIABLE = 24
"""A layer with a longer name gives its name to no variable: the lines would not fit."""


def reserved_part(name: str) -> str | None:
    """The part of a layer's dotted name that no attribute of a module can be called, if there is one."""
    for part in name.split("."):
        if keyword.iskeyword(part) or part in RESERVED_ATTRIBUTES or part.startswith("__"):
            return part
    return None


def class_name(title: str) -> str:
    """A class name from a title: "Basic block" gives BasicBlock, "ResNet-50" gives ResNet50.

    Only ASCII letters and digits are kept; two digits that would run together keep a `_` between them.
    """
    name = ""
    for word in _WORDS.findall(title):
        joint = "_" if name and name[-1].isdigit() and word[0].isdigit() else ""
        name += joint + word[0].upper() + word[1:]
    if not name or not name[0].isalpha():
        name = f"Network{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def unique(name: str, taken: Container[str]) -> str:
    """The name, or with the first number behind it that is free."""
    if name not in taken:
        return name
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def variable(name: str, taken: Container[str]) -> str:
    """A local variable's name from a layer's: dots become underscores, keywords and taken names are avoided."""
    word = name.replace(".", "_") if len(name) <= LONGEST_VARIABLE else "value"
    if keyword.iskeyword(word) or word[0].isdigit():
        word += "_"
    return unique(word, taken)
