"""The whole system under test: `danqing serve` as a user starts it, its process ids, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Self
from urllib.parse import quote

import attrs

from danqing_server.supervision.embedded.servers import free_port

__all__ = ["ROLES", "Whole", "children_of", "make_home", "plain_environment", "running_whole", "send"]

ROLES: Mapping[str, str] = {
    "serving": "danqing_server.serving",
    "mongod": "mongod",
    "redis": "redis-server",
    "sandbox": "danqing_providers.sandbox",
}
"""What the command line of each kind of child holds."""

_START_PATIENCE_S = 180.0
_HOOKS = Path(__file__).with_name("hooks")
ROUTES = """\
[[routes]]
model = "poster"
to = ["second/doubao-seedream-4-0-250828", "volcengine/doubao-seedream-4-0-250828"]
"""


@attrs.define(kw_only=True)
class Whole:
    """One data directory and port, and the supervisor that serves them at present."""

    directory: Path
    port: int
    variables: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def base_url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_urls(self) -> Sequence[str]:
        """Where clients reach it, each in turn."""
        return [self.base_url]

    @property
    def client_host(self) -> str:
        """Where the clients' machine is reached from those that serve."""
        return "127.0.0.1"

    @property
    def headers(self) -> Mapping[str, str]:
        """What clients send with every request."""
        return {}

    @property
    def data_dir(self) -> Path:
        """What survives every kill."""
        return self.directory / "data"

    @property
    def mongo_url(self) -> str:
        """Where the run's MongoDB is."""
        return f"mongodb://{quote(str(self.data_dir / 'run' / 'mongodb.sock'), safe='')}"

    @property
    def armed_path(self) -> Path:
        """The file that names the step at which a serving process kills itself; see `hooks`."""
        return self.directory / "armed"

    @property
    def clocks_path(self) -> Path:
        """The folder of files, one for a process id, that say by how many seconds that process's clock is off."""
        return self.directory / "clocks"

    @property
    def log_path(self) -> Path:
        """What all supervisors and serving processes wrote."""
        return self.directory / "serve.log"

    def start(self) -> None:
        """Start the supervisor; returns at once."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    @property
    def argv(self) -> Sequence[str]:
        """The command that starts the supervisor."""
        return [sys.executable, "-m", "danqing_server", "serve"]

    @property
    def environment(self) -> Mapping[str, str]:
        """What the supervisor is started with."""
        return {
            **plain_environment(),
            "CHAOS_ARMED": str(self.armed_path),
            "CHAOS_CLOCKS": str(self.clocks_path),
            "PORT": str(self.port),
            "DANQING_DATA_DIR": str(self.data_dir),
            "ENVIRONMENT": "production",
            "DANQING_LEDGER": "all",
            **self.variables,
        }

    def until_healthy(self) -> None:
        """Wait until `/health` says 200. Raises AssertionError with the log's end when it does not."""
        deadline = time.monotonic() + _START_PATIENCE_S
        while not self.healthy():
            assert self.alive, f"the supervisor ended: {self._last_words()}"
            assert time.monotonic() < deadline, f"not healthy: {self._last_words()}"
            time.sleep(0.1)

    def healthy(self) -> bool:
        """Ask `/health` once."""
        try:
            with urllib.request.urlopen(f"{self.base_url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs."""
        return self.process is not None and self.process.poll() is None

    def pids(self, role: str) -> list[int]:
        """Return the children of that role, by process id; `supervisor` is the parent itself."""
        if not self.alive or self.process is None:
            return []
        if role == "supervisor":
            return [self.process.pid]
        return [pid for pid, command in children_of(self.process.pid) if ROLES[role] in command]

    def kill(self, pid: int) -> None:
        """End a process as the kernel's OOM killer would."""
        send(pid, signal.SIGKILL)

    def fail_over(self, role: str) -> bool:
        """Have another lead in order; False where that cannot be. Here nobody stands in for anybody."""
        return False

    def disturb(self, kind: str, random: Random) -> None:
        """Cut the network or slow it down, until it is mended. Here is none."""
        raise NotImplementedError(f"{kind}: there is one machine")

    def mend(self) -> None:
        """Let everything through again."""

    def faults_of_what_is_kept(self, gone: Sequence[str]) -> Sequence[str]:
        """Return in words what is wrong with the files of all tasks, those of the deleted *gone* among them.

        What the clients can see of them is looked at by themselves.
        """
        return ()

    def set_clock(self, pid: int, offset_s: float) -> None:
        """Let the wall clock of a serving process be off by *offset_s* seconds from now on."""
        self.clocks_path.mkdir(exist_ok=True)
        draft = self.clocks_path / f"{pid}.new"
        draft.write_text(str(offset_s))
        draft.replace(self.clocks_path / str(pid))

    def stop(self, timeout_s: float = 60.0) -> int:
        """Stop the supervisor in order and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=timeout_s)

    def end(self) -> None:
        """End everything at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def leave(self) -> None:
        """End it for good."""
        self.end()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start it and be healthy; it is left with the block."""
        self.start()
        try:
            self.until_healthy()
            yield self
        finally:
            self.leave()

    def _last_words(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:]


def send(pid: int, signal_: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_)


def plain_environment() -> Mapping[str, str]:
    """Return what every process of a run is started with: little of ours, and the suite's hooks."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (str(_HOOKS), os.environ.get("PYTHONPATH"))))}


def children_of(parent: int) -> list[tuple[int, str]]:
    """Return (pid, command line) of every living child that has become what it is to be."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) != parent or fields[0] == "Z":
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if "tether.py" not in command:
                found.append((int(entry.name), command))
    return sorted(found)


def make_home(directory: Path) -> None:
    """Make the folder that a supervisor is started in, with the run's routes."""
    directory.mkdir(exist_ok=True)
    (directory / "danqing.toml").write_text(ROUTES)


@contextmanager
def running_whole(directory: Path, **variables: str) -> Iterator[Whole]:
    """Run a whole system with its files in *directory*, which is made, while the block lasts."""
    make_home(directory)
    with Whole(directory=directory, port=free_port(), variables=variables).running() as whole:
        yield whole
