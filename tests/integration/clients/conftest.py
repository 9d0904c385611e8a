"""A serving process with a simulated service, for clients that come by HTTP alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client_libraries import KEY
from tests.support.servers import RunningServer
from tests.support.serving import run_serving
from tests.support.system import MakeSettings
from tests.support.whole import only


@pytest.fixture
def base(make_settings: MakeSettings, sandbox: RunningServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a server that wants `KEY`."""
    settings = make_settings(**only("volcengine", sandbox), DANQING_API_KEYS=f"tests:{KEY}")
    with run_serving(tmp_path, settings.environment) as process:
        yield f"http://127.0.0.1:{process.port}"
