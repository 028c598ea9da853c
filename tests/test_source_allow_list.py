"""Emitted source holds what is on the allow-list and nothing else; and the list is tight enough to notice."""

from __future__ import annotations

import pytest

from resnet_compiler import emit_pytorch
from resnet_compiler.library import shipped_specs
from resnet_compiler.pipeline import compile_file
from support.source_allow_list import violations

