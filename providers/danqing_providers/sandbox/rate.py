"""So many in a minute: counted for each name in whole minutes of the clock."""

from __future__ import annotations

from collections.abc import Callable

from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["Rate"]


class Rate:
    """The count of this minute. A group counts its images; a request is admitted whole or not at all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = -1
        self._used: dict[str, int] = {}

    def take(self, name: str, count: int, most: int) -> None:
        """Count *count* of *name*, of which *most* a minute are let through, whatever the key.

        One sandbox is one account. Raises: Trouble, rate limited.
        """
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        used = self._used.get(name, 0) + count
        if used > most:
            raise Trouble(TroubleKind.RATE_LIMITED)
        self._used[name] = used
