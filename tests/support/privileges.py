"""Root may read and write everything. Here is how a process of root's becomes one that permissions hold for."""

from __future__ import annotations

import ctypes
import os
import sys

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_VERSION_3, _BOUNDING_SET_DROP = 0x20080522, 24


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def drop() -> bool:
    """Give up the right to pass over permissions, for this process and those it starts; whether they hold then.

    What it is afterwards is an ordinary owner of its files: `chmod 000` keeps it out, and it can still read all that the
    interpreter needs.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return hasattr(os, "geteuid")
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    for number in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        library.prctl(_BOUNDING_SET_DROP, number, 0, 0, 0)
    if library.capget(ctypes.byref(header), data):
        return False
    kept = ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH) & 0xFFFFFFFF
    for name, _ in _Data._fields_:
        setattr(data[0], name, getattr(data[0], name) & kept)
    return library.capset(ctypes.byref(header), data) == 0
