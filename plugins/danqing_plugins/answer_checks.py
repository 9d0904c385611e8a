"""What the conformance kit asks of a paid request whose answer does not come: it is sent once, and is in doubt.

A trace of the session that the provider is given stands between it and its service. It hears what leaves while a
paid call is open and nothing of it is saved, and takes the answer away: the service has worked, and may have
billed. What leaves otherwise than through `run.session` is not heard.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Final

import aiohttp
import attrs
from yarl import URL

from danqing_plugins.cutting import PATIENCE_S, generate
from danqing_plugins.outcomes import CallOutcome
from danqing_plugins.provider import Provider
from danqing_plugins.recording import RecordedCall, RecordingRun

__all__ = ["check_lost_answer"]

BUSY: Final = 503
REPEAT_KEY: Final = "idempotency-key"
"""A header that ends so has the service take a repeat for what it is: it may be sent again."""


async def check_lost_answer(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a paid request whose answer is lost, or is a 503: within its call it is not sent again.

    A call whose answer was lost is in doubt: nobody knows that it was not billed.
    """
    if run.http is None:
        return
    whole = _Wire(run.anew())
    with whole.tapped(run.http):
        await generate(provider, whole.run)
    if whole.paid is None or whole.is_told_apart:
        return
    for status in (None, BUSY):
        wire = _Wire(run.anew(), cut=whole.paid, status=status)
        with wire.tapped(run.http):
            await _give_up(provider, wire)
        _require_sent_once(wire)
        if status is None and wire.taken == len(wire.run.calls):
            _require_doubt(wire)


@attrs.define(eq=False)
class _Wire:
    """Hears the paid requests of *run*, and takes the answers of those to *cut*; with a *status* they come with it.

    `paid` is where the last of them went. `taken` counts the answers that were taken, `again` is set when more
    requests of one kind were sent than there were calls. `is_told_apart`: they bear a key by which the service
    knows a repeat.
    """

    run: RecordingRun
    cut: URL | None = attrs.field(default=None, kw_only=True)
    status: int | None = attrs.field(default=None, kw_only=True)
    paid: URL | None = attrs.field(default=None, init=False)
    taken: int = attrs.field(default=0, init=False)
    again: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    is_told_apart: bool = attrs.field(default=False, init=False)
    sent: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)

    @contextmanager
    def tapped(self, session: aiohttp.ClientSession) -> Iterator[None]:
        """Listen to *session* while the block lasts."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begin)
        trace.on_request_chunk_sent.append(self._hear)
        trace.on_request_end.append(self._end)
        trace.freeze()
        session.trace_configs.append(trace)
        try:
            yield
        finally:
            session.trace_configs.remove(trace)

    async def _begin(
        self, _: aiohttp.ClientSession, heard: SimpleNamespace, told: aiohttp.TraceRequestStartParams
    ) -> None:
        heard.is_paid = told.method == "POST" and any(map(_is_unsaved, self.run.calls))
        heard.body, heard.length = hashlib.sha256(), 0

    async def _hear(
        self, _: aiohttp.ClientSession, heard: SimpleNamespace, told: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        heard.body.update(told.chunk)
        heard.length += len(told.chunk)

    async def _end(
        self, _: aiohttp.ClientSession, heard: SimpleNamespace, told: aiohttp.TraceRequestEndParams
    ) -> None:
        if not heard.is_paid or told.response.status >= 400:
            return
        self.paid = told.url
        headers = told.response.request_info.headers
        self.is_told_apart |= any(name.lower().endswith(REPEAT_KEY) for name in headers)
        if told.url != self.cut:
            return
        is_form = headers.get("Content-Type", "").startswith("multipart/")  # each has a boundary of its own
        kind = (str(told.url), str(heard.length) if is_form else heard.body.hexdigest())
        self.sent[kind] += 1
        self.taken += 1
        if self.sent[kind] > len(self.run.calls):
            self.again.set()
        if self.status is None:
            raise aiohttp.ServerDisconnectedError
        told.response.status = self.status


def _is_unsaved(call: RecordedCall) -> bool:
    return not call.answered and call.ended_by is None and not call.resumable


async def _give_up(provider: Provider, wire: _Wire) -> None:
    """Carry the job out as far as it goes, or until a request is sent again."""

    async def work() -> None:
        with suppress(Exception):  # what it ends with stands with its calls
            await generate(provider, wire.run)

    waits = {asyncio.create_task(work()), asyncio.create_task(wire.again.wait())}
    await asyncio.wait(waits, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()
    await asyncio.wait(waits, timeout=PATIENCE_S)


def _require_sent_once(wire: _Wire) -> None:
    what = "was lost" if wire.status is None else f"was a {wire.status}"
    assert not wire.again.is_set(), (
        f"the answer to a paid request {what}, and it was sent again inside the same run.call: each is a purchase "
        "of its own; raise what it means, or put every repeat into a run.call"
    )


def _require_doubt(wire: _Wire) -> None:
    known = [call for call in wire.run.calls if not call.resumable and call.outcome is not CallOutcome.UNKNOWN]
    said = sorted({f"{call.outcome} ({call.ended_by or 'no error'})" for call in known})
    assert not known, (
        f"the answer to a paid request was lost, and its call counts as {', '.join(said)}: nobody knows that; "
        "raise OutcomeUnknown, or let the connection's error pass"
    )
