"""One serving process as it is in production: uvloop, an inherited socket, its own memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.support.servers import wait_until

_ROOT = Path(__file__).parents[2]

__all__ = ["ServingProcess", "run_serving"]


@attrs.frozen(kw_only=True)
class ServingProcess:
    """A process that answers on loopback."""

    pid: int
    port: int

    def resident_bytes(self) -> int | None:
        """Return how much memory it holds; None where the system does not tell."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return None
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


@contextmanager
def run_serving(
    directory: Path, variables: Mapping[str, str], module: str = "danqing_server.serving"
) -> Iterator[ServingProcess]:
    """Run a serving process, or a *module* that is one, while the block lasts."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (
        socket.create_server(("127.0.0.1", 0), backlog=4096) as listening,
        (directory / "serving.txt").open("wb") as log,
    ):
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--fd", str(listening.fileno())],
            cwd=directory,
            env={"PYTHONPATH": str(_ROOT), **kept, **variables},
            pass_fds=[listening.fileno()],
            stderr=log,
        )
        try:
            wait_until(lambda: _answers(process, port), timeout_s=60, what="the serving process")
            yield ServingProcess(pid=process.pid, port=port)
        finally:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "it ended"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=2):
            return True
    except OSError:
        return False
