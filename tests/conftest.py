"""Settings for the whole set: one thread per worker, hypothesis without deadlines."""

from __future__ import annotations

import os

from hypothesis import settings

# Workers share the cores. torch reads this when it is imported, which no test needs to do for it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
