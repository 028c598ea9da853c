"""Settings for the whole set: one thread per worker, hypothesis without deadlines."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

# Workers share the cores. torch reads this when it is imported, which no test needs to do for it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
# for mutation testing: a failing example is enough, the smallest one is not needed
phases = (Phase.explicit, Phase.generate)
settings.register_profile("mutation", deadline=None, derandomize=True, phases=phases)
chosen = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
settings.load_profile(chosen)
