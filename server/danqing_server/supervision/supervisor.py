"""`danqing serve`: starts what serving needs, keeps it running, and stops it in reverse order.

    mongod → redis-server → sandbox → listening socket → serving processes

Embedded servers and the sandbox are started only where no URL names another one. `docs/decisions/` says why this is
not Sanic's own manager. The supervisor imports neither Sanic nor a driver, so it stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from danqing_server.errors import SettingsError
from danqing_server.log import get_logger
from danqing_server.settings.reading import ACCEPTED, find_file, in_order
from danqing_server.settings.server import Settings
from danqing_server.settings.values import sandbox_urls
from danqing_server.supervision.banner import Running, banner
from danqing_server.supervision.companions import Companions
from danqing_server.supervision.deaths import GIVE_UP_AFTER_S
from danqing_server.supervision.descriptors import raise_descriptor_limit
from danqing_server.supervision.embedded.directory import DataDirectory
from danqing_server.supervision.embedded.servers import mongod, redis_server
from danqing_server.supervision.embedded.sockets import MONGODB_SOCKET, REDIS_SOCKET, socket_folder
from danqing_server.supervision.fleet import HEALTHY_WITHIN_S, Fleet, ServingCommand
from danqing_server.supervision.listening import base_url, bind, listen
from danqing_server.supervision.processes import KeepsDying, NotNow, StartRefused
from danqing_server.supervision.survey import Survey, ask_survey
from danqing_server.telemetry.slots import FOLDER, kept_from_cleaners

__all__ = ["Supervisor", "serving_command"]

# What we and our children write is for this account alone: prompts and pictures are among it.
_UMASK = 0o077
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = get_logger(__name__)


def serving_command(fd: int, index: int) -> tuple[str, ...]:
    """Return the arguments of one serving process."""
    return (sys.executable, "-m", "danqing_server.serving", "--fd", str(fd), "--index", str(index))


def _warn(told: Sequence[str]) -> None:
    for line in told:
        _log.warning("settings", message=line)


@attrs.define(kw_only=True)
class Supervisor:
    """One run of `danqing serve`, from the first check to the last process gone.

    `read_environment` is called at start and again for each rolling restart. `survey_command` prints a
    `Survey` as JSON; it and `serving_command` are arguments so that others can be supervised.
    """

    read_environment: Callable[[], Mapping[str, str]]
    survey_command: tuple[str, ...] = (sys.executable, "-m", "danqing_server", "plugins", "--json")
    serving_command: ServingCommand = serving_command
    stop_margin_s: float = 15.0
    healthy_within_s: float = HEALTHY_WITHIN_S
    give_up_after_s: float = GIVE_UP_AFTER_S
    write: Callable[[str], object] = sys.stdout.write
    _stop_wanted: asyncio.Event = attrs.field(factory=asyncio.Event)
    _companions: Companions | None = None
    _fleet: Fleet | None = None
    _rolling: asyncio.Task[None] | None = None
    _given: dict[str, str] = attrs.field(factory=dict)
    _held: contextlib.ExitStack | None = None
    _hopeless: str | None = None
    _had_file: bool = False

    async def run(self) -> None:
        """Serve until a signal says to stop.

        SIGTERM and SIGINT stop in order, a second SIGINT at once; SIGHUP replaces the serving processes one by one.

        Raises:
            SettingsError: a setting is wrong.
            StartRefused: something that is needed cannot start.
            KeepsDying: something that is needed ended again and again.
        """
        self._watch_signals()
        os.umask(_UMASK)
        environment = dict(self.read_environment())
        settings = self._accept(environment)
        _warn(settings.warnings())
        raise_descriptor_limit()
        with contextlib.ExitStack() as held:
            self._held = held
            starting = asyncio.create_task(self._start(settings, environment, held))
            try:
                await self._until_stopped(starting)
            except OSError as error:  # a full disk, no memory, no more processes
                place = error.filename or settings.data_dir.absolute()
                raise NotNow(f"cannot start: {error.strerror or error} ({place})") from error
            finally:
                await self._stop(starting)
        if self._hopeless is not None:
            raise KeepsDying(f"given up: {self._hopeless}")

    def _accept(self, environment: dict[str, str]) -> Settings:
        """Read the settings, and put the file's text into *environment*: a later start of a process goes by it."""
        file = find_file(environment)
        settings, problems = Settings.examine(environment, file.parse())
        if problems:
            raise SettingsError(*in_order(*problems))
        if file.text is None and self._had_file:
            raise SettingsError(f"{file.name}: was there before, and is gone; a restart goes on without it")
        self._had_file = file.text is not None
        environment[ACCEPTED] = file.text or ""
        return settings

    def _give_up(self, why: str) -> None:
        self._hopeless = why
        self._stop_wanted.set()

    async def _until_stopped(self, starting: asyncio.Task[None]) -> None:
        stop_wanted = asyncio.create_task(self._stop_wanted.wait())
        try:
            await asyncio.wait({starting, stop_wanted}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stop_wanted
        finally:
            stop_wanted.cancel()

    async def _start(self, settings: Settings, environment: Mapping[str, str], held: contextlib.ExitStack) -> None:
        asking = asyncio.create_task(ask_survey(self.survey_command, environment))
        self._given["DANQING_DATA_DIR"] = str(settings.data_dir)
        try:
            if settings.mongo_url is None or settings.redis_url is None:
                self._claim(settings, held)
            listener = held.enter_context(await bind(settings.host, settings.port))
            await self._start_embedded(settings, held)
            survey = await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        _warn(survey.warnings)
        await self._start_sandboxes(survey, settings, environment, held)
        self._give_folder_for_metrics(settings, held)
        await self._start_fleet(settings, environment, listener)
        self._tell(banner(self._running(settings, survey, listener)))

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody may be reading
            self.write(text)
            sys.stdout.flush()

    def _claim(self, settings: Settings, held: contextlib.ExitStack) -> None:
        if self._companions is None:
            directory = held.enter_context(DataDirectory.claim(settings.data_dir))
            self._companions = Companions(
                directory=directory, give_up_after_s=self.give_up_after_s, on_hopeless=self._give_up
            )

    async def _start_embedded(self, settings: Settings, held: contextlib.ExitStack) -> None:
        if self._companions is None:
            return
        data_dir = settings.data_dir.absolute()
        sockets = held.enter_context(socket_folder(data_dir))
        if settings.mongo_url is None:
            server = mongod(data_dir / "mongodb", sockets / MONGODB_SOCKET)
            await self._companions.start_server(server)
            self._given["MONGO_URL"] = server.url
        if settings.redis_url is None:
            server = redis_server(data_dir / "redis", sockets / REDIS_SOCKET)
            await self._companions.start_server(server)
            self._given["REDIS_URL"] = server.url

    async def _start_sandboxes(
        self, survey: Survey, settings: Settings, environment: Mapping[str, str], held: contextlib.ExitStack
    ) -> None:
        """Start each simulator that is wanted, once for all its providers, unless its address is set."""
        urls = dict(settings.sandbox_urls)
        if "" in urls:
            return
        for module in dict.fromkeys(sandbox.module for sandbox in survey.sandboxes):
            if module not in urls:
                self._claim(settings, held)
                assert self._companions is not None
                urls[module] = await self._companions.start_sandbox(module, environment)
                self._given["DANQING_SANDBOX_URL"] = ",".join(f"{name}={url}" for name, url in urls.items())

    def _give_folder_for_metrics(self, settings: Settings, held: contextlib.ExitStack) -> None:
        """Name the folder in which the serving processes count together, a new one for each run."""
        if settings.metrics and FOLDER not in self._given:
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="danqing-metrics-"))
            held.enter_context(kept_from_cleaners(Path(folder)))
            self._given[FOLDER] = folder

    async def _start_fleet(
        self, settings: Settings, environment: Mapping[str, str], listener: socket.socket
    ) -> None:
        listen(listener)
        self._given["PORT"] = str(listener.getsockname()[1])
        self._fleet = Fleet(
            listener=listener,
            serving_command=self.serving_command,
            stop_grace_s=settings.stop_grace_s,
            stop_margin_s=self.stop_margin_s,
            healthy_within_s=self.healthy_within_s,
            give_up_after_s=self.give_up_after_s,
            on_hopeless=self._give_up,
        )
        await self._fleet.start(settings.processes, {**environment, **self._given})

    def _sandbox_urls(self, settings: Settings) -> tuple[str, ...]:
        given = self._given.get("DANQING_SANDBOX_URL")
        return tuple((settings.sandbox_urls if given is None else sandbox_urls(given)).values())

    def _running(self, settings: Settings, survey: Survey, listener: socket.socket) -> Running:
        return Running(
            base_url=base_url(listener),
            settings=settings,
            embedded_mongodb="MONGO_URL" in self._given,
            embedded_redis="REDIS_URL" in self._given,
            simulated=survey.simulated,
            sandbox_urls=self._sandbox_urls(settings),
        )

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for signal_ in _STOP_SIGNALS:
            loop.add_signal_handler(signal_, self._on_stop_signal, signal_)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(signal.SIGHUP, self._on_hangup, sys.stdin.isatty())

    def _on_stop_signal(self, signal_: signal.Signals) -> None:
        if self._stop_wanted.is_set() and signal_ is signal.SIGINT:
            _log.warning("killing", reason="second SIGINT")
            self._kill()
            return
        _log.info("stopping", signal=signal_.name)
        self._stop_wanted.set()
        if self._fleet is not None and signal_ is signal.SIGINT:
            grace_s = f"{self._fleet.stop_grace_s:g} s"
            self._tell(f"\nstopping: tasks that run may end within {grace_s}; Ctrl-C again stops them at once\n")

    def _on_hangup(self, had_terminal: bool) -> None:
        if had_terminal and not sys.stdin.isatty():  # it was closed
            self._on_stop_signal(signal.SIGHUP)
            return
        if self._fleet is None or self._stop_wanted.is_set():
            return
        if self._rolling is not None and not self._rolling.done():
            _log.warning("rolling_restart_ignored", reason="one is under way")
            return
        self._rolling = asyncio.create_task(self._roll(self._fleet))

    async def _roll(self, fleet: Fleet) -> None:
        """Replace the serving processes, with variables and file as they are now; address and folders stay.

        What is wrong is reported, and all stays as it is.
        """
        assert self._held is not None
        try:
            environment = {**self.read_environment(), **self._given}
            settings = self._accept(environment)
            survey = await ask_survey(self.survey_command, environment, quoted=True)
            _warn([*settings.warnings(), *survey.warnings])
            await self._start_sandboxes(survey, settings, environment, self._held)
            self._give_folder_for_metrics(settings, self._held)
        except (SettingsError, StartRefused, OSError) as error:
            for line in str(error).splitlines():
                _log.error("rolling_restart_given_up", reason=line)
            return
        environment |= self._given
        if await fleet.roll(environment):
            fleet.stop_grace_s = settings.stop_grace_s
            _log.info("rolling_restart_done", pids=fleet.pids)

    def _kill(self) -> None:
        if self._fleet is not None:
            self._fleet.kill()
        if self._companions is not None:
            self._companions.kill()

    async def _stop(self, starting: asyncio.Task[None]) -> None:
        for task in (starting, self._rolling):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if self._fleet is not None:
            await self._fleet.stop()
        if self._companions is not None:
            await self._companions.stop()
        _log.info("stopped", pid=os.getpid())
