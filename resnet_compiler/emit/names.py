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
    state_dict to to_empty train training type xpu zero_grad
    _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook _register_state_dict_hook
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version
    _wrapped_call_impl""".split()  # noqa: SIM905
)
"""Attributes of `torch.nn.Module` and of the classes emitted: a layer of that name would hide one."""

CONTAINER_ATTRIBUTES = frozenset(
    """append clear extend insert items keys pop update values _get_abs_string_index _get_item_by_idx""".split()  # noqa: SIM905
)
"""Attributes of torch's containers of modules besides: a member of that name would hide one."""

SUPPORT_CLASSES = (
    "StdConv2d",
    "BlurPool2d",
    "DropPath",
    "LayerNorm2d",
    "GroupStatistic",
    "FusedConv2d",
    "Prepared",
)
"""Classes that the templates in `support/` define."""

IMPORTED_NAMES = ("nn", "torch", "F", "Tensor", "OrderedDict", "deepcopy")
"""Names that the imports of emitted code bind."""

BUILTIN_NAMES = tuple("super range isinstance int float bool str list tuple".split())  # noqa: SIM905
"""Names of Python's own that emitted code uses."""

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


def network_class_name(title: str) -> str:
    """The name of the network's own class, which no import and no class of a template has."""
    return unique(class_name(title), (*IMPORTED_NAMES, *SUPPORT_CLASSES))


def parameter_name(name: str) -> str:
    """A constructor parameter's name from a block's: what means something else in a class gets a `_`.

    Python gives names with two leading underscores another name inside a class, so they lose them.
    """
    word = (name.lstrip("_") or "value") if name.startswith("__") else name
    taken = {"self", *IMPORTED_NAMES, *BUILTIN_NAMES, *RESERVED_ATTRIBUTES}
    word = f"value_{word}" if word[0].isdigit() else word
    return f"{word}_" if keyword.iskeyword(word) or word in taken else word


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
    if word.startswith("__"):
        word = word.lstrip("_") or "value"
    if keyword.iskeyword(word) or word in BUILTIN_NAMES:
        word += "_"
    return unique(f"value_{word}" if word[0].isdigit() else word, taken)
