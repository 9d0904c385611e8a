"""From a job to pictures: which calls are made, and what becomes of each picture."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import attrs

from danqing_plugins import (
    AccountProblem,
    Call,
    ContentRejected,
    InvalidRequest,
    Job,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Result,
    Run,
    Unavailable,
)
from danqing_plugins.kit.links import link_of
from danqing_plugins.kit.orders import heaviest
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.answer import Ended, Failed, Made, News, Refused, Unread
from danqing_providers.volcengine.catalogue import AUTO_SIZE, Model, Pricing
from danqing_providers.volcengine.exchange import Exchange
from danqing_providers.volcengine.failures import DOWNLOAD_TIMEOUT, MODERATION_FAILED
from danqing_providers.volcengine.wire import body_of, fingerprint_of, is_group

__all__ = ["Generation"]

CALLS_AT_ONCE: Final = 4
_SIZE: Final = re.compile(r"[0-9]{1,5}x[0-9]{1,5}")
_FINAL = (InvalidRequest, ContentRejected)
_STOPPING = (AccountProblem, RateLimited, Unavailable)


@attrs.define(eq=False)
class _Tally:
    """What one call has brought so far."""

    made: int = 0
    covered: set[int] = attrs.field(factory=set)
    left: PluginError | None = None
    rejected: PluginError | None = None
    unread: OutcomeUnknown | None = None
    stopped: bool = False
    details: dict[int, Mapping[str, Any]] = attrs.field(factory=dict)


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out. `pricing` is that of the model, None where it is not known."""

    job: Job
    run: Run
    model: Model
    exchange: Exchange
    pricing: Pricing | None = None
    _images: list[str] = attrs.field(factory=list, init=False)
    _details: dict[int, Mapping[str, Any]] = attrs.field(factory=dict, init=False)

    async def carry_out(self) -> Result | None:
        """Make every missing picture.

        Raises:
            PluginError: some are still missing, and what that means.
        """
        missing = self.run.missing
        if not missing:
            return None
        await self._read_references()
        try:
            if self.job.outputs == 1 or self._in_one_call:
                await self._make(missing)
            else:
                await self._make_each(missing)
        except Unavailable as error:
            raise self._given_up(error) from error
        return self._result()

    @property
    def _in_one_call(self) -> bool:
        return is_group(self.job.input) or bool(self.job.input.get("layer_decomposition"))

    async def _read_references(self) -> None:
        self._images += [await link_of(self.run, reference) for reference in self.job.references]

    async def _make_each(self, missing: Sequence[int]) -> None:
        """Make independent pictures, some at once; the trouble of one does not end the calls of the others."""
        slots = asyncio.Semaphore(CALLS_AT_ONCE)
        troubles: list[PluginError] = []

        async def make(index: int) -> None:
            async with slots:
                if any(isinstance(trouble, _STOPPING) for trouble in troubles):
                    return
                try:
                    await self._make([index])
                except _FINAL as error:
                    await self.run.reject(index, error)
                except PluginError as error:
                    troubles.append(error)

        outcomes = await asyncio.gather(*(make(index) for index in missing), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        if troubles:
            raise heaviest(troubles)

    async def _make(self, indexes: Sequence[int]) -> None:
        """Make the pictures *indexes* with one call, and deliver each as it comes."""
        name = self.model.name_for(self.job.model, overseas=self.exchange.endpoint.overseas)
        body = body_of(name, self.job.input, indexes)
        fingerprint = fingerprint_of(body, self.job.references)
        if self._images:
            body["image"] = self._images if len(self._images) > 1 else self._images[0]
        tally = _Tally()
        async with self.run.call(indexes, fingerprint) as call:
            try:
                async with aclosing(self.exchange.send(body, call, len(indexes))) as answer:
                    async for news in answer:
                        await self._take(news, indexes, tally, call)
            except OutcomeUnknown:
                # What breaks after every picture was told of takes nothing away.
                if not tally.covered.issuperset(indexes):
                    raise
            await self._settle(indexes, tally, call)
        if tally.left is not None:
            raise tally.left

    async def _take(self, news: News, indexes: Sequence[int], tally: _Tally, call: Call) -> None:
        if isinstance(news, Ended):
            call.usage = news.usage
        elif isinstance(news, Refused):
            tally.left, tally.stopped = news.error, True
        elif isinstance(news, Unread):
            tally.unread = tally.unread or news.error
        elif (index := _place(news.position, indexes, tally.covered)) is not None:
            tally.covered.add(index)
            await self._take_picture(news, index, tally)

    async def _take_picture(self, news: Made | Failed, index: int, tally: _Tally) -> None:
        if isinstance(news, Made):
            tally.made += 1
            tally.details[index] = news.details
            await self.run.deliver(index, news.source)
            await self._tell_progress(index)
        else:
            await self._take_failure(news, index, tally)

    async def _take_failure(self, news: Failed, index: int, tally: _Tally) -> None:
        error = news.error
        if isinstance(error, _STOPPING):
            # Left missing, for another attempt. Ark goes on with the rest only where moderation itself failed.
            tally.left = tally.left or error
            tally.stopped = tally.stopped or error.code != MODERATION_FAILED
        else:
            tally.rejected = tally.rejected or error
            if self.job.outputs > 1 and self._in_one_call:
                await self.run.reject(index, error)

    async def _settle(self, indexes: Sequence[int], tally: _Tally, call: Call) -> None:
        """End the call: with an error when it brought nothing, so that it does not count as billed.

        What Ark says it left undone after some pictures is unbilled too, and may be asked for again.
        Source: volcengine.com/docs/82379/1541523, "usage.generated_images", read 2026-11-23.
        """
        self._details.update(tally.details)
        call.cost_micro = self._cost_of(tally)
        rest = [index for index in indexes if index not in tally.covered]
        if tally.unread is not None and rest:
            raise tally.unread
        if not tally.made:
            error = tally.left or tally.rejected
            if error is not None:
                raise error
            raise OutcomeUnknown(texts.NO_PICTURE_LEFT(), code="unreadable_answer")
        if isinstance(tally.left, _STOPPING):
            call.release([index for index in indexes if index in self.run.missing])
        if rest and not tally.stopped:
            await self.run.omit(rest)

    def _cost_of(self, tally: _Tally) -> int | None:
        """Return what pictures cost whose size was the model's to choose; None: as was estimated."""
        if self.pricing is None or self.job.input.get("size") != AUTO_SIZE:
            return None
        sizes = [str(details.get("size")) for details in tally.details.values()]
        if not all(map(_SIZE.fullmatch, sizes)):
            return None
        return sum(self.pricing.of(size, len(self.job.references)) for size in sizes)

    async def _tell_progress(self, index: int) -> None:
        done = self.job.outputs - len([missing for missing in self.run.missing if missing != index])
        if done < self.job.outputs:
            await self.run.progress(done / self.job.outputs)

    def _given_up(self, error: Unavailable) -> PluginError:
        """Return *error*, or a final one: a reference that Ark could not fetch is tried twice, no more."""
        if error.code == DOWNLOAD_TIMEOUT and self.job.attempt > 1:
            return InvalidRequest(error.message, code=error.code, request_id=error.request_id)
        return error

    def _result(self) -> Result | None:
        """Return where the layers of a picture lie, by index; other pictures need no data beside them."""
        if not self.job.input.get("layer_decomposition"):
            return None
        return Result(output={"layers": {str(index): dict(each) for index, each in sorted(self._details.items())}})


def _place(position: int, indexes: Sequence[int], covered: Collection[int]) -> int | None:
    """Return the index that picture *position* of a call stands for; None when it was told already.

    One that is counted otherwise than from 0 is paid for all the same: it takes the first free place.
    """
    if 0 <= position < len(indexes):
        return indexes[position] if indexes[position] not in covered else None
    return next((index for index in indexes if index not in covered), None)
