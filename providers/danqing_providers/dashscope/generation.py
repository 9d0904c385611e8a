"""Outputs of the models that answer at once."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from danqing_plugins import Job, OutcomeUnknown, PluginError, Price, Run, Source
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_plugins.kit.http import Service
from danqing_providers.dashscope import texts
from danqing_providers.dashscope.answers import cost_of, sources_of, usage_of
from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.wire import body_of, links_of, prompt_of

__all__ = ["Generation"]


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out. `price` is that of the model, None where it is not known."""

    job: Job
    run: Run
    model: Model
    price: Price | None
    service: Service

    async def carry_out(self) -> None:
        """Make every missing output in one request.

        Raises:
            PluginError: some are still missing, and what that means.
        """
        indexes = self.run.missing
        if not indexes:
            return
        body = body_of(self.model, self.job.input, await links_of(self.job, self.run), len(indexes))
        async with self.run.call(indexes, fingerprint_of(self.job, indexes)) as call:
            answer = await self.service.post(
                self.run.session, self.model.route.path, body, call=call, prompt=prompt_of(self.job)
            )
            call.request_id, call.usage = answer.request_id, usage_of(answer.document)
            call.cost_micro = cost_of(answer.document, self.price)
            outputs = sources_of(answer)
            if not outputs:
                raise OutcomeUnknown(texts.NO_RESULT(), code="unreadable_answer", request_id=answer.request_id)
            call.release(indexes[len(outputs) :])
            await self._deliver(indexes, outputs)

    async def _deliver(self, indexes: Sequence[int], outputs: Sequence[Source | PluginError]) -> None:
        """Hand over what came; pictures that the service left out were not charged for."""
        for index, output in zip(indexes, outputs, strict=False):
            if isinstance(output, PluginError):
                await self.run.reject(index, output)
            else:
                await self.run.deliver(index, output)
        left = indexes[len(outputs) :]
        if left:
            await self.run.omit(left)
