"""The text models, and what their tokens cost where the operator wrote it down.

Source: volcengine-ark-runtime 5.0.54 (its examples name the model), read 2026-11-28. Prices depend on a request's
length and are not built in: `token_prices` has them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins import Price

__all__ = ["TEXT_MODELS", "TextModel", "TextPrices", "text_models"]

LONGEST_ANSWER: Final = 16_384
"""Tokens, where the request names no limit; only an estimate is made of it."""


@attrs.frozen(kw_only=True)
class TextModel:
    """One model, or endpoint (`ep-…`)."""

    id: str
    title: str


TEXT_MODELS: Final = (TextModel(id="doubao-seed-1-6-250615", title="Doubao Seed 1.6"),)
"""Those built in, the default first."""


def text_models(more: Mapping[str, Any]) -> tuple[TextModel, ...]:
    """Return those built in and *more*, by id with a title, or null to take one off; those of *more* come first.

    Raises:
        ValueError: a title is no text.
    """
    for name, title in more.items():
        if title is not None and not (isinstance(title, str) and title):
            raise ValueError(f"{name[:80]}: must be a title or null")
    own = [TextModel(id=name, title=title) for name, title in more.items() if title is not None]
    return (*own, *(model for model in TEXT_MODELS if model.id not in more))


@attrs.frozen(kw_only=True)
class TextPrices:
    """Prices in millionths of `currency` for a token read and one written, by model; None: unknown."""

    currency: str
    own: Mapping[str, tuple[float, float] | None] = attrs.field(factory=dict)

    def estimate(self, model: str, messages: Sequence[Mapping[str, str]], most_tokens: int | None) -> Price | None:
        """Return the least and the most that a call costs; None: unknown. A character is a token at most."""
        prices = self.own.get(model)
        if prices is None:
            return None
        characters = sum(len(message["content"]) for message in messages)
        low = math.ceil(characters / 4 * prices[0])
        high = math.ceil(characters * prices[0] + (most_tokens or LONGEST_ANSWER) * prices[1])
        return Price(amount_micro=low, most_micro=max(low, high), currency=self.currency)

    def cost_of(self, model: str, usage: Mapping[str, Any]) -> int | None:
        """Return what a call cost by its own count; None: unknown."""
        prices = self.own.get(model)
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if prices is None or type(read) is not int or type(written) is not int:
            return None
        return round(read * prices[0] + written * prices[1])
