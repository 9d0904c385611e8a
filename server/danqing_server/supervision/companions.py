"""The servers beside the serving processes: mongod, redis-server, the sandbox; stopped in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import attrs

from danqing_server.log import get_logger
from danqing_server.supervision.child import Child
from danqing_server.supervision.deaths import Deaths
from danqing_server.supervision.embedded.binaries import REDIS_SERVER, why_it_cannot_run
from danqing_server.supervision.embedded.directory import DataDirectory
from danqing_server.supervision.embedded.servers import EmbeddedServer, free_port
from danqing_server.supervision.listening import ask
from danqing_server.supervision.processes import Command, NotNow, StartRefused, last_words, read_tail

__all__ = ["Companions"]

OUR_SANDBOX = "danqing_providers.sandbox"
"""The simulator whose files the documentation names: it keeps the plain folder, whoever else runs beside it."""

# A mongod that was killed replays its journal before it answers.
_START_PATIENCE_S = 120.0
_SANDBOX_PATIENCE_S = 20.0
_STOP_GRACE_S = 30.0
_SANDBOX_STOP_GRACE_S = 5.0

_START_TRIES = 5
# Source: redis 6.2, `aof.c` (loadAppendOnlyFile) and `rdb.c`, and a trial of it, 2026-11-30.
_DAMAGED = re.compile(r"reading the append only file|loading the DB|Wrong signature|RDB (?:format|reading|file)")
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)

_log = get_logger(__name__)


@attrs.define(kw_only=True)
class Companions:
    """What runs in one data directory; each is started again, on the same port, when it ends."""

    directory: DataDirectory
    give_up_after_s: float
    on_hopeless: Callable[[str], object]
    start_patience_s: float = _START_PATIENCE_S
    _running: list[tuple[Child, float]] = attrs.field(factory=list)

    @property
    def children(self) -> tuple[Child, ...]:
        """The servers in the order of their start."""
        return tuple(child for child, _ in self._running)

    async def start_server(self, server: EmbeddedServer) -> None:
        """Start *server* and return when it takes commands.

        Raises:
            StartRefused: it ended instead, for a reason that the message gives, or did not answer in time; NotNow
                where the disk is full.
        """

        async def ready() -> bool:
            return await asyncio.to_thread(server.answers)

        def explain(output: str) -> str | None:
            return why_it_cannot_run(server.program, output) or _what_is_damaged(server, output)

        server.data_dir.mkdir(mode=0o700, exist_ok=True)
        await self._start(server.command, ready, self.start_patience_s, _STOP_GRACE_S, explain)

    async def start_sandbox(self, module: str, environment: Mapping[str, str]) -> str:
        """Start a provider's simulator and return its base URL. Raises StartRefused as `start_server` does.

        It comes back on the port it had: tasks that wait for a download hold links to it.
        """
        ours = module == OUR_SANDBOX
        folder = "sandbox" if ours else f"sandbox-{module}"
        # Who asks for four pictures wants four, of services too that are asked for one at a time.
        options = ("--vary",) if ours else ()
        data_dir = self.directory.path.absolute() / folder
        data_dir.mkdir(mode=0o700, exist_ok=True)
        port = _kept_port(data_dir / "port")
        command = Command(
            name="sandbox",
            argv=(sys.executable, "-m", module, "--port", str(port), "--data-dir", str(data_dir), *options),
            environment=environment,
            log_path=data_dir.with_name(f"{folder}.log"),
        )

        async def ready() -> bool:
            answer = await ask("127.0.0.1", port, "/ping")
            return answer is not None and answer.status == 200

        await self._start(command, ready, _SANDBOX_PATIENCE_S, _SANDBOX_STOP_GRACE_S, lambda _output: None)
        return f"http://127.0.0.1:{port}"

    async def _start(
        self,
        command: Command,
        ready: Callable[[], Awaitable[bool]],
        patience_s: float,
        stop_grace_s: float,
        explain: Callable[[str], str | None],
    ) -> None:
        command = attrs.evolve(command, pass_fds=(self.directory.servers_fd,))
        deaths = Deaths(give_up_after_s=self.give_up_after_s)
        child = Child(command=command, deaths=deaths, on_hopeless=self.on_hopeless)
        self._running.append((child, stop_grace_s))
        await child.start()
        tries = 1
        while not await child.until_ready(ready, patience_s):
            if child.exit_code not in _KILLED or tries == _START_TRIES:
                why = _why_not_ready(child, patience_s, explain)
                if self.directory.is_full:
                    raise NotNow(f"the disk of {str(self.directory.path.absolute())!r} is full: {why}")
                raise StartRefused(why)
            # Someone, or a machine short of memory, killed it before it was ready: no fault of its own.
            _log.warning("companion_killed_at_start", process=command.name, exit_code=child.exit_code)
            tries += 1
            await child.start()
        self._note_pids()
        child.on_restart = self._note_pids
        child.keep()
        _log.debug("companion_ready", process=command.name, pid=child.pid)

    def _note_pids(self) -> None:
        self.directory.note_servers([child.pid for child in self.children if child.pid is not None])

    async def stop(self) -> None:
        """Stop them one by one, the last started first."""
        while self._running:
            child, grace_s = self._running[-1]
            await child.stop(grace_s)
            self._running.pop()

    def kill(self) -> None:
        """End them all at once."""
        for child in self.children:
            child.kill()


def _kept_port(path: Path) -> int:
    """Return the port written in *path* when it is free, else another, which is written there."""
    with contextlib.suppress(OSError, ValueError, OverflowError):
        wanted = int(path.read_text())
        if (port := free_port(wanted)) == wanted:
            return port
    port = free_port()
    path.write_text(f"{port}\n")
    return port


def _what_is_damaged(server: EmbeddedServer, output: str) -> str | None:
    """Return what to do about files that Redis cannot read, where it says so; its own advice is to mend them."""
    if server.program is not REDIS_SERVER or not _DAMAGED.search(output):
        return None
    return (
        f"redis-server cannot read its files, and nothing in them is needed, for MongoDB has all of it: "
        f"remove {str(server.data_dir)!r} and start again (log: {server.command.log_path})"
    )


def _why_not_ready(child: Child, patience_s: float, explain: Callable[[str], str | None]) -> str:
    name, log_path = child.command.name, child.command.log_path
    output = read_tail(log_path, since=child.log_offset, size_bytes=16384) if log_path is not None else ""
    known = explain(output)
    if known is not None:
        return known
    state = (
        f"did not answer within {patience_s:g} s"
        if child.exit_code is None
        else f"ended with code {child.exit_code}"
    )
    return f"{name} {state}: {last_words(output)} (log: {log_path})"
