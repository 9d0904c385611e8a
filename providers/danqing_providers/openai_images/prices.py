"""What a picture is expected to cost, and what the service's own usage says it did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import Price
from danqing_providers.openai_images.values import Model, Preset

__all__ = ["cost_micro", "list_price", "price_of"]

MICRO: Final = 1_000_000
LARGER: Final = 2.0
"""How many times the price of 1024x1024 the largest size costs: 0.401 to 0.211 USD for gpt-image-2 of high quality
at 3840x2160, 0.2 to 0.133 for gpt-image-1.5 (price table of litellm 1.110.2, read 2026-11-28)."""

BEYOND: Final = 4.0
"""The same for `xhigh` and `max`, whose prices are not published: an assumption."""

PARTIAL_TOKENS: Final = 100
REFERENCE_TOKENS: Final = (1_000, 6_240)
"""What a picture to edit is expected to count as, and at the most. OpenAI publishes neither for these models: an
assumption, the second by what high fidelity counted of a wide picture before them."""


def list_price(preset: Preset, model: Model) -> Price | None:
    """Return what the list says of *model*, None when nothing is known."""
    return price_of(preset, model, {})


def price_of(preset: Preset, model: Model, input_: Mapping[str, Any], references: float = 0.0) -> Price | None:
    """Return the estimate for one picture of *input_*, None when nothing is known.

    *references* is how many pictures to edit are sent for it: a share of them, where one call makes several.
    """
    if model.price is not None:
        highest = None if model.price_most is None else _micro(model.price_most)
        return Price(amount_micro=_micro(model.price), currency=preset.currency, most_micro=highest)
    if not model.by_quality:
        return None
    quality = input_.get("quality", "auto")
    likely, most = _by_quality(model, quality)
    partial = input_.get("partial_images", 0) * PARTIAL_TOKENS * model.tokens.get("image_out", 0.0) / MICRO
    words = len(input_.get("prompt", "")) * model.tokens.get("text_in", 0.0) / MICRO
    seen, seen_most = (references * count * model.tokens.get("image_in", 0.0) / MICRO for count in REFERENCE_TOKENS)
    return Price(
        amount_micro=_micro(likely + partial + seen),
        currency=preset.currency,
        most_micro=_micro(most + partial + words + seen_most),
    )


def _by_quality(model: Model, quality: str) -> tuple[float, float]:
    known = model.by_quality
    if quality in known:
        return known[quality], known[quality] * LARGER
    highest = max(known.values())
    if quality != "auto":
        return highest, highest * BEYOND
    return known.get("medium", highest), highest * LARGER


def _micro(amount: float) -> int:
    return round(amount * MICRO)


def cost_micro(preset: Preset, model: Model, usage: Mapping[str, Any]) -> int | None:
    """Return what *usage*, an answer's own count, says the call cost; None when it does not say.

    A price of one unit for a million tokens is a millionth of the unit for a token.
    """
    if preset.knobs.ticks_per_unit and _is_count(usage.get("cost_in_usd_ticks")):
        ticks: int = usage["cost_in_usd_ticks"]
        return -(-ticks * MICRO // preset.knobs.ticks_per_unit)
    if not model.tokens or not _is_count(usage.get("output_tokens")):
        return None
    ins, outs = _details(usage, "input_tokens_details"), _details(usage, "output_tokens_details")
    rates = model.tokens
    image_in = ins.get("image_tokens", 0)
    text_in = ins.get("text_tokens", max(0, _count(usage.get("input_tokens")) - image_in))
    text_out = outs.get("text_tokens", 0) if "text_out" in rates else 0
    image_out = _count(usage["output_tokens"]) - text_out
    return math.ceil(
        text_in * rates.get("text_in", 0.0)
        + image_in * rates.get("image_in", 0.0)
        + text_out * rates.get("text_out", 0.0)
        + image_out * rates.get("image_out", 0.0)
    )


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, int]:
    found = usage.get(name)
    return {key: value for key, value in found.items() if _is_count(value)} if isinstance(found, Mapping) else {}


def _count(value: Any) -> int:
    return int(value) if _is_count(value) else 0


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
