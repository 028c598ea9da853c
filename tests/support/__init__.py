"""What tests share: peers to compare with, and specs as text."""
