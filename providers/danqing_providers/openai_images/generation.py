"""From a job to pictures: which calls are made, and what becomes of each picture.

The service has no ids to ask by: a call whose answer is lost stays unknown, and what came is delivered inside its
block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
    ReferenceData,
    Result,
    Run,
    Source,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.kit.documents import Form, read_object
from danqing_plugins.kit.http import Reply, Service
from danqing_plugins.kit.sources import source_of
from danqing_providers.openai_images import texts
from danqing_providers.openai_images.answers import items_of, usage_of, was_taken_back
from danqing_providers.openai_images.failures import service_of
from danqing_providers.openai_images.prepare import calls_of, images_of, mask_of
from danqing_providers.openai_images.prices import cost_micro
from danqing_providers.openai_images.values import Model, Preset
from danqing_providers.openai_images.wire import Order, Pictures, fingerprint_of, order_of

__all__ = ["Generation"]

CALLS_AT_ONCE: Final = 4
LARGEST_PICTURE_BYTES: Final = 64 * 1024 * 1024
AROUND_BYTES: Final = 1024 * 1024
BROKEN_STREAM: Final = 500
"""The status that an error inside a stream is read as: its own is 200, and the work had begun."""

_STOPPING = (AccountProblem, RateLimited, Unavailable)
_FINAL = (InvalidRequest, ContentRejected)
_WEIGHT: Final = (AccountProblem, RateLimited, Unavailable, OutcomeUnknown, PluginError)
"""Which error of several tells best what should follow."""


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out."""

    job: Job
    run: Run
    preset: Preset
    model: Model
    service: Service
    _pictures: Pictures = attrs.field(factory=Pictures, init=False)

    async def carry_out(self) -> Result | None:
        """Make every missing picture.

        Raises:
            PluginError: some are still missing, and what that means.
        """
        missing = self.run.missing
        if not missing:
            return None
        self._pictures = await self._read_references()
        calls = calls_of(self.preset, self.model, self.job.input, missing)
        if len(calls) == 1 and self.job.outputs == len(missing):
            await self._make(calls[0])
        else:
            await self._make_each(calls)
        return None

    async def _read_references(self) -> Pictures:
        """Return the pictures that go out: as bytes, or by URL where the service fetches for itself."""
        references, knobs = self.job.references, self.preset.knobs
        by_url = knobs.references != "multipart" and not knobs.raw_base64
        images: list[ReferenceData | str] = []
        for reference in images_of(references):
            if by_url and reference.asset is None and reference.url is not None:
                images.append(reference.url)
            else:
                images.append(await self.run.open_reference(reference))
        mask = mask_of(references)
        read = None if mask is None else await self.run.open_reference(mask)
        return Pictures(images=tuple(images), mask=read)

    async def _make_each(self, calls: Sequence[Sequence[int]]) -> None:
        """Make some calls at once; the trouble of one does not end the others that are under way."""
        slots = asyncio.Semaphore(CALLS_AT_ONCE)
        troubles: list[PluginError] = []

        async def make(indexes: Sequence[int]) -> None:
            async with slots:
                if any(isinstance(trouble, _STOPPING) for trouble in troubles):
                    return
                try:
                    await self._make(indexes)
                except _FINAL as error:
                    for index in indexes:
                        await self.run.reject(index, error)
                except PluginError as error:
                    troubles.append(error)

        outcomes = await asyncio.gather(*(make(indexes) for indexes in calls), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        if troubles:
            raise min(troubles, key=_weight)

    async def _make(self, indexes: Sequence[int]) -> None:
        """Make the pictures *indexes* with one call, and deliver them inside its block."""
        order = order_of(self.preset.knobs, self.model, self.job.input, len(indexes), self._pictures)
        fingerprint = fingerprint_of(self.model, self.job.input, len(indexes), self.job.references)
        async with (
            self.run.call(indexes, fingerprint) as call,
            self.service.open(
                self.run.session,
                "POST",
                order.path,
                body=order.body,
                parts=order.parts,
                call=call,
                prompt=self.job.input["prompt"],
                most_bytes=len(indexes) * LARGEST_PICTURE_BYTES + AROUND_BYTES,
            ) as reply,
        ):
            await self._take(order, indexes, call, reply)

    async def _take(self, order: Order, indexes: Sequence[int], call: Call, reply: Reply) -> None:
        if order.streamed and reply.accepted and await reply.form() is Form.STREAM:
            await self._follow(indexes[0], call, reply)
            return
        answer = await reply.answer()
        if call.request_id is None:
            call.request_id = answer.request_id
        self._count(call, answer.document)
        await self._deliver(indexes, reply, answer.document)

    def _count(self, call: Call, document: Mapping[str, Any]) -> None:
        usage = document.get("usage")
        if isinstance(usage, Mapping):
            call.usage = usage_of(document)
            call.cost_micro = cost_micro(self.preset, self.model, usage)

    async def _deliver(self, indexes: Sequence[int], reply: Reply, document: Mapping[str, Any]) -> None:
        """Keep what came. All at once: what waits behind another is lost when the process dies."""
        items = items_of(self.preset.knobs, document)[: len(indexes)]
        found = [(item, source_of(item, reply.answered.base_url)) for item in items]
        if not any(source for _, source in found) and not self._was_refused(items):
            raise self._unreadable(texts.NO_PICTURE(service=service_of(self.preset)), reply)
        places = list(zip(indexes, found, strict=False))
        settled = (self._settle(index, item, source) for index, (item, source) in places)
        for outcome in await asyncio.gather(*settled, return_exceptions=True):
            if outcome is not None:
                raise outcome
        rest = indexes[len(places) :]
        if rest and not items:
            for index in rest:
                await self._settle(index, {}, None)
        elif rest:
            await self.run.omit(rest)

    def _was_refused(self, items: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether an answer without any picture is moderation's. It is counted as billed: it was answered."""
        knobs = self.preset.knobs
        return any(was_taken_back(knobs, item) for item in items) if items else knobs.empty_is_moderation

    async def _settle(self, index: int, item: Mapping[str, Any], source: Source | None) -> None:
        if source is not None:
            await self.run.deliver(index, source)
            return
        # The call was answered: nobody says that this picture of it is free.
        service = service_of(self.preset)
        if not item or was_taken_back(self.preset.knobs, item):
            taken_back = texts.PICTURE_TAKEN_BACK(service=service)
            await self.run.reject(index, ContentRejected(taken_back, billed=Billed.UNKNOWN))
        else:
            await self.run.reject(index, OutcomeUnknown(texts.NO_PICTURE(service=service), code="no_picture"))

    async def _follow(self, index: int, call: Call, reply: Reply) -> None:
        """Read a stream of one picture: previews, then the picture.

        Raises:
            PluginError: it complains, or ends before the picture.
        """
        async for event in reply.events():
            document = read_object(event.data)
            if document is None:
                continue
            complaint = reply.failures.find(document, refused=False)
            if complaint is not None:
                raise reply.failures.meaning_of(complaint, attrs.evolve(reply.answered, status=BROKEN_STREAM))
            source = source_of(document, reply.answered.base_url)
            kind = str(document.get("type") or event.name)
            if source is not None and kind.endswith(".partial_image"):
                await self.run.preview(index, source)
            elif source is not None and kind.endswith(".completed"):
                self._count(call, document)
                await self.run.deliver(index, source)
                return
        raise self._unreadable(texts.STREAM_WITHOUT_PICTURE(service=service_of(self.preset)), reply)

    def _unreadable(self, message: str, reply: Reply) -> PluginError:
        return reply.failures.unreadable(message, reply.answered)


def _weight(error: PluginError) -> int:
    return next(number for number, type_ in enumerate(_WEIGHT) if isinstance(error, type_))
