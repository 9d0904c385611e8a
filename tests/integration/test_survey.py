"""The child that lists the plugins, when nobody waits for it any longer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil

from danqing_server.supervision.survey import ask_survey
from tests.support.system import until


async def test_who_is_not_asked_any_longer_is_gone(tmp_path: Path) -> None:
    """Before anything is said of why: what is left of it would be a traceback behind a refusal of one line."""
    mark = tmp_path / "pid"
    script = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(600)"
    asking = asyncio.create_task(ask_survey((sys.executable, "-c", script, str(mark)), os.environ))
    await until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    asking.cancel()
    await asyncio.wait({asking})
    assert not psutil.pid_exists(int(mark.read_text()))
