"""Another picture for who asks the same again: these services have no memory of what they painted."""

from __future__ import annotations

from collections import Counter
from typing import Final

__all__ = ["Repeats"]

_MOST_KEPT: Final = 10_000


class Repeats:
    """Counts the same requests; the first one is painted by its words alone, so that a test can foresee it."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, str, tuple[str, ...]]] = Counter()

    def seed_of(self, model: str, prompt: str, tokens: tuple[str, ...]) -> int | None:
        """Return what to paint with; None for the first time that this is asked for."""
        key = (model, prompt, tokens)
        times = self._asked[key]
        if len(self._asked) > _MOST_KEPT:
            self._asked.clear()
        self._asked[key] = times + 1
        return times or None
