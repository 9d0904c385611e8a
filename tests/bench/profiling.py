"""Flame graphs by py-spy while a stage runs; only when `BENCH_PROFILE` names a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

__all__ = ["start_recording", "stop_recording"]

OPTIONS = "--gil --rate 500"
WRITES_S = 60


def start_recording(pid: int, name: str) -> subprocess.Popen[bytes] | None:
    """Begin to record process *pid*; None when nobody asked for it."""
    folder = os.environ.get("BENCH_PROFILE")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    options = os.environ.get("BENCH_PROFILE_OPTIONS", OPTIONS).split()
    output = Path(folder) / f"{name}.{'txt' if 'raw' in options else 'svg'}"
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--pid", str(pid), "--output", str(output), "--duration", "3600", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop_recording(recorder: subprocess.Popen[bytes]) -> None:
    """End a recording and wait until its file is written."""
    recorder.send_signal(signal.SIGINT)
    recorder.wait(timeout=WRITES_S)
