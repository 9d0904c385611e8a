"""What happened to tasks and lanes, as lines: read from what is kept of them, then as the server tells it."""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import attrs
from danqing_client import Client, Event

from danqing_server.cli.asking import Asking
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.lanes import lane_path
from danqing_server.cli.showing import STYLES, clean, console, money, show_json
from danqing_server.cli.spans import ago
from danqing_server.clock import Clock
from danqing_server.delivery.event_ids import mark_of

__all__ = ["LOOKED_THROUGH", "Wanted", "kept", "tell"]

LOOKED_THROUGH = 2_000
"""How many tasks are looked through: the newest. Who wants all of them has `danqing tasks`."""

REMEMBERED = 1_000
"""How many events are known again that a server tells twice: what changed up to a minute before a cut."""

LONGEST_LIFE = timedelta(hours=6)
"""How long before the time that is asked for a task may have been made that ended within it."""

EARLIEST = datetime.min.replace(tzinfo=UTC) + LONGEST_LIFE

SINCE = "10min"
LEVELS = ("info", "warning", "error")
_LEVEL_OF = {
    **dict.fromkeys(("cancelled", "paused", "held", "rejected", "failed_unbilled", "unknown"), "warning"),
    **dict.fromkeys(("failed", "closed"), "error"),
}
"""How much what happened wants to be looked at; what stands not here, or is new, is `info`."""

_ENDED_AS = {"warning": "cancelled,failed", "error": "failed"}
"""What rows of tasks tell from a level on: how a task ended that did not complete."""


@attrs.frozen(kw_only=True)
class Wanted:
    """What was asked for; see `cli.logs`. None: all that there is."""

    since: str | None
    tail: int | None
    level: str
    task: str | None
    user: str | None
    follow: bool


@attrs.frozen(kw_only=True)
class _Happening:
    """Something that happened. `at` is RFC 3339 in UTC; `subject` is a task or a lane."""

    at: str
    subject: str
    what: str
    model: str | None = None
    user: str | None = None
    why: str | None = None
    cost: str | None = None
    level: str = attrs.field(init=False)

    @level.default
    def _level(self) -> str:
        return _LEVEL_OF.get(self.what, "info")


def tell(asking: Asking, wanted: Wanted) -> None:
    """Print what happened, the latest last, and with `follow` what happens until Ctrl-C. Raises Ended."""
    if wanted.task is not None and (wanted.user is not None or not wanted.task):
        raise Ended(Exit.REFUSED, "--task: needs the id of one task, and no --user beside it")
    start = None if wanted.task and wanted.since is None else ago("--since", wanted.since or SINCE)
    seen: dict[str, datetime] = {}
    with asking.client() as client:
        last_id = mark_of(Clock().now_ms())
        happened = (each for each in kept(client, start, wanted, seen) if _counts(each, wanted))
        found = sorted(happened, key=lambda each: each.at)
        for each in found if wanted.tail is None else found[len(found) - min(wanted.tail, len(found)) :]:
            _print(each, asking)
        if wanted.follow:
            known = defaultdict(lambda: EARLIEST if start is None else _moment(start), seen)
            for each in _heard_of(client, wanted, last_id, known):
                if _counts(each, wanted):
                    _print(each, asking)


def _heard_of(client: Client, wanted: Wanted, last_id: str, known: Mapping[str, datetime]) -> Iterator[_Happening]:
    """Yield what happened since *last_id*, and happens, of tasks what is younger than is *known* of each.

    The server tells once more what changed within the minute before: this machine's clock may be fast by as much.
    """
    filters: dict[str, str | Sequence[str]] = {} if wanted.user is None else {"user_id": wanted.user}
    if wanted.task is not None:
        filters["task_ids"] = [wanted.task]
    for event in _once(client.events(last_id, **filters)):
        happening = _heard(event, with_lanes=not filters)
        if happening is None:
            continue
        if event.kind != "task" or known[happening.subject] < _moment(happening.at):
            yield happening


def _counts(happening: _Happening, wanted: Wanted) -> bool:
    return LEVELS.index(happening.level) >= LEVELS.index(wanted.level)


def _once(events: Iterator[Event]) -> Iterator[Event]:
    """Leave out what is told again after a stream was cut, which has the same id."""
    told: deque[str] = deque(maxlen=REMEMBERED)
    for event in events:
        if event.kind == "task" and event.last_id is not None:
            if event.last_id in told:
                continue
            told.append(event.last_id)
        yield event


def kept(client: Client, start: str | None, wanted: Wanted, seen: dict[str, datetime]) -> Iterator[_Happening]:
    """Yield what happened since *start*, None: of one task all, in no order.

    Into *seen* goes when each task that was looked at last changed.
    """
    if wanted.task is not None:
        tasks: Sequence[Mapping[str, Any]] = [client.get(wanted.task).raw]
    else:
        assert start is not None
        tasks = _tasks(client, start, wanted)
    seen |= {task["id"]: _moment(task["updated_at"]) for task in tasks}
    happened = [each for task in tasks for each in _of_task(task)]
    if wanted.task is None and wanted.user is None:
        happened += _of_lanes(client)
    since = datetime.min.replace(tzinfo=UTC) if start is None else _moment(start)
    yield from (each for each in happened if _moment(each.at) >= since)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _tasks(client: Client, start: str, wanted: Wanted) -> Sequence[Mapping[str, Any]]:
    begin = (max(_moment(start), EARLIEST) - LONGEST_LIFE).isoformat()
    filters = {} if wanted.user is None else {"user_id": wanted.user}
    if wanted.level in _ENDED_AS:  # of any other there is nothing to tell
        filters["status"] = _ENDED_AS[wanted.level]
    found = list(islice(client.tasks(limit=200, **{"from": begin}, **filters), LOOKED_THROUGH))
    if len(found) == LOOKED_THROUGH:
        sys.stderr.write(f"danqing: only the newest {LOOKED_THROUGH} tasks were looked through\n")
    return [task.raw for task in found]


def _of_lanes(client: Client) -> Iterator[_Happening]:
    for lane in client.request("GET", "/api/v1/lanes")["lanes"]:
        yield from _of_lane(client, lane["name"])


def _of_task(row: Mapping[str, Any]) -> Iterator[_Happening]:
    of = {"subject": row["id"], "model": row["model"], "user": row["user_id"]}
    yield _Happening(at=row["created_at"], what="made", **of)
    if row["started_at"]:
        yield _Happening(at=row["started_at"], what="begun", **of)
    for call in row.get("calls", ()):  # rows of lists have none
        yield from _of_call(row, call)
    if row["completed_at"]:
        code = row["error_code"] if "error_code" in row else (row["error"] or {}).get("code")  # in lists, and alone
        ended = {"what": row["status"], "why": code, "cost": money(row["cost"], row.get("in_doubt", ()))}
        yield _Happening(at=row["completed_at"], **of, **ended)


def _of_call(row: Mapping[str, Any], call: Mapping[str, Any]) -> Iterator[_Happening]:
    of = {"subject": row["id"], "model": row["model"], "user": row["user_id"]}
    yield _Happening(at=call["sent_at"], what="sent", **of)
    if call["ended_at"]:
        what = call["late_outcome"] or call["outcome"]
        yield _Happening(at=call["ended_at"], what=what, why=call["error_code"], cost=call["cost"], **of)


def _of_lane(client: Client, name: str) -> Iterator[_Happening]:
    for each in client.request("GET", lane_path(name))["history"]:
        yield _Happening(at=each["at"], subject=name, what=each["kind"], user=each["by"], why=each["reason"])


def _heard(event: Event, *, with_lanes: bool) -> _Happening | None:
    """Return what an event tells; None of what is no news: estimates, and lanes to who asks for some tasks."""
    data = event.data
    if event.kind == "lane" and with_lanes:
        pause = data["pause"] or {}
        why, by = pause.get("reason") or data["reason"], pause.get("by")
        at = data["since"] or _now()
        return _Happening(at=at, subject=data["name"], what=data["state"], user=by, why=why)
    if event.kind != "task":
        return None
    return _Happening(
        at=data["updated_at"],
        subject=data["id"],
        what={"pending": "made", "processing": "begun"}.get(data["status"], data["status"]),
        model=data["model"],
        user=data["user_id"],
        why=(data["error"] or {}).get("code"),
        cost=money(data["cost"]) if data["completed_at"] else None,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print(happening: _Happening, asking: Asking) -> None:
    values = attrs.asdict(happening)
    if asking.as_json:
        show_json(values)
    elif sys.stdout.isatty():
        _draw(happening)
    else:
        sys.stdout.write("\t".join(map(clean, values.values())) + "\n")
    sys.stdout.flush()


def _draw(happening: _Happening) -> None:
    from rich.text import Text

    at = datetime.fromisoformat(happening.at.replace("Z", "+00:00")).astimezone()
    line = Text(f"{at:%m-%d %H:%M:%S}  ", style="dim")
    line.append(f"{clean(happening.what):<10}", style=STYLES.get(happening.what, "none"))
    rest = (happening.subject, happening.model, happening.user, happening.why, happening.cost)
    line.append("  ".join(["", *(clean(each) for each in rest if each)]), style="none")
    console().print(line, soft_wrap=True)
