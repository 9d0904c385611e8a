"""The answers of services that are like OpenAI, by profile."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.openai.keys import REQUEST_ID
from danqing_providers.sandbox.openai.profiles import Profile

__all__ = ["answer_of"]

_TICKS: Final = 10_000
"""xAI's ticks in a millionth of a dollar (docs.x.ai, cost tracking)."""


async def answer_of(
    house: House, request: web.Request, profile: Profile, works: Sequence[Work], taken_back: int, *, inline: bool
) -> dict[str, Any]:
    """Return the JSON answer with *works*."""
    items = [await _item(house, request, profile, work, inline=inline) for work in works]
    if profile.name == "xai":
        items = [{**item, "respect_moderation": True} for item in items]
        items += [{"respect_moderation": False}] * taken_back
    return {**_around(house, request, profile, works), profile.items: items}


async def _item(
    house: House, request: web.Request, profile: Profile, work: Work, *, inline: bool
) -> dict[str, Any]:
    own: dict[str, Any] = {"index": work.index, "type": "object"} if profile.name == "together" else {}
    if inline:
        return {**own, "b64_json": base64.b64encode(await house.gallery.bytes_of(work)).decode()}
    return {**own, "url": house.link(request, work, profile.kept_s)}


def _around(house: House, request: web.Request, profile: Profile, works: Sequence[Work]) -> dict[str, Any]:
    created = int(house.clock())
    first = works[0] if works else None
    if profile.name == "siliconflow":
        return {"timings": {"inference": 1.2}, "seed": (first.seed if first else None) or 1}
    if profile.name == "together":
        return {"id": request[REQUEST_ID], "model": first.model if first else "", "object": "list"}
    if profile.name == "zhipu":
        return {"created": created, "id": request[REQUEST_ID], "content_filter": [{"role": "user", "level": 3}]}
    if profile.name == "xai":
        costs = [profile.price_micro(work.model, work.width, work.height) or 0 for work in works]
        return {"created": created, "usage": {"cost_in_usd_ticks": sum(costs) * _TICKS}}
    if profile.name == "localai":
        return {"created": created, "id": request[REQUEST_ID], "usage": {"input_tokens": 0, "output_tokens": 0}}
    if profile.name == "sglang":
        return {"created": created, "id": request[REQUEST_ID]}
    if profile.name in ("vllm_omni", "sdcpp") and first is not None:
        return {"created": created, "output_format": first.form}
    return {"created": created}
