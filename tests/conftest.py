"""What holds for every test, on whatever machine."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The same examples on each run, unless new ones are asked for; and none is faulty for having taken long.
settings.register_profile(
    "duban",
    derandomize="DUBAN_NEW_LIVES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("duban")
