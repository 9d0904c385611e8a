"""What a serving process does before anybody asks for anything: as little as there is."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import linecache, sys
from danqing_server.serving.app import create_app
from danqing_server.serving.process import main
from danqing_server.settings.server import Settings
create_app(Settings())
print(*sys.modules)
print(*(name for name in linecache.cache if name.endswith(".py")))
"""


class Started:
    """An application in a process of its own: which modules it loaded, and whose source it read."""

    def __init__(self) -> None:
        ran = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
        loaded, read = ran.stdout.split("\n")[:2]
        self.loaded = set(loaded.split())
        self.read = [name for name in read.split() if "danqing" in name]


@pytest.fixture(scope="module")
def started() -> Started:
    return Started()


class TestStart:
    def test_the_document_is_nothing_to_wait_for(self, started: Started) -> None:
        """What only the OpenAPI document is made with is loaded for the first who asks for it."""
        assert not {"sanic_ext", "pydantic", "danqing_server.doors.schemas"} & started.loaded

    def test_who_wants_no_metrics_loads_nothing_of_them(self, started: Started) -> None:
        """Nor of traces; both are off unless they are asked for."""
        own = {"danqing_server.telemetry.meters", "danqing_server.telemetry.traces"}
        assert not {"prometheus_client", *own} & started.loaded

    def test_no_source_is_read(self, started: Started) -> None:
        """Sanic would read that of each route to guess how its errors are to look."""
        assert started.read == []
