"""Experiments on emitted networks. Importing it loads neither torch nor matplotlib."""
