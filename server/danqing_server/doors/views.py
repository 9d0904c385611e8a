"""Tasks and users as JSON. No upstream address and no fingerprint leaves through here."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import attrs

from danqing_plugins import OutputKind, in_language
from danqing_server.clock import from_ms
from danqing_server.desk.forecast import Explanation, LaneView
from danqing_server.doors.costs import cost_view, money_views, price_text
from danqing_server.doors.output_shapes import ImageShape
from danqing_server.doors.output_views import file_views, image_views, media_views, preview_view
from danqing_server.doors.server_shapes import GateShape, LaneShape, UserShape
from danqing_server.doors.task_shapes import (
    BatchPlaceShape,
    CallShape,
    ExplanationShape,
    OutputShape,
    PictureErrorShape,
    ResultShape,
    RouteShape,
    TaskErrorShape,
    TaskShape,
    TriedShape,
)
from danqing_server.http.links import picture_url
from danqing_server.life.billing import billed_of
from danqing_server.life.charges import doubtful_micro
from danqing_server.plugins.registry import Registry
from danqing_server.queue.gates import Gate
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import FINISHED, BatchPlace, Billed, CallRecord, Status, Task
from danqing_server.records.users import User

__all__ = [
    "Viewer",
    "batch_place_view",
    "billed_view",
    "error_view",
    "explanation_view",
    "gate_view",
    "lane_view",
    "usage_of",
    "user_view",
]


def user_view(user: User) -> UserShape:
    """Return a user."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


@attrs.frozen
class Viewer:
    """Shows tasks to one client: `base` is how it reaches this server, `language` what it reads."""

    base: str
    registry: Registry
    language: str

    def task(self, task: Task) -> TaskShape:
        """Return everything a user may know of a task."""
        billed = billed_view(task)
        shown: TaskShape = {
            "id": task.id,
            "user_id": task.user_id,
            "type": task.type,
            "status": task.status,
            "provider": task.provider,
            "model": task.model,
            "route": _route(task),
            "input": self._input(task),
            "output": self._output(task),
            "error": None if task.error is None else error_view(task, self.language),
            "progress": task.progress,
            "attempts": task.attempts,
            "created_at": task.created_at,
            "updated_at": task.updated_at,
            "started_at": task.started_at,
            "completed_at": task.completed_at,
            "scheduled_for": task.run_at if task.status is Status.SCHEDULED else None,
            "next_try_at": task.run_at if task.status is Status.PENDING else None,
            "priority": task.priority,
            "on_ambiguous": task.on_ambiguous,
            "notes": [in_language(note, self.language) for note in task.notes],
            "images": task.images,
            "usage": usage_of(task),
            "cost": cost_view(task, billed),
            "billed": billed,
            "sandbox": self.is_sandbox(task),
            "calls": [_call(task, call) for call in _in_order(task)],
        }
        if task.kind is not OutputKind.IMAGE:
            shown["kind"] = task.kind
        if billed is Billed.UNKNOWN:
            shown["in_doubt"] = money_views(doubtful_micro(task))
        if task.webhook is not None:
            shown["webhook"] = {"url": task.webhook.url, "events": list(task.webhook.events)}
        if task.batch is not None:
            shown["batch"] = batch_place_view(task.batch)
        return shown

    def result(self, task: Task) -> ResultShape:
        """Return what the old result route calls `result`: the outputs, and what they cost."""
        images = self.images(task)
        shown: ResultShape = {
            "images": images,
            "partial": bool(task.failed_outputs),
            "model": task.model,
            "usage": usage_of(task),
            "cost": cost_view(task, billed_view(task)),
            "notes": [in_language(note, self.language) for note in task.notes],
            "sandbox": self.is_sandbox(task),
        }
        if images:
            shown["image_url"] = images[0]["url"]
            shown["image_urls"] = [image["url"] for image in images]
        if len(images) < len(task.kept):
            shown = cast("ResultShape", {**shown, **self.media(task)})
        if shown.get("videos"):
            shown["video_url"] = shown["videos"][0]["url"]
            shown["video_urls"] = [video["url"] for video in shown["videos"]]
        if task.failed_outputs:
            shown["errors"] = _picture_errors(task, self.language)
        return cast("ResultShape", {**task.result, **shown}) if task.result else shown

    def images(self, task: Task) -> list[ImageShape]:
        """Return the pictures that are ours, by index."""
        return image_views(self.base, task.kept)

    def media(self, task: Task) -> dict[str, Any]:
        """Return the outputs that are ours and no pictures, by index: `videos`, `audios` and `files`."""
        return media_views(self.base, task.kept)

    def is_sandbox(self, task: Task) -> bool:
        """Tell whether the task's provider is a simulator at present."""
        provider = self.registry.find_provider(task.provider)
        return provider is not None and provider.sandbox

    def _output(self, task: Task) -> OutputShape | None:
        preview = preview_view(self.base, task)
        if not task.outputs and not task.result and preview is None and task.status not in FINISHED:
            return None
        errors = _picture_errors(task, self.language)
        kept = task.kept
        images = image_views(self.base, kept)
        shown: OutputShape = {"images": images, "errors": errors, "partial": bool(kept and errors)}
        if len(images) < len(kept):
            shown = cast("OutputShape", {**shown, **media_views(self.base, kept)})
        if task.late:
            shown = cast("OutputShape", {**shown, **self._late(task)})
        if preview is not None:
            shown["preview"] = preview
        return cast("OutputShape", {**task.result, **shown}) if task.result else shown

    def _late(self, task: Task) -> dict[str, Any]:
        """Return what a paid call brought after the task was cancelled, by index."""
        outputs = sorted(task.late.values(), key=lambda output: output.index)
        found = {"late": image_views(self.base, outputs), "late_files": file_views(self.base, outputs)}
        return {member: shown for member, shown in found.items() if shown}

    def _input(self, task: Task) -> dict[str, Any]:
        """Return the prepared input, with the references back in their places as links."""
        shown: dict[str, Any] = dict(task.input)
        for reference in task.references:
            link = picture_url(self.base, reference.asset) if reference.asset is not None else reference.url
            if "[" in reference.field:
                shown.setdefault(reference.key, []).append(link)
            else:
                shown[reference.key] = link
        return shown


def batch_place_view(place: BatchPlace) -> BatchPlaceShape:
    """Return which line of which batch a task is."""
    return {"id": place.id, "line": place.line, "custom_id": place.custom_id}


def explanation_view(explanation: Explanation, language: str) -> ExplanationShape:
    """Return why a task is not done, and what was tried."""
    task = explanation.task
    return {
        "task_id": task.id,
        "project": task.owner,
        "status": task.status,
        "waiting_for": explanation.waiting_for,
        "reason": explanation.reason,
        "until": explanation.until,
        "position": {"own": explanation.own_position, "lane": explanation.lane_position},
        "estimated_start_at": explanation.estimated_start_at,
        "estimated_finish_at": explanation.estimated_finish_at,
        "attempts": task.attempts,
        "failures": task.failures,
        "leases_lost": task.leases_lost,
        "last_error": None if task.error is None else error_view(task, language),
        "billed": billed_view(task),
        "route": _route(task),
        "calls": [_call(task, call) for call in _in_order(task)],
    }


def lane_view(view: LaneView) -> LaneShape:
    """Return how a lane stands."""
    depth = view.depth
    return {
        "queued": depth.queued,
        "delayed": depth.delayed,
        "held": depth.held,
        **gate_view(view.gate),
        "finished_per_s": view.throughput.per_s,
        "mean_duration_s": view.throughput.mean_s,
    }


def gate_view(gate: Gate) -> GateShape:
    """Return whether a lane gives tasks out: its breaker, and beside it what holds it back for a while.

    `closed_until` and `reason` are of whichever keeps it shut for longer; `models` says until when single ones are
    held.
    """
    until_ms, hold = gate.shut_until_ms, gate.hold
    return {
        "accepting": gate.accepting,
        "breaker": gate.state,
        "hold": None if hold is None else {"reason": hold.reason, "until": from_ms(hold.until_ms)},
        "models": {model: from_ms(until) for model, until in gate.models.items()},
        "closed_until": from_ms(until_ms) if until_ms and not gate.is_endless else None,
        "reason": gate.shut_by,
    }


def error_view(task: Task, language: str) -> TaskErrorShape:
    """Return why a task failed or was cancelled."""
    if task.error is None:
        return {
            "code": task.status.value,
            "message": "",
            "retryable": True,
            "billed": billed_view(task),
            "provider_code": None,
            "request_id": None,
        }
    return {**_error(task.error, language), "billed": billed_view(task)}


def _error(error: TaskError, language: str) -> TaskErrorShape:
    message = " ".join(
        in_language(error.message, language).split()
    )  # a line break would end the old shell loop's JSON
    return {
        "code": error.code,
        "message": message,
        "retryable": error.retryable,
        "billed": error.billed,
        "provider_code": error.provider_code,
        "request_id": error.request_id,
    }


def _picture_errors(task: Task, language: str) -> list[PictureErrorShape]:
    return [
        {"index": output.index, **_error(output.error, language)}
        for output in task.failed_outputs
        if output.error is not None
    ]


def _in_order(task: Task) -> list[CallRecord]:
    return sorted(task.calls.values(), key=lambda call: (call.sent_at, call.id))


def _route(task: Task) -> RouteShape | None:
    route = task.route
    if route is None:
        return None
    tried: list[TriedShape] = [
        {"provider": each.provider, "model": each.model, "code": each.code, "at": each.at, "billed": each.billed}
        for each in route.tried
    ]
    return {"model": route.model, "target": route.current.name, "tried": tried}


def _call(task: Task, call: CallRecord) -> CallShape:
    return {
        "id": call.id,
        "attempt": call.attempt,
        "indexes": list(call.indexes),
        "provider": task.provider if task.route is None else task.route.targets[call.target].provider,
        "outcome": call.outcome,
        "late_outcome": call.late_outcome,
        "looked_up": call.looked_up,
        "cost": None if call.cost_micro is None else price_text(call.cost_micro),
        "sent_at": call.sent_at,
        "ended_at": call.ended_at,
        "request_id": call.request_id,
        "error_code": call.error_code,
        "usage": dict(call.usage),
    }


def usage_of(task: Task) -> dict[str, Any]:
    """Return what the provider counted: for the whole when it says so, else the sum over the calls."""
    counted = [call.usage for call in task.calls.values() if call.usage]
    if task.usage or not counted:
        return dict(task.usage)
    total: Counter[str] = Counter()
    for usage in counted:
        total.update({name: count for name, count in usage.items() if _is_number(count)})
    return dict(total)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def billed_view(task: Task) -> Billed:
    """Say whether any call was charged for; the error tells it of a task without calls."""
    if not task.calls and task.attempt is None and task.error is not None:
        return task.error.billed
    return billed_of(task)
