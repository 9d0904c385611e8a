"""Python imports this first in every process of a chaos run: see `danqing_fault_points`."""

from __future__ import annotations

import os
import sys

if "CHAOS_ARMED" in os.environ and "danqing_server.serving" in sys.orig_argv:
    import danqing_fault_points

    danqing_fault_points.install(os.environ["CHAOS_ARMED"])
