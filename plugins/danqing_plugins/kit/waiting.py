"""How long the service asks us to wait: `Retry-After` in all its forms, read by the service's own clock.

Sources: RFC 9110, sections 10.2.3 and 6.6.1; `retry-after-ms` as Azure and OpenAI send it; read 2026-11-28. Of Ark
itself no such header is known (82379/1299023, read 2026-11-23): what comes is honoured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["LONGEST_RETRY_AFTER_S", "http_date_s", "retry_after_of", "service_time_s"]

LONGEST_RETRY_AFTER_S: Final = 300.0
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", re.ASCII)


def service_time_s(headers: Mapping[str, str]) -> float:
    """Return the Unix time by the answer's own `Date`, which may differ from ours; ours when it has none."""
    said = http_date_s(headers.get("Date", ""))
    return time.time() if said is None else said


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, at most 300; None when it says nothing.

    *headers* are read without regard to case. A date is measured against the answer's own `Date`: the clocks of the
    two machines may differ by hours.
    """
    seconds = _number(headers.get("retry-after-ms", ""), 1000.0)
    raw = headers.get("Retry-After", "").strip()
    if seconds is None:
        seconds = _number(raw, 1.0)
    if seconds is None and (date_s := http_date_s(raw)) is not None:
        seconds = max(0.0, date_s - service_time_s(headers))
    return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER_S)


def _number(raw: str, of_one: float) -> float | None:
    text = raw.strip()
    return float(text[:300]) / of_one if _NUMBER.fullmatch(text) else None


def http_date_s(raw: str) -> float | None:
    """Return a date of HTTP (also the two obsolete forms) as Unix time; None when it is none."""
    try:
        date = parsedate_to_datetime(raw.strip())
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
