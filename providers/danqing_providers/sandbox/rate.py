"""Ark's images per minute: counted for each model in whole minutes of the clock."""

from __future__ import annotations

from collections.abc import Callable

from danqing_providers.sandbox.ark.errors import rate_exceeded

__all__ = ["ImageRate"]


class ImageRate:
    """The count of this minute. A group counts its images; a request is admitted whole or not at all."""

    def __init__(self, images_per_minute: int, clock: Callable[[], float]) -> None:
        self._most = images_per_minute
        self._clock = clock
        self._minute = -1
        self._used: dict[str, int] = {}

    def take(self, model: str, images: int) -> None:
        """Count *images* of *model*, whatever the key: one sandbox is one account. Raises: ArkError 429."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        used = self._used.get(model, 0) + images
        if used > self._most:
            raise rate_exceeded()
        self._used[model] = used
