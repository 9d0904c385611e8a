"""Times as people write them: `1h` is so long ago, or from now; else a day or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from danqing_server.cli.exits import Ended, Exit

__all__ = ["ago", "from_now", "month_of"]

_SPAN = re.compile(r"(\d{1,6})(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def ago(option: str, text: str) -> str:
    """Return the moment so long ago, or as it stands, as RFC 3339. Raises Ended."""
    return _moment(option, text, -1)


def from_now(option: str, text: str) -> str:
    """Return the moment so far from now, or as it stands, as RFC 3339. Raises Ended."""
    return _moment(option, text, 1)


def _moment(option: str, text: str, sign: int) -> str:
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            meant = datetime.now(UTC) + sign * timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
            return meant.isoformat(timespec="seconds").replace("+00:00", "Z")
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        said = f"{option}: {text!r} is not allowed; allowed: 90s, 30min, 1h, 2d, 1w, a day or a moment of RFC 3339"
        raise Ended(Exit.REFUSED, said) from None
    return text


def month_of(option: str, text: str) -> tuple[str, str]:
    """Return the first days of a month and of the next one. Raises Ended."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if found is None:
        raise Ended(Exit.REFUSED, f"{option}: {text!r} is not allowed; allowed: a month such as 2026-11")
    year, month = int(found[1]), int(found[2])
    return f"{text}-01", f"{year + month // 12:04}-{month % 12 + 1:02}-01"
