"""How lanes stand, as far as it is the caller's business.

Who oversees the server is told all of it. A project is told what it has in a lane itself: from what others have,
and how much of it is done, it could tell who works when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from danqing_server.access.caller import Caller
from danqing_server.desk.forecast import Explanation, Forecast, LaneView
from danqing_server.queue.gates import Throughput
from danqing_server.store.tasks import TaskStore

__all__ = ["explanation_for", "views_for"]


async def views_for(
    caller: Caller, forecast: Forecast, store: TaskStore, lanes: Sequence[str]
) -> Sequence[LaneView]:
    """Return how each of *lanes* stands. Raises QueueUnavailable, StoreUnavailable."""
    views = await asyncio.gather(*(forecast.look(name) for name in lanes))
    if caller.oversees:
        return views
    own = await asyncio.gather(*(forecast.queue.depth_of(name, caller.owner) for name in lanes))
    running = await store.count_running(caller.reach)
    return [
        LaneView(
            depth=attrs.evolve(depth, held=running.get(name, 0)),
            gate=view.gate,
            throughput=Throughput(per_s=None, mean_s=view.throughput.mean_s),
        )
        for name, depth, view in zip(lanes, own, views, strict=True)
    ]


def explanation_for(caller: Caller, explanation: Explanation) -> Explanation:
    """Return an explanation without others' part in it: only when a task may begin depends on how busy all are."""
    if caller.oversees:
        return explanation
    waiting_for = explanation.waiting_for
    if waiting_for == "turn" and not explanation.own_position:
        waiting_for = "worker"  # they are busy with others
    return attrs.evolve(explanation, lane_position=None, waiting_for=waiting_for)
