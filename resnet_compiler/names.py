"""What a layer's name is: the same in the spec, the state_dict, ONNX, summaries and diagnostics."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
"""A dotted path of ASCII words, the first of which does not begin with a digit; matched as a whole."""
