"""Usage and the caller's own key, as they are shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from unicodedata import normalize

from danqing_server.access.caller import Caller
from danqing_server.desk.limit_states import LimitState
from danqing_server.doors.costs import price_text
from danqing_server.doors.usage_shapes import OwnKeyShape, SpendLimitShape, UsageRowShape
from danqing_server.store.usage import Dimension, UsageRow
from danqing_server.windows import Span

__all__ = ["csv_of", "guarded", "limit_view", "own_key_view", "row_view", "signed_text", "totals_of"]

COUNTS = ("completed", "failed", "cancelled", "open", "pictures")
AMOUNTS = ("settled", "unknown", "reserved")
RESETS = {Span.DAY: "daily", Span.MONTH: "monthly"}
FORMULAS = frozenset("=+-@")
"""What formulas begin with, in ASCII; spreadsheets take their full-width forms alike."""


def row_view(by: Sequence[Dimension], row: UsageRow) -> UsageRowShape:
    """Return a sum as it is sent."""
    shown: UsageRowShape = {
        "currency": row.currency,
        "completed": row.completed,
        "failed": row.failed,
        "cancelled": row.cancelled,
        "open": row.open,
        "pictures": row.pictures,
        "settled": signed_text(row.settled_micro),
        "unknown": signed_text(row.unknown_micro),
        "reserved": signed_text(row.reserved_micro),
    }
    groups = {each.value: value for each, value in zip(by, row.values, strict=False)}
    return {**groups, **shown}  # type: ignore[typeddict-item]  # the groups are among its optional members


def totals_of(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Return the sums of *rows*, one for each currency."""
    found: dict[str | None, dict[str, int]] = {}
    for row in rows:
        sums = found.setdefault(row.currency, dict.fromkeys(SUMMED, 0))
        for name in SUMMED:
            sums[name] += getattr(row, name)
    return [UsageRow(values=(), currency=currency, **sums) for currency, sums in found.items()]


SUMMED = (*COUNTS, *(f"{name}_micro" for name in AMOUNTS))


def csv_of(by: Sequence[Dimension], rows: Iterable[UsageRow]) -> str:
    """Return *rows* as CSV (RFC 4180), the same numbers as the JSON.

    Text that a spreadsheet would take for a formula begins with an apostrophe. Source: OWASP, CSV injection, read
    2026-11-28.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    names = [*(each.value for each in by), "currency", *COUNTS, *AMOUNTS]
    writer.writerow(names)
    for row in rows:
        shown = row_view(by, row)
        groups = [guarded(value) for value in (*row.values, row.currency)]
        writer.writerow([*groups, *(shown[name] for name in (*COUNTS, *AMOUNTS))])  # type: ignore[literal-required]
    return text.getvalue()


def own_key_view(
    caller: Caller, states: Sequence[LimitState], today: Mapping[str, int], this_month: Mapping[str, int]
) -> OwnKeyShape:
    """Return the caller's own key as it is sent, with what it paid, in millionths by currency."""
    tightest = min(states, key=lambda each: each.remaining_micro * 1.0 / max(1, each.limit_micro), default=None)
    currency = tightest.currency if tightest is not None else min(this_month, default=None)
    monthly = _spent(this_month, currency)
    ends = [limits.expires_at for _, limits in caller.limits if limits.expires_at is not None]
    return {
        "key": caller.key,
        "label": caller.key,
        "project": caller.project,
        "scopes": sorted(scope.value for scope in caller.scopes),
        "currency": currency,
        "limit": None if tightest is None else _number(tightest.limit_micro),
        "limit_remaining": None if tightest is None else _number(tightest.remaining_micro),
        "limit_reset": None if tightest is None else RESETS[tightest.span],
        "usage": monthly,
        "usage_daily": _spent(today, currency),
        "usage_monthly": monthly,
        "expires_at": min(ends, default=None),
        "limits": [limit_view(state) for state in states],
    }


def signed_text(amount_micro: int) -> str:
    """Return millionths as decimal text; a sum may be negative, in a time that has corrections only."""
    return price_text(amount_micro) if amount_micro >= 0 else f"-{price_text(-amount_micro)}"


def limit_view(state: LimitState) -> SpendLimitShape:
    """Return how a limit on money stands."""
    return {
        "of": "project" if state.key is None else "key",
        "window": state.span,
        "currency": state.currency,
        "limit": price_text(state.limit_micro),
        "used": signed_text(state.spent_micro),
        "reserved": signed_text(state.reserved_micro),
        "remaining": price_text(state.remaining_micro),
        "warning": state.is_near,
        "resets_at": state.resets_at,
    }


def _spent(amounts_micro: Mapping[str, int], currency: str | None) -> float:
    return 0.0 if currency is None else _number(amounts_micro.get(currency, 0))


def _number(amount_micro: int) -> float:
    return amount_micro / 1_000_000


def guarded(value: str | None) -> str:
    """Return text that no spreadsheet takes for a formula, whatever blanks it drops before it."""
    text = value or ""
    first = normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first in FORMULAS or text.startswith(("\t", "\r", "\n")) else text
