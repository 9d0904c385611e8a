"""R8: the OpenAPI document says what is sent, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from danqing_plugins import OutputKind, Price
from danqing_server.codec.bodies import dump_json, parse_json_object
from danqing_server.desk.forecast import Explanation, LaneView
from danqing_server.doors.schemas import SCHEMAS
from danqing_server.doors.views import Viewer, explanation_view, lane_view, user_view
from danqing_server.plugins.registry import Registry
from danqing_server.queue.gates import Gate, Hold, Throughput
from danqing_server.queue.lanes import LaneDepth
from danqing_server.records.outputs import Preview
from danqing_server.records.tasks import BatchPlace, CallOutcome, Status, Task, TaskWebhook
from danqing_server.records.users import User
from tests.support.contract import Contract
from tests.unit.api.tasks import (
    NOW,
    failed_picture,
    kept_asset,
    kept_picture,
    make_task,
    paid_call,
    routed_task,
    stored_asset,
)

CONTRACT = Contract({"components": {"schemas": SCHEMAS}, "paths": {}})
VIEWER = Viewer("http://here", Registry((), {}, None), "en")  # type: ignore[arg-type]
OPEN_CALL = paid_call(id="c2", outcome=CallOutcome.OPEN, ended_at=None)
LATE_CALL = paid_call(
    outcome=CallOutcome.UNKNOWN, late_outcome=CallOutcome.DELIVERED, request_id="r", error_code="e"
)
PREVIEW = Preview(attempt=1, index=0, asset=stored_asset(OutputKind.IMAGE))
TASKS = [
    *(make_task(status=status) for status in Status),
    make_task(status=Status.PENDING, batch=BatchPlace(id="batch_1", line=7)),
    make_task(status=Status.PENDING, run_at=NOW, price=None, notes=("changed",), on_ambiguous="fail"),
    make_task(status=Status.PROCESSING, calls={"c2": OPEN_CALL}, outputs={"0": kept_picture("t", 0)}, images=2),
    make_task(
        status=Status.COMPLETED,
        outputs={"0": kept_picture("t", 0), "1": failed_picture(1)},
        images=2,
        result={"x": 1},
    ),
    routed_task(),
    make_task(status=Status.CANCELLED, late={"0": kept_picture("t", 0)}, calls={"c1": LATE_CALL}),
    make_task(
        status=Status.COMPLETED,
        kind=OutputKind.VIDEO,
        outputs={
            "0": kept_asset(OutputKind.VIDEO, duration_s=5.0, fps=24.0, has_audio=True, poster="t/0-a-poster.jpeg"),
            "1": kept_asset(OutputKind.AUDIO, 1, decoded=False),
            "2": kept_asset(OutputKind.MODEL, 2),
        },
        images=3,
        result={"text": "said"},
    ),
    make_task(status=Status.PROCESSING, preview=PREVIEW),
    make_task(webhook=TaskWebhook(url="https://example.com/", events=("task.*",))),
    make_task(price=Price(amount_micro=200_000, currency="CNY", most_micro=500_000)),
    make_task(status=Status.FAILED, calls={"c1": paid_call(outcome=CallOutcome.UNKNOWN)}),
    make_task(status=Status.CANCELLED, kind=OutputKind.VIDEO, late={"0": kept_asset(OutputKind.VIDEO)}),
]


def sent(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return a view as its client reads it."""
    return parse_json_object(dump_json(view))


def names(schema: str) -> set[str]:
    return set(SCHEMAS[schema]["properties"])


class TestTasks:
    @pytest.mark.parametrize("task", TASKS)
    def test_task_is_as_described(self, task: Task) -> None:
        """R8: in every status, with all that it may have."""
        assert CONTRACT.problems_of("Task", sent(VIEWER.task(task))) == []

    def test_everything_described_is_sent_by_some(self) -> None:
        """R8: `Image.late` was described and never sent, `output.late` was sent and not described."""
        views = [sent(VIEWER.task(task)) for task in TASKS]
        outputs = [view["output"] for view in views if view["output"] is not None]
        found = {
            "Task": views,
            "Output": outputs,
            "Image": [image for output in outputs for image in (*output["images"], *output.get("late", []))],
            "Video": [video for output in outputs for video in output.get("videos", [])],
            "Audio": [audio for output in outputs for audio in output.get("audios", [])],
            "File": [file for output in outputs for file in output.get("files", [])],
            "Preview": [output["preview"] for output in outputs if "preview" in output],
            "PictureError": [error for output in outputs for error in output["errors"]],
            "TaskError": [view["error"] for view in views if view["error"] is not None],
            "Call": [call for view in views for call in view["calls"]],
            "Cost": [view["cost"] for view in views if view["cost"] is not None],
            "Route": [view["route"] for view in views if view["route"] is not None],
            "Tried": [tried for view in views if view["route"] for tried in view["route"]["tried"]],
        }
        for name, examples in found.items():
            assert names(name) <= {key for example in examples for key in example}, name

    @pytest.mark.parametrize("task", [task for task in TASKS if task.status is Status.COMPLETED])
    def test_result_is_as_described(self, task: Task) -> None:
        """What the provider adds is left open."""
        assert CONTRACT.problems_of("Result", sent(VIEWER.result(task))) == []

    @pytest.mark.parametrize("task", TASKS)
    def test_explanation_is_as_described(self, task: Task) -> None:
        """R8: what is null of a finished task may be null."""
        later = NOW + timedelta(minutes=1)
        bare = Explanation(task=task, waiting_for=None)
        whole = Explanation(
            task=task,
            waiting_for="lane_closed",
            until=later,
            reason="rate",
            own_position=0,
            lane_position=3,
            estimated_start_at=later,
            estimated_finish_at=later,
        )
        for explanation in (bare, whole):
            shown = sent(explanation_view(explanation, "en"))
            assert CONTRACT.problems_of("Explanation", shown) == []
            assert names("Explanation") == set(shown)


class TestOthers:
    @pytest.mark.parametrize("gate", [Gate(), Gate(state="open", until_ms=5, hold=Hold(until_ms=9, reason="rate"))])
    def test_lane_is_as_described(self, gate: Gate) -> None:
        """Idle and held back."""
        depth = LaneDepth(queued=1, delayed=2, held=3)
        for throughput in (Throughput(), Throughput(per_s=1.5, mean_s=2.0)):
            shown = sent(lane_view(LaneView(depth=depth, gate=gate, throughput=throughput)))
            assert CONTRACT.problems_of("Lane", shown) == []
            assert names("Lane") == set(shown)

    def test_user_is_as_described(self) -> None:
        """No more is shown of it."""
        user = User(id="u", email="a@b.com", name="ab", created_at=NOW, updated_at=NOW, owner="secret")
        shown = sent(user_view(user))
        assert CONTRACT.problems_of("User", shown) == []
        assert names("User") == set(shown)


class TestContract:
    """The comparison itself sees what it is for."""

    def test_what_is_not_described_is_a_fault(self) -> None:
        """And so is what is missing, or null where nothing says that it may be."""
        shown = sent(VIEWER.task(TASKS[0]))
        assert CONTRACT.problems_of("Task", {**shown, "more": 1})
        assert CONTRACT.problems_of("Task", {name: value for name, value in shown.items() if name != "status"})
        assert CONTRACT.problems_of("Task", {**shown, "status": None})
