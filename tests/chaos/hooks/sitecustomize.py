"""Python imports this first in every process of a chaos run; nothing of it is there in a real one."""

from __future__ import annotations

import os
import sys

if "CHAOS_ARMED" in os.environ and "danqing_server.serving" in sys.orig_argv:
    import danqing_stepped_clock

    danqing_stepped_clock.install(os.environ["CHAOS_CLOCKS"])

    import danqing_fault_points

    danqing_fault_points.install(os.environ["CHAOS_ARMED"])
if "CHAOS_ARMED" in os.environ and "danqing_providers.sandbox" in sys.orig_argv:
    import danqing_odd_answers
    import danqing_plain_pictures

    danqing_plain_pictures.install()
    danqing_odd_answers.install()
