"""What the Volcengine provider says of videos, and how it carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from danqing_plugins import Limits, ModelInfo, OutputKind
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.service import service_at
from danqing_providers.volcengine.settings import Settings
from danqing_providers.volcengine.video.form import form_of
from danqing_providers.volcengine.video.models import VIDEO_MODELS, VideoModel
from danqing_providers.volcengine.video.orders import VideoOrders
from danqing_providers.volcengine.video.pricing import estimate

__all__ = ["VIDEO_TYPES", "lanes", "orders_of", "video_infos"]

VIDEO_TYPES: Final = ("video", "video_generation")
CREATES_PER_MINUTE: Final = 600
"""Of one model, for a company's account. Source: the models' page of Ark, read 2026-11-28."""


def video_infos(settings: Settings) -> list[ModelInfo]:
    """Return the video models, the default first; the price is that of the shortest video of the usual size."""
    return [
        ModelInfo(
            id=model.id,
            title=model.title,
            types=VIDEO_TYPES,
            aliases=model.aliases,
            parameters=form_of(model).schema(),
            price=estimate(model, {"resolution": model.resolution, "ratio": "16:9"}, settings.token_prices, 1),
            kind=OutputKind.VIDEO,
            lane=model.lane,
            finds_orders=True,
        )
        for model in VIDEO_MODELS
    ]


def lanes(settings: Settings) -> Mapping[str, Limits]:
    """Return the limits of each model: Ark counts them by model."""
    per_minute = None if settings.sandbox else CREATES_PER_MINUTE
    limits = Limits(concurrency=settings.video_concurrency, calls_per_minute=per_minute)
    return {model.lane: limits for model in VIDEO_MODELS}


def orders_of(model: VideoModel, settings: Settings, endpoint: Endpoint) -> VideoOrders:
    """Return what carries a job of *model* out at *endpoint*."""
    return VideoOrders(
        model=model,
        name=model.name_at(overseas=endpoint.overseas),
        service=service_at(endpoint, settings.call_timeout_s),
        prices=settings.token_prices,
        pace=settings.video_pace,
    )
