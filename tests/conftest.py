"""What every test shares."""

from __future__ import annotations

import os
import signal

import hypothesis

from danqing_server.log import configure_logging

configure_logging("warning", json_lines=True)

# A busy machine is no failure: nothing here is a timed test.
hypothesis.settings.register_profile(
    "danqing", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# `HYPOTHESIS_PROFILE=long`: hours of other examples, for the tests that take their number from the profile.
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("danqing"), max_examples=5000, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "danqing"))

# Where the whole run was started with SIGHUP ignored (nohup, some CI), the servers under test would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
