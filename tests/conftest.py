"""What every test shares."""

from __future__ import annotations

import signal

from danqing_server.log import configure_logging

configure_logging("warning", json_lines=True)

# Where the whole run was started with SIGHUP ignored (nohup, some CI), the servers under test would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
