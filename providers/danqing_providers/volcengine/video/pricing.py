"""What a video costs: its tokens, known or bounded before it is made, and counted by the service afterwards.

Source: volcengine.com/docs/82379/1520757 (sizes) and measured usage, floor((24 s + 1) w h / 1024), read 2026-11-28.
The seconds of the videos in an order count too, with a minimum whose table is not published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import Price
from danqing_providers.volcengine.video.models import Tariff, VideoModel

__all__ = ["RATIOS", "TokenPrices", "cost_of", "estimate", "is_with_video"]

FRAMES_PER_S: Final = 24
SHORTEST_INPUT_S: Final = 2
TIER: Final = "service_tier"

RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
_TURNED: Final = {"9:16": "16:9", "3:4": "4:3"}
_OLD_PIXELS: Final[Mapping[str, tuple[int, ...]]] = {
    "16:9": (864 * 480, 1248 * 704, 1920 * 1088),
    "4:3": (736 * 544, 1120 * 832, 1664 * 1248),
    "1:1": (640 * 640, 960 * 960, 1440 * 1440),
    "21:9": (960 * 416, 1504 * 640, 2176 * 928),
}
_PIXELS: Final[Mapping[str, tuple[int, ...]]] = {
    "16:9": (864 * 496, 1280 * 720, 1920 * 1080, 3840 * 2160),
    "4:3": (752 * 560, 1112 * 834, 1664 * 1248),
    "1:1": (640 * 640, 960 * 960, 1440 * 1440),
    "21:9": (992 * 432, 1470 * 630, 2206 * 946),
}
_WIDE_25: Final = (854 * 480, 1280 * 720, 1920 * 1080)
_BUDGETS: Final = (409_600, 921_600, 2_073_600, 3840 * 2160)
_PLACES: Final = {"480p": 0, "720p": 1, "1080p": 2, "4k": 3}

Span = tuple[int, int]


@attrs.frozen(kw_only=True)
class TokenPrices:
    """The prices in force, in `currency`: the operator's `own` by model (without and with a video; None: unknown),
    else the model's.
    """

    currency: str
    own: Mapping[str, tuple[float, float] | None] = attrs.field(factory=dict)

    def per_token(
        self, model: VideoModel, resolution: str, *, with_video: bool, sound: bool, flex: bool
    ) -> float | None:
        """Return what a token costs in millionths, None when unknown."""
        tariff = self._tariff(model)
        prices = tariff.get(resolution, tariff.get(""))
        if prices is None:
            return None
        price = prices[1] if with_video else prices[0]
        if not sound and model.id not in self.own:
            price = model.silent.get(self.currency, price)
        return price / 2 if flex else price

    def _tariff(self, model: VideoModel) -> Tariff:
        if model.id not in self.own:
            return model.tariffs.get(self.currency, {})
        own = self.own[model.id]
        return {} if own is None else {"": own}


def is_with_video(asked: Mapping[str, Any]) -> bool:
    """Say whether the order holds a video, which has another price."""
    return bool(asked.get("reference_video"))


def estimate(model: VideoModel, asked: Mapping[str, Any], prices: TokenPrices, outputs: int) -> Price | None:
    """Return what each of *outputs* costs of the order *asked*, as a range where it depends on what is made."""
    per_token = _per_token(model, asked, prices)
    if not per_token:
        return None
    least, most = _tokens(model, asked)
    low, high = (
        math.ceil(tokens * price / outputs) for tokens, price in ((least, per_token[0]), (most, per_token[1]))
    )
    return Price(amount_micro=low, currency=prices.currency, most_micro=high if high > low else None)


def cost_of(
    model: VideoModel, asked: Mapping[str, Any], prices: TokenPrices, told: Mapping[str, Any]
) -> int | None:
    """Return what a finished order cost by the service's own count; *told* is its answer. None: as estimated."""
    usage = told.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, Mapping) else None
    if type(tokens) is not int or tokens < 0:
        return None
    seen = {name: told[name] for name in ("resolution", "generate_audio", TIER) if told.get(name) is not None}
    per_token = _per_token(model, {**asked, **seen}, prices)
    return round(tokens * per_token[0]) if per_token and per_token[0] == per_token[1] else None


def _per_token(model: VideoModel, asked: Mapping[str, Any], prices: TokenPrices) -> tuple[float, float] | None:
    """Return the lowest and highest price of a token: one price, unless a draft decides what is made."""
    drafted = "draft_task" in asked
    sounds = (True, False) if drafted and "generate_audio" not in asked else (asked.get("generate_audio", True),)
    videos = (True, False) if drafted and model.videos else (is_with_video(asked),)
    found = [
        prices.per_token(
            model,
            asked.get("resolution", model.resolution),
            with_video=video,
            sound=bool(sound),
            flex=asked.get(TIER) == "flex",
        )
        for sound in sounds
        for video in videos
    ]
    known = [price for price in found if price is not None]
    return (min(known), max(known)) if known else None


def _tokens(model: VideoModel, asked: Mapping[str, Any]) -> Span:
    fewest, most = _frames(model, asked)
    count = len(asked.get("reference_video") or ())
    if count:
        fewest += count * SHORTEST_INPUT_S * FRAMES_PER_S
        most += model.video_s * FRAMES_PER_S
    smallest, largest = _pixels(model, asked)
    share = 1.0
    if asked.get("draft"):
        share = model.draft_shares[1 if asked.get("generate_audio", True) else 0]
    return math.floor(share * fewest * smallest / 1024), math.floor(share * most * largest / 1024)


def _frames(model: VideoModel, asked: Mapping[str, Any]) -> Span:
    if "frames" in asked:
        return asked["frames"], asked["frames"]
    duration = asked.get("duration", -1)
    least, most = model.durations if duration == -1 else (duration, duration)
    return FRAMES_PER_S * least + 1, FRAMES_PER_S * most + 1


def _pixels(model: VideoModel, asked: Mapping[str, Any]) -> Span:
    resolution = "480p" if asked.get("draft") else asked.get("resolution", model.resolution)
    ratio = asked.get("ratio")
    spans = [_pixels_of(model, resolution, each) for each in (RATIOS if ratio in (None, "adaptive") else (ratio,))]
    return min(low for low, _ in spans), max(high for _, high in spans)


def _pixels_of(model: VideoModel, resolution: str, ratio: str) -> Span:
    ratio = _TURNED.get(ratio, ratio)
    place = _PLACES[resolution]
    table = _OLD_PIXELS if model.old else _PIXELS
    known = table[ratio][place] if place < len(table[ratio]) else _BUDGETS[place]
    if model.exact_ratios is None:
        return known, known
    if ratio in model.exact_ratios:
        known = _WIDE_25[place] if ratio == "16:9" else known
        return known, known
    return min(known, _BUDGETS[place]), max(known, _BUDGETS[place])
