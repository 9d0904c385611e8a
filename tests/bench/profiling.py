"""Flame graphs by py-spy while a stage runs; only when `BENCH_PROFILE` names a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["recording"]

OPTIONS = "--gil --rate 500"
WRITES_S = 60


@contextmanager
def recording(pid: int, name: str) -> Iterator[None]:
    """Record process *pid* while the block lasts."""
    folder = os.environ.get("BENCH_PROFILE")
    if not folder:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    options = os.environ.get("BENCH_PROFILE_OPTIONS", OPTIONS).split()
    output = Path(folder) / f"{name}.{'txt' if 'raw' in options else 'svg'}"
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--pid", str(pid), "--output", str(output), "--duration", "3600", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(timeout=WRITES_S)
