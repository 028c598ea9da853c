"""What a layer's name is: the same in the spec, the state_dict, ONNX, summaries and diagnostics."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.([A-Za-z_][A-Za-z0-9_]*|[0-9]+))*")
"""A dotted path of ASCII words, of which all but the first may be numbers; matched as a whole."""
