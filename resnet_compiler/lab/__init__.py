"""Experiments with networks: images, training. Needs the extra `lab`; nothing else in the package imports it."""

from __future__ import annotations


class LabError(Exception):
    """An experiment cannot be made. The message is one line that says why, and the way out."""
