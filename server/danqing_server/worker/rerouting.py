"""How tasks with a route come to the next target: asked after an attempt, and for those that wait.

None waits for a lane that is shut while another of its route is open: once a second one process of all looks for
such tasks. Where it is time that somebody tries whether a service is back, one of them stays for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from danqing_server.errors import QueueUnavailable
from danqing_server.life.onward import NO_LANE, Opening, opening_of, while_waiting
from danqing_server.life.rerouted import Rerouted
from danqing_server.log import get_logger
from danqing_server.queue.gates import Gate, Gates
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.routing import RoutedTarget, TaskRoute
from danqing_server.records.tasks import Task
from danqing_server.store.sweeping import RouteThere
from danqing_server.worker.tools import Tools

__all__ = ["DIVERT_EVERY_S", "Diverter", "look_ahead"]

DIVERT_EVERY_S = 1.0
ELSEWHERE_EVERY_S = 30.0
LEASE_S = 5
BATCH = 500
GLIMPSED = 5_000
SOON = timedelta(seconds=5)
START = (-1, "")

log = get_logger(__name__)


async def look_ahead(tools: Tools, route: TaskRoute) -> Sequence[Opening]:
    """Return how the lane of each target of *route* stands.

    When Redis cannot tell each may be open: a task that goes where it is not is led on, and one that stays may end.
    """
    lanes = {target.lane for target in route.targets} & tools.registry.lanes.keys()
    try:
        gates = await _look(tools.gates, lanes)
    except QueueUnavailable as error:
        log.warning("gates_not_seen", route=route.model, reason=str(error))
        gates = dict.fromkeys(lanes, Gate())
    return _openings(route.targets, gates, tools.clock.now_ms())


@attrs.define(eq=False)
class Diverter:
    """Lets waiting tasks go on. *providers* are those that routes name; any number of processes may have one.

    Tasks keep the route that they were submitted to: where the file names others by now, or none, who waits for
    providers of before is found every half minute.
    """

    tools: Tools
    providers: Collection[str]
    _elsewhere: Collection[str] = attrs.field(default=(), init=False)
    _looked_elsewhere_at_s: float = attrs.field(default=float("-inf"), init=False)

    async def divert(self) -> None:
        """Look at the lanes once, and move who waits for one that is shut. Raises ServiceUnavailable."""
        await self._look_elsewhere()
        if not (self.providers or self._elsewhere):
            return
        if not await self.tools.queue.claim_sweep(self.tools.lease.worker, LEASE_S, "diverter"):
            return
        registry = self.tools.registry
        lanes = {lane for provider in self.providers for lane in registry.lanes_of(provider)} | {*self._elsewhere}
        gates = await _look(self.tools.gates, registry.lanes)  # a task's own route may name any
        for lane in sorted(lanes):
            if lane not in gates or self._is_in_the_way(gates[lane]):
                await self._clear(lane, gates)

    async def _look_elsewhere(self) -> None:
        now_s = self.tools.clock.monotonic_s()
        if now_s - self._looked_elsewhere_at_s >= ELSEWHERE_EVERY_S:
            self._elsewhere = await self.tools.sweeps.routed_elsewhere(self.providers)
            self._looked_elsewhere_at_s = now_s

    def _is_in_the_way(self, gate: Gate) -> bool:
        now_ms = self.tools.clock.now_ms()
        return not all(opening_of(gate, model, now_ms).is_open for model in ("", *gate.models))

    async def _clear(self, lane: str, gates: Mapping[str, Gate]) -> None:
        """Move those who wait in *lane*, batch by batch; what a later one finds was not moved by one before."""
        due = self.tools.clock.now() + SOON
        routes = await self._leading_on(lane, gates, due)
        cursor: tuple[int, str] | None = START if routes else None
        spare = lane in gates and gates[lane].state != "closed" and gates[lane].accepting
        while cursor is not None:
            tasks, cursor = await self.tools.sweeps.routed_in(lane, cursor, due, BATCH, routes)
            owed = await OwedVoids(self.tools.queue.connection).among([task.id for task in tasks])
            going = (self._move(task, gates) for task in tasks if task.id not in owed)  # who is, the sweep voids
            moves = [move for move in going if move is not None]
            spared, spare = (moves[:1], False) if spare and moves else ([], spare)
            moved = await self.tools.register.carry_out_all(moves[len(spared) :])
            if moved:
                log.info("waiting_tasks_rerouted", lane=lane, count=moved)
            await self.tools.queue.claim_sweep(self.tools.lease.worker, LEASE_S, "diverter")

    async def _leading_on(self, lane: str, gates: Mapping[str, Gate], due: datetime) -> set[str]:
        """Return the routes of those who wait in *lane* that may lead some of them on.

        Where every target is shut nobody's task is read: that may be so for a night, with very many that wait.
        """
        now_ms, routes = self.tools.clock.now_ms(), set[str]()
        cursor: tuple[int, str] | None = START
        while cursor is not None:
            there, cursor = await self.tools.sweeps.routes_in(lane, cursor, due, GLIMPSED)
            routes |= {each.name for each in there if _leads_on(each, gates, now_ms)}
            await self.tools.queue.claim_sweep(self.tools.lease.worker, LEASE_S, "diverter")
        return routes

    def _move(self, task: Task, gates: Mapping[str, Gate]) -> Rerouted | None:
        now = self.tools.clock.now()
        openings = _openings(task.route.targets if task.route else (), gates, self.tools.clock.now_ms())
        onward = while_waiting(task, openings, self.tools.policy, now)
        return None if onward is None else Rerouted(task=task, at=now, onward=onward)


def _leads_on(there: RouteThere, gates: Mapping[str, Gate], now_ms: int) -> bool:
    """Tell whether `while_waiting` may lead a task on that is there."""
    openings = [
        opening_of(gates[lane], model, now_ms) if lane in gates else NO_LANE for lane, model in there.targets
    ]
    own = openings[there.place] if there.place < len(openings) else NO_LANE
    return any(each.is_open for each in openings) and (there.has_wishes or not own.is_open)


async def _look(gates: Gates, lanes: Iterable[str]) -> dict[str, Gate]:
    names = list(lanes)
    return dict(zip(names, await asyncio.gather(*map(gates.look, names)), strict=True))


def _openings(targets: Sequence[RoutedTarget], gates: Mapping[str, Gate], now_ms: int) -> list[Opening]:
    found = [(target, gates.get(target.lane)) for target in targets]
    return [NO_LANE if gate is None else opening_of(gate, target.model, now_ms) for target, gate in found]
