"""Real servers for the tests: started, killed, restarted and stopped by hand, in the test's own thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from danqing_server.supervision.embedded.servers import EmbeddedServer, free_port, mongod, redis_server
from danqing_server.supervision.processes import Command, open_log, read_tail, tethered

__all__ = [
    "RunningServer",
    "answers_http",
    "run_embedded",
    "run_mongod",
    "run_redis",
    "run_sandbox",
    "running",
    "wait_until",
]

START_S = 60.0
"""How long a server may take to answer at first: seconds, where nothing else runs."""

IN_USE = "Address already in use"


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 15.0, what: str = "the condition") -> None:
    """Return as soon as *condition* holds; AssertionError after *timeout_s* seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s} s"
        time.sleep(0.01)


def answers_http(url: str) -> bool:
    """Ask whether GET *url* answers 200 at this moment."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@attrs.define(kw_only=True)
class RunningServer:
    """A server process of a test, with its life in the test's hands. The port stays the same over restarts."""

    command: Command
    answers: Callable[[], bool]
    url: str
    data_dir: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the present run."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self.command.log_path is not None
        log = open_log(self.command.log_path)
        try:
            self.process = subprocess.Popen(
                tethered(self.command), env=self.command.environment, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            os.close(log)
        wait_until(self._answers_or_raises, timeout_s=START_S, what=f"{self.command.name} being ready")

    def _answers_or_raises(self) -> bool:
        assert self.process is not None
        assert self.command.log_path is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command.name} ended: {read_tail(self.command.log_path)}")
        return self.answers()

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order (SIGTERM)."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again, on the same port and files."""
        self.kill()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(server: RunningServer) -> Iterator[RunningServer]:
    """Run *server* while the block lasts."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _embedded(server: EmbeddedServer) -> RunningServer:
    server.data_dir.mkdir(parents=True, exist_ok=True)
    return RunningServer(command=server.command, answers=server.answers, url=server.url, data_dir=server.data_dir)


@contextmanager
def _on_a_free_port(describe: Callable[[int], EmbeddedServer]) -> Iterator[RunningServer]:
    """Run what *describe* makes of a port; another is tried when somebody was there before the server."""
    for last in (False, False, True):
        server = _embedded(describe(free_port()))
        try:
            server.start()
            break
        except AssertionError as error:
            server.kill()
            if last or IN_USE not in _log_of(server):
                raise
            sys.stderr.write(f"{error}\n")
    try:
        yield server
    finally:
        server.kill()


def _log_of(server: RunningServer) -> str:
    assert server.command.log_path is not None
    return server.command.log_path.read_text(errors="replace")


@contextmanager
def run_embedded(server: EmbeddedServer) -> Iterator[RunningServer]:
    """Run what *server* describes while the block lasts."""
    with running(_embedded(server)) as started:
        yield started


@contextmanager
def run_mongod(directory: Path, *more: str) -> Iterator[RunningServer]:
    """Run a real mongod, its files in *directory*, with *more* arguments, while the block lasts."""

    def described(port: int) -> EmbeddedServer:
        server = mongod(directory / "mongodb", port)
        return attrs.evolve(server, command=attrs.evolve(server.command, argv=(*server.command.argv, *more)))

    with _on_a_free_port(described) as server:
        yield server


@contextmanager
def run_redis(directory: Path) -> Iterator[RunningServer]:
    """Run a real redis-server, its files in *directory*, while the block lasts."""
    with _on_a_free_port(lambda port: redis_server(directory / "redis", port)) as server:
        yield server


@contextmanager
def run_sandbox(
    directory: Path, *, port: int, module: str = "danqing_providers.sandbox", arguments: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a provider's simulator on *port*, its files in *directory*, while the block lasts."""
    url = f"http://127.0.0.1:{port}"
    argv = (sys.executable, "-m", module, "--port", str(port), "--data-dir", str(directory), *arguments)
    server = RunningServer(
        command=Command(name=module, argv=argv, log_path=directory / "sandbox.log"),
        answers=lambda: answers_http(f"{url}/ping"),
        url=url,
        data_dir=directory,
    )
    with running(server):
        yield server
