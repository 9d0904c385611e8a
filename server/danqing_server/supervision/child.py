"""One child process that is kept running: started again whenever it ends, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable

import attrs

from danqing_server.log import get_logger
from danqing_server.supervision.deaths import SHORT_LIFE_S, Deaths
from danqing_server.supervision.processes import Command, last_words, open_log, read_tail, tethered

__all__ = ["REFUSED", "Child", "RestartDelay"]

REFUSED = 2
"""The exit code of a process that says: with these settings I shall never start."""

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_POLL_S = 0.02
_REMIND_S = 5.0
# What is killed is gone in milliseconds, but for one that waits for a disk or a network file system that hangs.
_KILLED_PATIENCE_S = 5.0

_log = get_logger(__name__)


@attrs.define(kw_only=True)
class RestartDelay:
    """How long to wait before the next start: nothing after a long life, ever longer after short ones."""

    _short_lives: int = 0

    def after(self, *, lived_s: float) -> float:
        """Return the seconds to wait after a run of *lived_s*: 0 the first time, then 0.2 doubled up to 5."""
        self._short_lives = self._short_lives + 1 if lived_s < SHORT_LIFE_S else 0
        if self._short_lives <= 1:
            return 0.0
        return float(min(_FIRST_DELAY_S * 2 ** min(self._short_lives - 2, 10), _LONGEST_DELAY_S))


@attrs.define(kw_only=True)
class Child:
    """A command and the process that runs it at present.

    `may_refuse` is True until the first start has succeeded: while it is, an exit with code `REFUSED` is final and
    sets `refused`. `dying` is one line about a process that keeps ending at once by itself, empty before; when that
    goes on for too long it is not started any more, and `on_hopeless` is called with that line. `in_vain` is set
    with either: to wait for this process is of no use. Use from the main thread only (see `tether`).
    """

    command: Command
    may_refuse: bool = False
    deaths: Deaths = attrs.field(factory=Deaths)
    on_hopeless: Callable[[str], object] = lambda _line: None
    refused: bool = False
    dying: str = ""
    in_vain: asyncio.Event = attrs.field(factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    log_offset: int = 0
    on_restart: Callable[[], None] | None = None
    _started_s: float = 0.0
    _delay: RestartDelay = attrs.field(factory=RestartDelay)
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event)
    _keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the present run; None before the first."""
        return self.process.pid if self.process is not None else None

    @property
    def exit_code(self) -> int | None:
        """How the present run ended (minus the signal's number); None while it runs."""
        return self.process.returncode if self.process is not None else None

    @property
    def lived_s(self) -> float:
        """How long ago the present run began."""
        return time.monotonic() - self._started_s

    async def start(self) -> None:
        """Start the process once; `keep` makes it stay."""
        stream = None
        if self.command.log_path is not None:
            stream = open_log(self.command.log_path)
            self.log_offset = os.fstat(stream).st_size
        try:
            self.process = await asyncio.create_subprocess_exec(
                *tethered(self.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=self.command.environment,
                pass_fds=self.command.pass_fds,
                start_new_session=True,
            )
        finally:
            if stream is not None:
                os.close(stream)
        self._started_s = time.monotonic()

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
        """Wait for *ready* to hold; False when the process ended or *timeout_s* seconds passed before."""
        deadline = time.monotonic() + timeout_s
        remind_s = time.monotonic() + _REMIND_S
        while self.exit_code is None and time.monotonic() < deadline:
            if await ready():
                return True
            if time.monotonic() > remind_s:
                _log.info("waiting_for_process", process=self.command.name, pid=self.pid)
                remind_s += _REMIND_S
            await asyncio.sleep(_POLL_S)
        return False

    def keep(self) -> None:
        """From now on start the process again whenever it ends."""
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.command.name}")

    async def _keep(self) -> None:
        assert self.process is not None
        while True:
            exit_code = await self.process.wait()
            if self._stopping.is_set():
                return
            if exit_code == REFUSED and self.may_refuse:
                self.refused = True
                self.in_vain.set()
                return
            lived_s = self.lived_s
            self.deaths.note(exit_code, lived_s=lived_s)
            self._tell(exit_code, lived_s)
            if self.deaths.hopeless:
                self.on_hopeless(self.dying)
                return
            await self._restart(self._delay.after(lived_s=lived_s))
            if self._stopping.is_set():
                self.send(signal.SIGTERM)

    def _tell(self, exit_code: int, lived_s: float) -> None:
        """Log a death; of a row of them the first few, then one line that says what it is about."""
        named = {"process": self.command.name, "pid": self.pid, **_how(exit_code)}
        if not self.deaths.many:
            _log.warning("process_ended", **named, lived_s=round(lived_s, 1))
            return
        self.dying = self._obituary(exit_code)
        self.in_vain.set()
        if self.deaths.first_of_many:
            _log.error("process_keeps_dying", **named, reason=self.dying)

    def _obituary(self, exit_code: int) -> str:
        """Return one line: how often it ended, how, and its last words where it has a log of its own."""
        line = f"{self.command.name} ended {self.deaths.count} times at once, with {_said(exit_code)}"
        if self.command.log_path is None:
            return line
        words = last_words(read_tail(self.command.log_path, since=self.log_offset, size_bytes=16384))
        return f"{line}: {words} (log: {self.command.log_path})"

    async def _restart(self, delay_s: float) -> None:
        """Start a new run after *delay_s* seconds; a stop that is asked for meanwhile ends the wait."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._stopping.wait()
                return
            try:
                await self.start()
            except OSError as error:  # no memory, no descriptors, no disk for the log: all pass
                _log.warning("process_not_started", process=self.command.name, error=str(error))
                delay_s = _LONGEST_DELAY_S
            else:
                if not self.deaths.many:
                    _log.warning("process_restarted", process=self.command.name, pid=self.pid)
                if self.on_restart is not None:
                    self.on_restart()
                return

    def send(self, signal_: signal.Signals) -> None:
        """Send *signal_* to the process; nothing happens when it has ended."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal_)

    def kill(self) -> None:
        """End the process, and what it started, at once; it is not started again."""
        self._stopping.set()
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end (SIGTERM), and kill it after *grace_s* seconds."""
        self._stopping.set()
        self.send(signal.SIGTERM)
        ended = self._keeping or asyncio.ensure_future(self._ended())
        done, _ = await asyncio.wait({ended}, timeout=grace_s)
        if not done:
            _log.warning("process_killed", process=self.command.name, pid=self.pid, grace_s=grace_s)
            self.kill()
            done, _ = await asyncio.wait({ended}, timeout=_KILLED_PATIENCE_S)
        if not done:
            _log.error("process_does_not_end", process=self.command.name, pid=self.pid)
            return
        _log.info("process_stopped", process=self.command.name, pid=self.pid)

    async def _ended(self) -> None:
        if self.process is not None:
            await self.process.wait()


def _said(exit_code: int) -> str:
    ((how, value),) = _how(exit_code).items()
    return f"code {value}" if how == "exit_code" else f"signal {value}"


def _how(exit_code: int) -> dict[str, object]:
    if exit_code >= 0:
        return {"exit_code": exit_code}
    with contextlib.suppress(ValueError):
        return {"signal": signal.Signals(-exit_code).name}
    return {"signal": -exit_code}
