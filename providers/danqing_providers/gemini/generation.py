"""From a job to pictures: a call for each, some at once."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import attrs

from danqing_plugins import ContentRejected, InvalidRequest, Job, PluginError, Run, Source
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.orders import heaviest
from danqing_providers.gemini.answers import cost_of, picture_of, usage_of, why_none
from danqing_providers.gemini.models import Model

__all__ = ["Generation"]

CALLS_AT_ONCE: Final = 4
_FINAL: Final = (InvalidRequest, ContentRejected)


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out."""

    job: Job
    run: Run
    model: Model
    service: Service

    async def carry_out(self) -> None:
        """Make every missing picture. Raises: PluginError, some are still missing."""
        missing = self.run.missing
        if not missing:
            return
        body = await self._body()
        slots = asyncio.Semaphore(CALLS_AT_ONCE)
        troubles: list[PluginError] = []

        async def make(index: int) -> None:
            async with slots:
                if troubles:
                    return
                try:
                    await self._make(index, body)
                except _FINAL as error:
                    await self._reject(index, error, troubles)
                except PluginError as error:
                    troubles.append(error)

        # Not a group of tasks, which would cut the paid calls under way for the sake of one that must not be made.
        outcomes = await asyncio.gather(*map(make, missing), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        if troubles:
            raise heaviest(troubles)

    async def _reject(self, index: int, error: PluginError, troubles: list[PluginError]) -> None:
        if self.job.outputs > 1:
            await self.run.reject(index, error)
        else:
            troubles.append(error)

    async def _make(self, index: int, body: dict[str, Any]) -> None:
        async with self.run.call([index], fingerprint_of(self.job, [index])) as call:
            answer = await self.service.post(
                self.run.session,
                f"/models/{self.model.id}:generateContent",
                body,
                call=call,
                prompt=str(self.job.input["prompt"]),
            )
            document = answer.document
            call.request_id = str(document.get("responseId") or "") or None
            call.usage = usage_of(document)
            call.cost_micro = cost_of(document, self.model)
            picture = picture_of(document)
            if picture is None:
                raise why_none(document, self.job.attempt)
            await self.run.deliver(index, Source.from_base64(picture))

    async def _body(self) -> dict[str, Any]:
        asked = self.job.input
        parts: list[dict[str, Any]] = [{"text": asked["prompt"]}]
        for reference in self.job.references:
            found = await self.run.open_reference(reference)  # a URL too: the service fetches none
            data = base64.b64encode(found.body).decode("ascii")
            parts.append({"inlineData": {"mimeType": found.media_type.lower(), "data": data}})
        shape = {"aspectRatio": asked.get("aspect_ratio"), "imageSize": asked.get("image_size")}
        config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
        if named := {name: value for name, value in shape.items() if value is not None}:
            config["imageConfig"] = named
        if level := asked.get("thinking_level"):
            config["thinkingConfig"] = {"thinkingLevel": level}
        return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
