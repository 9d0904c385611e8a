"""What A1111's door shows of a task."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from danqing_server.doors.a1111.speaking import _pieces
from danqing_server.records.tasks import Status, Task

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_a_task_without_pictures_is_shown_without() -> None:
    """A video's, say, whose id somebody waits for at this door."""
    task = Task(
        id="t",
        user_id="u",
        type="video",
        provider="p",
        model="m",
        input={"prompt": "a hill"},
        status=Status.COMPLETED,
        transition_id="x",
        created_at=NOW,
        updated_at=NOW,
        images=1,
    )
    shown = json.loads(b"".join(piece for piece in _pieces(task) if isinstance(piece, bytes)))
    assert shown["images"] == []
    assert json.loads(shown["info"])["batch_size"] == 0
