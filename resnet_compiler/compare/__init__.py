"""What changes from one network to another: aligned by stages and blocks, told by what differs, as text or JSON."""

from resnet_compiler.compare.difference import Difference, difference

__all__ = ["Difference", "difference"]
