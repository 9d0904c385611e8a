"""Named steps of a task's way, at which a serving process under test kills itself. The product knows none of it.

The file whose path `CHAOS_ARMED` gives holds `before|after:<step>`. The first process that comes to that step takes
the file away, so that it strikes once, and dies by SIGKILL.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Callable
from typing import Any

__all__ = ["STEPS", "install"]

STEPS = {
    "submit.claim_key": "danqing_server.store.keys:KeyStore.claim",
    "submit.insert": "danqing_server.store.tasks:TaskStore.insert_many",
    "submit.push": "danqing_server.desk.intake:Intake._queue",
    "submit.push_and_reserve": "danqing_server.queue.lanes:Queue.push_and_reserve",
    "work.reserve": "danqing_server.queue.lanes:Queue.reserve",
    "work.start": "danqing_server.store.tasks:TaskStore.start",
    "work.save": "danqing_server.worker.ledger:Ledger.save",
    "work.send": "danqing_providers.volcengine.exchange:Exchange._post",
    "work.deliver": "danqing_server.worker.run:TaskRun.deliver",
    "work.keep": "danqing_server.assets.storage:Assets.keep",
    "work.conclude": "danqing_server.worker.attempt:Execution._conclude",
    "work.apply": "danqing_server.store.tasks:TaskStore.apply",
    "work.acknowledge": "danqing_server.queue.lanes:Queue.acknowledge",
    "work.release": "danqing_server.queue.lanes:Queue.release",
    "heal.held_by": "danqing_server.store.tasks:TaskStore.held_by",
    "heal.take_over": "danqing_server.worker.janitor:take_over",
    "heal.give_back": "danqing_server.queue.lanes:Queue.give_back",
    "heal.remove_worker": "danqing_server.store.leases:WorkerStore.remove",
    "heal.push_many": "danqing_server.queue.lanes:Queue.push_many",
    "heal.mark_known": "danqing_server.queue.lanes:Queue.mark_known",
}
"""Each step's name and the coroutine function that carries it out, as `module:name`."""


def install(armed: str) -> None:
    """Wrap every step."""
    for name, place in STEPS.items():
        module_name, _, path = place.partition(":")
        owner: Any = importlib.import_module(module_name)
        *parents, last = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, last, _wrapped(name, getattr(owner, last), armed))


def _wrapped(name: str, step: Callable[..., Any], armed: str) -> Callable[..., Any]:
    @functools.wraps(step)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        _die_if_armed(armed, f"before:{name}")
        answer = await step(*arguments, **named)
        _die_if_armed(armed, f"after:{name}")
        return answer

    return wrapped


def _die_if_armed(armed: str, point: str) -> None:
    try:
        with open(armed) as file:
            if file.read().strip() != point:
                return
        os.rename(armed, f"{armed}.struck")
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
