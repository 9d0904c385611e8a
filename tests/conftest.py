"""What every test shares."""

from __future__ import annotations

from danqing_server.log import configure_logging

configure_logging("warning", json_lines=True)
