"""How long a client waits for a prediction, and how long the prediction may take: `Prefer` and `Cancel-After`.

Source: replicate.com/docs/reference/http, read 2026-11-28.
"""

from __future__ import annotations

import re
from typing import Final

from danqing_providers.sandbox.replicate.inputs import Problem

__all__ = ["cancelled_after_s", "waits_s"]

LONGEST_RUN_S: Final = 1800.0
_LONGEST_WAIT_S: Final = 60
_SHORTEST_S: Final = 5
_AFTER: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_WAIT: Final = re.compile(r"\bwait(?:=(\d+))?")


def cancelled_after_s(header: str | None) -> float:
    """Return after how many seconds a prediction is ended. Raises: Problem."""
    if header is None:
        return LONGEST_RUN_S
    found = _AFTER.fullmatch(header.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if total < _SHORTEST_S:
        raise Problem(422, "Invalid header", "Cancel-After must be a duration of at least 5 seconds, such as 90s")
    return min(LONGEST_RUN_S, float(total))


def waits_s(header: str) -> float:
    """Return how many seconds the request is held; 0: not at all."""
    found = _WAIT.search(header)
    return float(min(_LONGEST_WAIT_S, max(1, int(found[1] or _LONGEST_WAIT_S)))) if found else 0.0
