"""What every test shares."""

from __future__ import annotations

import signal

import hypothesis

from danqing_server.log import configure_logging

configure_logging("warning", json_lines=True)

# A busy machine is no failure: nothing here is a timed test.
hypothesis.settings.register_profile(
    "danqing", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("danqing")

# Where the whole run was started with SIGHUP ignored (nohup, some CI), the servers under test would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
