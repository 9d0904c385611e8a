"""What happened to tasks and lanes, as lines: read from what is kept of them, then as the server tells it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import attrs
from danqing_client import Client, Event

from danqing_server.cli.asking import Asking
from danqing_server.cli.lanes import lane_path
from danqing_server.cli.showing import STYLES, clean, console, money, show_json
from danqing_server.cli.spans import ago

__all__ = ["tell"]

LOOKED_THROUGH = 2_000
"""How many tasks are looked through: the newest. Who wants all of them has `danqing tasks`."""

REMEMBERED = 1_000
"""How many events are known again that a server tells twice: what changed up to a minute before a cut."""

LONGEST_LIFE = timedelta(hours=6)
"""How long before the time that is asked for a task may have been made that ended within it."""


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


def tell(asking: Asking, *, since: str, user: str | None, follow: bool) -> None:
    """Print what happened *since*, and with *follow* what happens until Ctrl-C. Raises Ended."""
    start = ago("--since", since)
    with asking.client() as client:
        for each in sorted(_kept(client, start, user), key=lambda each: each.at):
            _print(each, asking)
        if follow:
            for event in _once(client.events(**({} if user is None else {"user_id": user}))):
                happening = _heard(event, user)
                if happening is not None:
                    _print(happening, asking)


def _once(events: Iterator[Event]) -> Iterator[Event]:
    """Leave out what is told again after a stream was cut, which has the same id."""
    told: deque[str] = deque(maxlen=REMEMBERED)
    for event in events:
        if event.kind == "task" and event.last_id is not None:
            if event.last_id in told:
                continue
            told.append(event.last_id)
        yield event


def _kept(client: Client, start: str, user: str | None) -> Iterator[_Happening]:
    since = datetime.fromisoformat(start.replace("Z", "+00:00"))
    begin = (since - LONGEST_LIFE).isoformat()
    of_user = {} if user is None else {"user_id": user}
    found = list(islice(client.tasks(limit=200, **{"from": begin}, **of_user), LOOKED_THROUGH))
    if len(found) == LOOKED_THROUGH:
        sys.stderr.write(f"danqing: only the newest {LOOKED_THROUGH} tasks were looked through\n")
    lanes = () if user is not None else client.request("GET", "/api/v1/lanes")["lanes"]
    happened = [
        *(each for task in found for each in _of_task(task.raw)),
        *(each for lane in lanes for each in _of_lane(client, lane["name"])),
    ]
    yield from (each for each in happened if datetime.fromisoformat(each.at.replace("Z", "+00:00")) >= since)


def _of_task(row: Mapping[str, Any]) -> Iterator[_Happening]:
    of = {"subject": row["id"], "model": row["model"], "user": row["user_id"]}
    yield _Happening(at=row["created_at"], what="made", **of)
    if row["started_at"]:
        yield _Happening(at=row["started_at"], what="begun", **of)
    if row["completed_at"]:
        ended = {"what": row["status"], "why": row["error_code"], "cost": money(row["cost"])}
        yield _Happening(at=row["completed_at"], **of, **ended)


def _of_lane(client: Client, name: str) -> Iterator[_Happening]:
    for each in client.request("GET", lane_path(name))["history"]:
        yield _Happening(at=each["at"], subject=name, what=each["kind"], user=each["by"], why=each["reason"])


def _heard(event: Event, user: str | None) -> _Happening | None:
    """Return what an event tells; None of what is no news: estimates, and lanes to who asks for one user."""
    data = event.data
    if event.kind == "lane" and user is None:
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
    line.append(f"{happening.what:<10}", style=STYLES.get(happening.what, "none"))
    rest = (happening.subject, happening.model, happening.user, happening.why, happening.cost)
    line.append("  ".join(["", *(clean(each) for each in rest if each)]), style="none")
    console().print(line, soft_wrap=True)
