"""Lanes as they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from danqing_plugins import Limits, ProviderInfo
from danqing_server.desk.standing import LaneDetail, LaneStanding
from danqing_server.doors.lane_shapes import (
    LaneDetailShape,
    LaneEventShape,
    LaneHourShape,
    LaneStandingShape,
    PauseShape,
)
from danqing_server.doors.views import lane_view
from danqing_server.queue.gates import Story
from danqing_server.records.lanes import Pause, lane_name

__all__ = ["lane_detail", "lane_event", "lane_standing"]

BUCKET_MINUTES = 2


def lane_standing(info: ProviderInfo, limits: Limits, standing: LaneStanding) -> LaneStandingShape:
    """Return a lane of the provider *info*, and how it stands."""
    paused = standing.pause is not None
    shown = lane_view(standing.view)
    if paused:  # MongoDB's word counts, whatever Redis has heard of it
        shown |= {"accepting": False, "closed_until": standing.opens_at}
    return {
        "name": standing.name,
        "provider": info.name,
        "model_ids": [model.id for model in info.models if lane_name(info.name, model.lane) == standing.name],
        "concurrency": limits.concurrency,
        "images_per_minute": limits.outputs_per_minute,
        "calls_per_minute": limits.calls_per_minute,
        **shown,
        "reason": standing.reason,
        "state": standing.state,
        "since": standing.since,
        "opens_at": standing.opens_at,
        "pause": _pause(standing.pause),
        "revision": standing.revision,
        "oldest_at": standing.oldest_at,
        "last_hour": None if standing.story is None else _hour(standing.story),
    }


def lane_detail(info: ProviderInfo, limits: Limits, detail: LaneDetail) -> LaneDetailShape:
    """Return all that is told of one lane."""
    return {
        **lane_standing(info, limits, detail.standing),
        "waiting": [
            {"project": user.owner, "user_id": user.user_id, "tasks": user.tasks, "turn": user.turn}
            for user in detail.users
        ],
        "history": [
            {"at": turn.at, "kind": turn.kind, "reason": turn.reason, "by": turn.by, "until": turn.until}
            for turn in detail.turns
        ],
    }


def lane_event(standing: LaneStanding) -> LaneEventShape:
    """Return what is told of a lane whose gate turned."""
    return {
        "name": standing.name,
        "state": standing.state,
        "since": standing.since,
        "reason": standing.reason,
        "opens_at": standing.opens_at,
        "pause": _pause(standing.pause),
    }


def _pause(pause: Pause | None) -> PauseShape | None:
    if pause is None:
        return None
    return {"by": pause.by or None, "since": pause.at, "reason": pause.reason, "until": pause.until}


def _hour(story: Story) -> LaneHourShape:
    finished = [ended - failed for ended, failed in zip(story.ended, story.failed, strict=True)]
    return {"finished": _buckets(finished), "failed": _buckets(story.failed)}


def _buckets(minutes: Sequence[int]) -> list[int]:
    """Return sums of every two minutes, the oldest first, of what has the latest minute first."""
    return [sum(minutes[first : first + BUCKET_MINUTES]) for first in range(0, len(minutes), BUCKET_MINUTES)][::-1]
