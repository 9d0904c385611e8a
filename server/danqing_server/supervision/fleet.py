"""The serving processes: N children on one listening socket, each kept running."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from danqing_server.log import get_logger
from danqing_server.supervision.child import Child
from danqing_server.supervision.deaths import Deaths
from danqing_server.supervision.listening import Health, ask_health
from danqing_server.supervision.processes import Command, StartRefused

__all__ = ["HEALTHY_WITHIN_S", "Fleet", "ServingCommand"]

ServingCommand = Callable[[int, int], tuple[str, ...]]
"""Gives the arguments of the serving process on socket descriptor *fd* with *index* (from 0)."""

HEALTHY_WITHIN_S = 60.0
"""How long a rolling restart waits for a new process to be healthy."""

_REMIND_S = 10.0
_POLL_S = 0.05

_log = get_logger(__name__)


@attrs.define(kw_only=True)
class Fleet:
    """All serving processes of this supervisor.

    Each may take `stop_grace_s` seconds to finish its tasks and `stop_margin_s` more to end; then it is killed. One
    that takes another's place has to be healthy within `healthy_within_s`.
    """

    listener: socket.socket
    serving_command: ServingCommand
    stop_grace_s: float
    stop_margin_s: float
    healthy_within_s: float
    give_up_after_s: float
    on_hopeless: Callable[[str], object]
    _children: list[Child] = attrs.field(factory=list)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run at present, by index."""
        return tuple(child.pid for child in self._children if child.pid is not None)

    async def start(self, count: int, environment: Mapping[str, str]) -> None:
        """Start *count* processes and return when `/health` says 200.

        Raises:
            StartRefused: a process says that it can never start with these settings; it has printed why.
        """
        for index in range(count):
            await self._launch(index, environment)
        await self._until_healthy()
        for child in self._children:
            child.may_refuse = False

    async def _launch(self, index: int, environment: Mapping[str, str]) -> None:
        child = self._child(index, environment)
        self._children.append(child)
        await child.start()
        child.keep()

    def _child(self, index: int, environment: Mapping[str, str] | None) -> Child:
        descriptor = self.listener.fileno()
        command = Command(
            name=f"serving-{index}",
            argv=self.serving_command(descriptor, index),
            environment=environment,
            pass_fds=(descriptor,),
        )
        return Child(
            command=command,
            may_refuse=True,
            deaths=Deaths(give_up_after_s=self.give_up_after_s),
            on_hopeless=self.on_hopeless,
        )

    async def _until_healthy(self) -> None:
        remind_s = time.monotonic() + _REMIND_S
        while True:
            health = await self._health_unless_in_vain()
            if any(child.refused for child in self._children):
                raise StartRefused("a serving process refused to start", explained=True)
            for child in self._children:
                if child.dying:
                    raise StartRefused(f"{child.dying}; the lines above say why")
            if health is not None and health.status == 200:
                return
            if time.monotonic() > remind_s:
                _log.warning("not_healthy_yet", **_symptoms(health))
                remind_s = time.monotonic() + _REMIND_S
            await asyncio.sleep(_POLL_S)

    async def _health_unless_in_vain(self) -> Health | None:
        """Ask for the health, but no longer than a process may come up: else nobody may be there to answer."""
        asking = asyncio.create_task(ask_health(self.listener))
        failing = [asyncio.create_task(child.in_vain.wait()) for child in self._children]
        try:
            await asyncio.wait({asking, *failing}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for task in (asking, *failing):
                task.cancel()

    async def roll(self, environment: Mapping[str, str]) -> bool:
        """Replace the processes one by one, each only when its successor is healthy; False when one is not.

        The old process stays when its successor cannot be started, refuses to start, keeps ending at once, or is
        not healthy in time; and those that were replaced before it are put back, so that all go by one environment.
        """
        replaced: list[tuple[Child, Mapping[str, str] | None]] = []
        for index, old in enumerate(list(self._children)):
            new = await self._replace(index, old, environment)
            if new is None:
                await self._put_back(replaced)
                return False
            replaced.append((new, old.command.environment))
        return True

    async def _replace(self, index: int, old: Child, environment: Mapping[str, str] | None) -> Child | None:
        """Have a new process take the place of *old*; None when it does not come up, and *old* stays."""
        new = self._child(index, environment)
        self._children.append(new)
        try:
            await new.start()
        except OSError as error:  # no memory, no descriptors, no more processes
            self._children.remove(new)
            _log.error(
                "rolling_restart_given_up", process=new.command.name, reason=error.strerror or type(error).__name__
            )
            return None
        new.keep()
        if not await self._is_healthy(new):
            _log.error("rolling_restart_given_up", process=new.command.name, refused=new.refused)
            await self._retire(new)
            return None
        new.may_refuse = False
        await self._retire(old)
        _log.info("process_replaced", process=new.command.name, pid=new.pid)
        return new

    async def _put_back(self, replaced: Sequence[tuple[Child, Mapping[str, str] | None]]) -> None:
        """Have processes of the environment of before take the places of those that came up."""
        for index, (new, environment) in enumerate(replaced):
            if await self._replace(index, new, environment) is None:
                _log.error("rolling_restart_not_undone", process=new.command.name, pid=new.pid)
                return

    async def _is_healthy(self, child: Child) -> bool:
        """Wait for it to say so itself: whoever else takes the question on the shared socket is no proof."""
        started_s = time.monotonic()
        while not child.in_vain.is_set() and time.monotonic() - started_s < self.healthy_within_s:
            health = await ask_health(self.listener)
            if health is not None and health.status == 200 and health.pid == child.pid:
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _retire(self, child: Child) -> None:
        await child.stop(self.stop_grace_s + self.stop_margin_s)
        self._children.remove(child)

    async def stop(self) -> None:
        """Stop them all together; those that take longer than the grace time are killed."""
        await asyncio.gather(*(self._retire(child) for child in list(self._children)))

    def kill(self) -> None:
        """End them all at once."""
        for child in self._children:
            child.kill()


def _symptoms(health: Health | None) -> dict[str, object]:
    """Return what is known of a start that takes long; without an answer a process is not as far as to give one."""
    if health is None:
        return {"health_status": None}
    return {"health_status": health.status, "failing": list(health.failing)}
