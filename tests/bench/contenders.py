"""The servers that are compared, each started as one or more processes on one listening socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.support.servers import answers_http

__all__ = [
    "BASELINE",
    "BASELINE_JOURNALED",
    "OURS",
    "OURS_ACCOUNTED",
    "OURS_ON_PYMONGO",
    "OURS_WATCHED",
    "OURS_WITH_THUMBNAILS",
    "Contender",
    "Running",
    "rivals",
    "run_contender",
]

ROOT = Path(__file__).parents[2]
BACKLOG = 4096
START_S = 30


@attrs.frozen(kw_only=True)
class Contender:
    """One server: how it is called in the tables, and how it is started. `queue` None: it is ours.

    `driver` is the MongoDB driver that ours is told to use; the others know motor only. `accounted`: it knows the
    clients by their key, books what they spend, and tells a webhook of each task's end. `thumbnails`: it makes one
    of each picture that it keeps. `watched`: one studio is open.
    """

    name: str
    title: str
    queue: str | None = None
    python: str = sys.executable
    journaled: bool = False
    driver: str = "motor"
    accounted: bool = False
    thumbnails: bool = False
    watched: bool = False

    def command(self, descriptor: int) -> list[str]:
        """Return the arguments of one process on an inherited socket."""
        if self.queue is None:
            return [self.python, "-m", "danqing_server.serving", "--fd", str(descriptor)]
        return [self.python, "-m", "tests.bench.rivals.app", "--fd", str(descriptor), "--queue", self.queue]


OURS = Contender(name="danqing", title="danqing")
OURS_ON_PYMONGO = Contender(name="pymongo", title="danqing on PyMongo's own client", driver="pymongo")
OURS_ACCOUNTED = Contender(name="accounted", title="danqing with keys, its ledger and a webhook", accounted=True)
OURS_WITH_THUMBNAILS = Contender(name="thumbnails", title="danqing with thumbnails at once", thumbnails=True)
OURS_WATCHED = Contender(name="watched", title="danqing with one studio open", watched=True)
BASELINE = Contender(name="baseline", title="hand-written: Sanic + BLMOVE + motor + aiohttp", queue="blmove")
BASELINE_JOURNALED = Contender(
    name="baseline_j", title="hand-written, w: majority, j: true", queue="blmove", journaled=True
)


def rivals() -> list[Contender]:
    """Return the pipelines on queue libraries, if the environment for them is there (`BENCH_RIVALS_PYTHON`).

    They need one of their own: arq wants redis-py below 6, we want 8.
    """
    python = os.environ.get("BENCH_RIVALS_PYTHON", str(ROOT / ".venv" / "bench" / "bin" / "python"))
    if not Path(python).exists():
        return []
    return [Contender(name=kind, title=f"the same on {kind}", queue=kind, python=python) for kind in ("arq", "saq")]


@attrs.define(kw_only=True)
class Running:
    """A contender that answers."""

    contender: Contender
    host: str
    port: int
    processes: list[subprocess.Popen[bytes]]

    @property
    def pids(self) -> list[int]:
        """Its process ids."""
        return [process.pid for process in self.processes]

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def run_contender(
    contender: Contender, environments: Sequence[Mapping[str, str]], folder: Path, log_name: str
) -> Iterator[Running]:
    """Run one process per environment, on one socket, while the block lasts; each is stopped by its own id."""
    with socket.socket() as listener, (folder / f"{log_name}.log").open("wb") as log:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(BACKLOG)
        host, port = listener.getsockname()
        processes = [
            subprocess.Popen(
                contender.command(listener.fileno()),
                cwd=folder,
                env=dict(environment),
                pass_fds=(listener.fileno(),),
                stdout=log,
                stderr=log,
            )
            for environment in environments
        ]
        running = Running(contender=contender, host=host, port=port, processes=processes)
        try:
            _until_it_answers(running, folder / f"{log_name}.log")
            yield running
        finally:
            _stop(processes)


def _until_it_answers(running: Running, log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while not answers_http(f"{running.base_url}/health"):
        ended = any(process.poll() is not None for process in running.processes)
        if ended or time.monotonic() > deadline_s:
            raise RuntimeError(f"{running.contender.name} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
