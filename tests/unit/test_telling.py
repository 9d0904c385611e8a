"""R6: what the queue is told of a task is what it still has to order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from danqing_server.life.telling import entry_of
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import CallOutcome, CallRecord, Status, Task

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def task(images: int, kept: int = 0, **fields: Any) -> Task:
    """Return a waiting task of which the first *kept* pictures are there."""
    return Task(
        id="t",
        user_id="u",
        type="image",
        provider="p",
        model="m",
        input={},
        status=Status.PENDING,
        transition_id="x",
        created_at=NOW,
        updated_at=NOW,
        images=images,
        outputs={str(index): Output(index=index, state=OutputState.KEPT, at=NOW) for index in range(kept)},
        **fields,
    )


def call(
    *indexes: int, outcome: CallOutcome = CallOutcome.DELIVERED, resumable: bool = True
) -> dict[str, CallRecord]:
    """Return one call, by its id."""
    record = CallRecord(
        id="c", attempt=1, indexes=indexes, fingerprint="f", sent_at=NOW, outcome=outcome, resumable=resumable
    )
    return {"c": record}


class TestEntry:
    @pytest.mark.parametrize(
        ("waiting", "images", "calls"),
        [
            (task(15), 15, 15),
            (task(15, single_call=True), 15, 1),
            (task(15, kept=14), 1, 1),
            (task(15, kept=14, single_call=True), 1, 1),
            (task(2, kept=2), 0, 0),
            (task(3, kept=1, calls=call(1, 2)), 0, 0),
            (task(3, calls=call(1, 2, outcome=CallOutcome.OPEN)), 1, 1),
            (task(3, calls=call(1, 2, outcome=CallOutcome.FAILED_UNBILLED)), 3, 3),
            (task(3, calls=call(1, 2, resumable=False)), 3, 3),
            (task(3, calls=call(1, 2, outcome=CallOutcome.UNKNOWN), retried_at=NOW + timedelta(seconds=1)), 1, 1),
            (task(0), 0, 1),
            (task(0, calls=call()), 0, 0),
        ],
    )
    def test_the_lanes_rate_is_paid_for_what_is_still_to_order(
        self, waiting: Task, images: int, calls: int
    ) -> None:
        """R6: neither for pictures that are there, nor for an order whose outcome can be asked for."""
        entry = entry_of(waiting)
        assert (entry.images, entry.calls) == (images, calls)
