"""The author's whole world while a task runs: `run`, and the paid calls it opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from danqing_plugins.errors import PluginError
from danqing_plugins.models import Reference, ReferenceData, Source

if TYPE_CHECKING:  # half of what importing this package would cost
    import aiohttp

__all__ = ["Call", "Log", "Run"]


class Log(Protocol):
    """A structured logger; never pass it prompts, keys or signed URLs."""

    def info(self, event: str, **fields: object) -> object:
        """Write one line about something expected."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """Write one line about something an operator may want to know."""
        ...


class Call(Protocol):
    """One paid upstream call, open while its `async with` block runs.

    `id` is unique within its task. Set `request_id` as soon as the service names one. `usage` is added to the
    task's usage when the block ends. `cost_micro` is what that usage says the call cost, in millionths of the
    currency of the task's price; None: as estimated at its submission.
    """

    id: str
    request_id: str | None
    usage: Mapping[str, Any]
    cost_micro: int | None

    def release(self, indexes: Sequence[int]) -> None:
        """Take pictures out of this call that the service said it neither made nor billed; another may be sent."""
        ...


class Run(Protocol):
    """What a provider may do with the task it is carrying out. Every method may raise `asyncio.CancelledError`."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The process's HTTP session: no cookies, no proxy from the environment, no total timeout of its own."""
        ...

    @property
    def log(self) -> Log:
        """A logger that already carries the task's id."""
        ...

    @property
    def delivered(self) -> frozenset[int]:
        """The indexes that need no further call: kept, on their way into storage, or failed for good."""
        ...

    @property
    def missing(self) -> tuple[int, ...]:
        """The indexes still to be made, ascending: `range(job.outputs)` without `delivered`."""
        ...

    @property
    def saved(self) -> Mapping[str, Any]:
        """What `checkpoint` saved last, in this or an earlier attempt; empty when nothing was."""
        ...

    @property
    def remaining_s(self) -> float:
        """Seconds until the task's deadline; at 0 the run is cancelled."""
        ...

    def call(self, indexes: Sequence[int], fingerprint: str) -> AbstractAsyncContextManager[Call]:
        """Open one paid upstream call for the pictures *indexes*; wrap **every** paid request in it.

        The attempt is on disk before the block is entered. When the block ends without an exception the call was
        answered; with `RateLimited`, `Unavailable`, `InvalidRequest`, `ContentRejected` or `AccountProblem` it was
        not billed; with anything else, cancellation included, its outcome is unknown and possibly billed.

        Args:
            indexes: the pictures this call is for, from 0.
            fingerprint: a hash of the request that goes out, to recognise a repeat.

        Raises:
            OutcomeUnknown: the policy allows no further call for these pictures.
            Unavailable: the server may start no call now (its lease is in doubt, or it is stopping).
        """
        ...

    async def deliver(self, index: int, source: Source) -> None:
        """Keep picture *index*: save its URL, then fetch, check and store it.

        Returns once the URL or the bytes are safe; fetching a URL goes on beside the provider. A picture
        that is delivered already is ignored.
        """
        ...

    async def reject(self, index: int, error: PluginError) -> None:
        """Record that picture *index* of a larger order failed for good, while the others go on."""
        ...

    async def omit(self, indexes: Sequence[int]) -> None:
        """Record that the service chose to make fewer pictures: *indexes* will not come, and that is no error."""
        ...

    async def settle(self, indexes: Sequence[int], error: PluginError) -> None:
        """Record that the order for the pictures *indexes* came to nothing, after its call had ended.

        An order is a call inside whose block `checkpoint` was called. *error* says whether it was billed, as if the
        call had ended with it. Its pictures stay missing: make another call, `reject` them, or raise *error*.
        """
        ...

    async def charge(
        self, indexes: Sequence[int], cost_micro: int | None, usage: Mapping[str, Any] | None = None
    ) -> None:
        """Tell what the service says that the order for the outputs *indexes* cost, after its call had ended.

        As `Call.cost_micro` and `Call.usage`; written down with the outputs that are delivered next. None: as was
        estimated.
        """
        ...

    async def progress(self, fraction: float) -> None:
        """Tell the watchers how far it is, from 0 to 1. Told at most once a second."""
        ...

    async def preview(self, index: int, source: Source) -> None:
        """Show the watchers output *index* as far as it is made; nothing of it is kept when the output is here.

        At best one a second is shown, and none that is no picture. Never an error.
        """
        ...

    async def checkpoint(self, data: Mapping[str, Any]) -> None:
        """Save *data* (JSON values), durably; `saved` gives it back after a crash. Save upstream task ids here.

        Inside a call's block it also says that the call is an order, whose outcome can be asked for later: whatever
        cuts the call then, its outcome is not unknown, and the next attempt goes on from `saved` without another
        paid call. It counts as billed once its pictures are delivered, and as may-be-billed before; see `settle`.

        Raises:
            ValueError: *data* has more than 256 KiB as JSON, or holds what cannot be stored.
        """
        ...

    async def extend(self, seconds: float) -> None:
        """Ask for time: the task's deadline becomes *seconds* from now, unless it is later already.

        For work that the client asked the service to do slowly. Each attempt has to ask again: a start brings the
        deadline back to the server's own. The most is a week.
        """
        ...

    async def open_reference(self, reference: Reference) -> ReferenceData:
        """Read a reference: from our storage, or from its URL when that is a public address.

        Raises:
            InvalidRequest: it is gone, too large, no picture, or its address is not public.
        """
        ...
