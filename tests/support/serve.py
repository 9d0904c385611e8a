"""A whole `danqing serve` under test: the real supervisor, with stand-ins for its serving processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import psutil

from tests.support.servers import wait_until

__all__ = ["ELSEWHERE", "Serve", "is_alive", "processes_naming", "run_serve"]

_SCRIPT = Path(__file__).with_name("supervised.py")
_ROOT = Path(__file__).parents[2]
# Nothing listens there: tests that are not about the embedded servers need none.
ELSEWHERE = {"MONGO_URL": "mongodb://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}


def is_alive(pid: int) -> bool:
    """Ask whether process *pid* still runs; one that has ended and only waits to be collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> str:
    """Return the command line; empty when the process is gone, or not for us to see."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def processes_naming(path: Path) -> list[str]:
    """Return the command lines that name *path*: the servers whose files lie there."""
    return [command for process in psutil.process_iter() if str(path) in (command := _command(process))]


@attrs.define(kw_only=True)
class Serve:
    """One run of the supervisor: its process, its two streams (in files), and what it answers."""

    process: subprocess.Popen[bytes]
    output_path: Path
    errors_path: Path

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.output_path.read_text()

    @property
    def errors(self) -> str:
        """What it has written on standard error: log lines, or why it did not start."""
        return self.errors_path.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return its log lines of event *name*, oldest first."""
        lines = [json.loads(line) for line in self.errors.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def until_ready(self, timeout_s: float = 20) -> None:
        """Wait for the banner."""

        def ready() -> bool:
            assert self.process.poll() is None, f"it ended: {self.errors}"
            return "Try it:" in self.output

        wait_until(ready, timeout_s=timeout_s, what="the banner")

    def until_ended(self, timeout_s: float = 20) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(timeout=timeout_s)

    @property
    def base_url(self) -> str:
        """Its URL, as the banner says."""
        return next(line.split()[1] for line in self.output.splitlines() if line.split()[:1] == ["API"])

    def health(self) -> dict[str, Any] | None:
        """Ask `/health` once; None when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.base_url}/health", timeout=2) as answer:
                body: dict[str, Any] = json.load(answer)
                return body
        except OSError:
            return None

    def child(self, naming: str) -> int:
        """Return the process id of its only child whose command line contains *naming*."""
        pids = self.children(naming)
        assert len(pids) == 1, f"{len(pids)} children name {naming!r}"
        return pids[0]

    def children(self, naming: str) -> list[int]:
        """Return the process ids of its children whose command lines contain *naming*."""
        found = ((child.pid, _command(child)) for child in psutil.Process(self.process.pid).children())
        return [pid for pid, command in found if naming in command and "tether.py" not in command]

    def send(self, signal_: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(signal_)


@contextmanager
def run_serve(directory: Path, variables: Mapping[str, str]) -> Iterator[Serve]:
    """Run a supervisor while the block lasts; afterwards it is killed, and with it all it started."""
    output, errors = directory / "output.txt", directory / "errors.txt"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    defaults = {"PORT": "0", "DANQING_DATA_DIR": str(directory / "data"), "DANQING_STOP_GRACE": "5"}
    with output.open("wb") as output_stream, errors.open("wb") as errors_stream:
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT)],
            cwd=_ROOT,
            env={**kept, **defaults, **variables},
            stdout=output_stream,
            stderr=errors_stream,
        )
    try:
        yield Serve(process=process, output_path=output, errors_path=errors)
    finally:
        process.kill()
        process.wait()
