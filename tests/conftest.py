"""What every test shares."""

from __future__ import annotations

import os
import shutil
import signal

import hypothesis
import pytest

from danqing_server.log import configure_logging
from tests.support.memory import make_folder_in_memory

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

_in_memory = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder in memory, unless it was given one; what it starts is told of it."""
    if config.option.basetemp is None and (folder := make_folder_in_memory()) is not None:
        config.option.basetemp = config.stash[_in_memory] = str(folder)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the files of failed tests until the next run."""
    if exitstatus == 0 and (folder := session.config.stash.get(_in_memory, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)
