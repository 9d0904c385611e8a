"""The hooks: every place where the server asks its plugins.

All hooks are plain functions. Those that start work return an awaitable, made lazily, so that a wrapper can
replace it (see `danqing_plugins.wrapping`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from danqing_plugins.catalogue import ProviderInfo
from danqing_plugins.events import TaskEvent
from danqing_plugins.markers import hookspec
from danqing_plugins.models import (
    FoundOrder,
    Job,
    LostCall,
    NeverPlaced,
    PluginContext,
    Prepared,
    Request,
    Result,
    Sandbox,
)
from danqing_plugins.run import Run

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = [
    "danqing_cancel_order",
    "danqing_configure",
    "danqing_find_order",
    "danqing_generate",
    "danqing_prepare",
    "danqing_prove_account",
    "danqing_providers",
    "danqing_sandbox",
    "danqing_start",
    "danqing_stop",
    "danqing_task_event",
]


@hookspec
def danqing_configure(context: PluginContext) -> None:
    """Read your settings; called once in every process, before anything else. New in 0.1.

    Raising `ConfigurationError` refuses the start with its message.
    """


@hookspec
def danqing_providers() -> Sequence[ProviderInfo] | None:
    """List the providers you bring, or None; called once, after `danqing_configure`. New in 0.1.

    Two plugins that bring a provider of the same name are an error at start.
    """


@hookspec
def danqing_sandbox() -> Sandbox | None:
    """Name the simulator to start beside the server, or None when calls go to the real service. New in 0.1.

    Called once in the supervising process and by `danqing sandbox`.
    """


@hookspec(firstresult=True)
def danqing_prepare(request: Request) -> Prepared | None:
    """Check a submission; None when `request.provider` is not yours. Called once per submission. New in 0.1.

    Must not block and must not do any I/O. Raises `InvalidRequest`, with one `Problem` per wrong field: the client
    gets 400 and nothing is queued.
    """


@hookspec(firstresult=True)
def danqing_generate(job: Job, run: Run) -> Awaitable[Result | None] | None:
    """Carry out a task; None when `job.provider` is not yours. Called once per attempt. New in 0.1.

    Returns an awaitable whose coroutine is made when it is awaited. May answer only for providers that the same
    plugin listed. A wrapper (`wrapper=True`) sees every generation of every provider.
    """


@hookspec(firstresult=True)
def danqing_find_order(job: Job, run: Run, lost: LostCall) -> Awaitable[FoundOrder | NeverPlaced | None] | None:
    """Ask the service what became of a call whose answer was lost; None when it is not yours. New in 0.2.

    Called for models that say `finds_orders`, when the next attempt starts and before any policy decides. The
    awaitable gives None when the service cannot tell; it costs nothing and must open no `run.call`. Raising
    `Unavailable` or `RateLimited` has it asked again.
    """


@hookspec(firstresult=True)
def danqing_cancel_order(job: Job, run: Run) -> Awaitable[bool] | None:
    """Ask the service to drop the order in `run.saved`; None when `job.provider` is not yours. New in 0.2.

    Called when its user cancelled the task, beside `danqing_generate`, and once more for an order whose call was
    under way then. The awaitable gives True when the service did and charges nothing: the generation is cut then,
    and what was saved is forgotten. Of a task that was deleted meanwhile `job` may have neither input, references
    nor user.
    """


@hookspec(firstresult=True)
def danqing_prove_account(provider: str, session: ClientSession) -> Awaitable[bool] | None:
    """Ask the service something free that needs the key; None when *provider* is not yours. New in 0.2.

    Called by `danqing doctor`. The awaitable gives True when the service took the key, False when there is nothing
    to try it with, and raises `AccountProblem` when it did not, `Unavailable` when it could not be asked.
    """


@hookspec
def danqing_start() -> Awaitable[None] | None:
    """Open what you need (connections, caches); called once in each serving process. New in 0.1.

    Raising, or taking longer than 30 s, makes the plugin's providers unavailable in that process, and is reported;
    the server goes on.
    """


@hookspec
def danqing_stop() -> Awaitable[None] | None:
    """Close what `danqing_start` opened; called once, after the last task of the process ended. New in 0.1."""


@hookspec
def danqing_task_event(event: TaskEvent) -> Awaitable[None] | None:
    """Hear of a task's change of status, soon after it is stored. New in 0.1.

    Told at least once: soon and in order by the process that made the change, one at a time, each for ten seconds
    at most; nobody waits for it. What that process did not tell, because it died or a thousand others waited, is
    told later, by any process, with the same `event.id`. What the hook raises is logged, and counts as heard.
    """
