"""How often a service is asked how far it is: at its own pace, and through a few questions that fail.

A question costs nothing, so that one that fails is asked again. What is found is one of four things: `Working`,
`Made`, `Failed`, or an error of the question itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins.errors import AccountProblem, PluginError, RateLimited, Unavailable
from danqing_plugins.models import Source

__all__ = ["Failed", "Found", "Made", "Pace", "Working", "of_the_question", "poll_until_settled"]


@attrs.frozen(kw_only=True)
class Working:
    """It is not done. `fraction` is how far it is, None when unknown; `pause_s` the service's own wish to wait."""

    fraction: float | None = None
    pause_s: float | None = None


@attrs.frozen(kw_only=True)
class Made:
    """It is done: `outputs` in the order in which they were asked for, an error in the place of one that failed.

    Fewer than were asked for: the service chose to make fewer. `output` is data beside them (a text, say), `usage`
    the service's own count, `cost_micro` what that says it cost (see `Call.cost_micro`), None: as was estimated.
    """

    outputs: Sequence[Source | PluginError] = ()
    output: Mapping[str, Any] = attrs.field(factory=dict)
    usage: Mapping[str, Any] = attrs.field(factory=dict)
    cost_micro: int | None = None


@attrs.frozen
class Failed:
    """It came to nothing; the error says whether it was billed, as if the call had ended with it."""

    error: PluginError


Found = Working | Made | Failed


@attrs.frozen(kw_only=True)
class Pace:
    """`first_s` before the first question, then `growth` times longer each time, up to `longest_s`.

    `tolerated` is how many questions in a row may fail before the attempt is given up; the order is not, and the
    next attempt goes on with it.
    """

    first_s: float = 1.0
    growth: float = 1.5
    longest_s: float = 10.0
    tolerated: int = 8

    def after(self, pause_s: float) -> float:
        """Return the pause that follows one of *pause_s*."""
        return min(self.longest_s, max(self.first_s, pause_s * self.growth))


def of_the_question(error: PluginError) -> Unavailable:
    """Return what *error* is where a question met it, and it says nothing of the work: that is asked for again."""
    return Unavailable(error.message, code=error.code, request_id=error.request_id)


async def poll_until_settled(
    ask: Callable[[], Awaitable[Found]],
    pace: Pace,
    *,
    at_once: bool = False,
    tell: Callable[[float], Awaitable[None]] | None = None,
) -> Made | Failed:
    """Ask until it is `Made` or `Failed`; *tell* hears each fraction. *at_once* asks before the first pause.

    What `ask` raises is about the question when it is `Unavailable`, `RateLimited` or `AccountProblem`, or a
    refusal for which the service named no reason that its table knows; and about the work itself when it is
    anything else: that is `Failed`. A cancellation passes, as at the run's deadline.

    Raises:
        Unavailable, RateLimited: too many questions in a row failed.
        AccountProblem: the key is refused, or (when that is not certain) too many questions in a row were.
    """
    failures, pause_s, wish_s = 0, pace.first_s, 0.0
    if at_once:
        pause_s = 0.0
    while True:
        await asyncio.sleep(max(pause_s, wish_s))
        pause_s, wish_s = pace.after(pause_s), 0.0
        try:
            found = await ask()
        except PluginError as error:
            if not error.of_question and not isinstance(error, Unavailable | RateLimited | AccountProblem):
                return Failed(error)
            failures += 1
            if failures > pace.tolerated or (isinstance(error, AccountProblem) and error.certain):
                if error.of_question:
                    raise of_the_question(error) from error
                raise
            wish_s = error.retry_after_s or 0.0
            continue
        failures = 0
        if not isinstance(found, Working):
            return found
        wish_s = found.pause_s or 0.0
        if found.fraction is not None and tell is not None:
            await tell(found.fraction)
