"""An order that DashScope took: its id, saved in the task, and how its end is waited for.

Source: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks (20 questions a second for a whole account;
results are kept for 24 hours), dashscope 2.0.2 `client/base_api.py` (asks after 1 s, doubling every third time up
to 5 s), and the video pages, which advise 15 s; read 2026-11-28.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import RateLimited, Run, Unavailable
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope.answers import OrderState, output_of, state_of

__all__ = ["IMAGE_PACE", "VIDEO_PACE", "Order", "Pace", "look", "wait"]

NOT_YET_KNOWN_S: Final = 30.0
"""How long an order that was just taken may be unknown to the question for it."""

_STEPS: Final = 3


@attrs.frozen(kw_only=True)
class Order:
    """`id` is DashScope's `task_id`; `indexes` the outputs it was placed for; `placed_s` when, in Unix time."""

    id: str
    indexes: tuple[int, ...]
    placed_s: float

    @property
    def saved(self) -> dict[str, Any]:
        """What is saved of it: JSON."""
        return {"order": {"id": self.id, "indexes": list(self.indexes), "placed_s": self.placed_s}}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Order | None:
        """Return the order that was saved; None: there is none."""
        found = saved.get("order")
        if not isinstance(found, Mapping):
            return None
        return cls(id=found["id"], indexes=tuple(found["indexes"]), placed_s=found["placed_s"])


@attrs.frozen(kw_only=True)
class Pace:
    """How often an order is asked for: after `first_s`, doubling every third time up to `most_s`."""

    first_s: float
    most_s: float

    def wait_s(self, asked: int) -> float:
        """Return how long to wait after having asked *asked* times."""
        return min(self.most_s, float(self.first_s * 2 ** (asked // _STEPS)))


IMAGE_PACE: Final = Pace(first_s=1.0, most_s=5.0)
VIDEO_PACE: Final = Pace(first_s=5.0, most_s=15.0)


async def look(service: Service, run: Run, id_: str, prompt: str = "") -> Answer:
    """Ask where the order *id_* stands. Raises: PluginError, which says nothing of the order."""
    return await service.get(run.session, f"/tasks/{id_}", prompt=prompt)


async def wait(service: Service, run: Run, order: Order, pace: Pace) -> Answer:
    """Return the answer in which the order has come to an end.

    A question that fails is asked again, until the task's deadline cancels it: the order goes on meanwhile.

    Raises:
        AccountProblem: the key is no longer taken.
    """
    asked = 0
    while True:
        pause_s = pace.wait_s(asked)
        asked += 1
        try:
            answer = await look(service, run, order.id)
        except (Unavailable, RateLimited) as error:
            pause_s = max(pace.most_s, error.retry_after_s or 0.0)
        else:
            state = state_of(answer.document)
            if state is OrderState.UNKNOWN and time.time() - order.placed_s < NOT_YET_KNOWN_S:
                state = OrderState.LIVE
            if state is not OrderState.LIVE:
                return answer
            await _tell(run, answer)
        await asyncio.sleep(pause_s)


async def _tell(run: Run, answer: Answer) -> None:
    metrics = output_of(answer.document).get("task_metrics")
    if isinstance(metrics, Mapping):
        total, done = metrics.get("TOTAL"), metrics.get("SUCCEEDED")
        if isinstance(total, int) and isinstance(done, int) and 0 < done < total:
            await run.progress(done / total)
