"""How a long time is cut for questions about what was spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from danqing_server.store.usage import MOST_STRETCHES, STRETCH, stretches

NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("days", [0.5, 31, 31.5, 365, 20_000])
def test_every_moment_is_asked_for_once(days: float) -> None:
    """One answer of MongoDB's for years of purchases took longer than any may."""
    since = NOW - timedelta(days=days)
    found = list(stretches(since, NOW))
    borders = [each["$gte"] for each in found]
    assert [each["$lt"] for each in found] == [*borders[1:], NOW]
    assert borders[0] == since
    assert len(found) <= MOST_STRETCHES + 1
    assert max(each["$lt"] - each["$gte"] for each in found) <= max(STRETCH, timedelta(days=days) / MOST_STRETCHES)


def test_no_time_is_asked_for_not_at_all() -> None:
    """Nor one that ends before it begins."""
    assert not list(stretches(NOW, NOW))
    assert not list(stretches(NOW, NOW - timedelta(days=1)))
