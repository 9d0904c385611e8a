"""Ark's limit of images per minute (IPM), counted for each model in calendar minutes."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from danqing_providers.arksim.refusals import Refusal

__all__ = ["ImagesPerMinute", "ipm_exceeded"]


@attrs.define
class ImagesPerMinute:
    """The counters. `limit` 0 is none; `clock` returns unix seconds."""

    limit: int
    clock: Callable[[], float]
    _minute: int = 0
    _counts: dict[str, int] = attrs.field(factory=dict)

    def admit(self, model: str, images: int) -> None:
        """Count *images* of a model in this minute.

        Raises:
            Refusal: they would go over the limit; none of them is counted.
        """
        minute = int(self.clock() // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts.get(model, 0) + images
        if self.limit and count > self.limit:
            raise ipm_exceeded(model)
        self._counts[model] = count


def ipm_exceeded(model: str) -> Refusal:
    """Return the refusal; the beginning of the live service's sentence is a guess."""
    message = f"The requests per minute of {model}: IPM (Images Per Minute) limit of the model is exceeded."
    return Refusal(429, "ModelAccountIpmRateLimitExceeded", message)
