"""`danqing show`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.showing import age, money, show_json, show_members, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from danqing_client import Task

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "show",
        short_help="show everything about a task",
        help="Show everything about a task: why it waits, what it made, and each call that may have been paid for.",
    )(asks(_show))


def _show(asking: Asking, task: Annotated[str, typer.Argument(metavar="TASK", help="its id")]) -> None:
    with asking.client() as client:
        found = client.get(task)
        waits = {} if found.finished else client.request("GET", f"/api/v1/tasks/{found.id}/explain")
    if asking.as_json:
        show_json({**found.raw, **({"explain": waits} if waits else {})})
        return
    show_members(_members(found, waits))
    outputs = [[f"output {each.index}", each.media_type, _size(each), each.url] for each in found.outputs]
    calls = [_call(each) for each in found.raw["calls"]]
    for head, rows in ((("OUTPUT", "TYPE", "SIZE", "URL"), outputs), (_CALL, calls)):
        if rows:
            show_table(head, rows)


_CALL = ("CALL", "OUTCOME", "PROVIDER", "SENT", "ENDED", "COST", "ERROR", "REQUEST")


def _members(task: Task, waits: Mapping[str, Any]) -> dict[str, object]:
    raw = task.raw
    error = raw["error"] or {}
    return {
        "id": task.id,
        "status": task.status,
        "waits for": _why(waits),
        "starts": age(_to_come(waits.get("estimated_start_at"))),
        "ends": age(_to_come(waits.get("estimated_finish_at"))),
        "progress": f"{task.progress:.0%}" if task.status == "processing" else None,
        "provider": task.provider,
        "model": task.model,
        "user": task.user_id,
        "prompt": raw["input"].get("prompt"),
        "made": age(raw["created_at"]),
        "begun": age(raw["started_at"]),
        "done": age(raw["completed_at"]),
        "attempts": raw["attempts"],
        "cost": money(raw["cost"], raw.get("in_doubt", ())),
        "paid for": task.billed,
        "simulated": "yes" if task.sandbox else None,
        "error": error.get("code"),
        "message": error.get("message"),
        "provider's word": error.get("provider_code"),
        "notes": "; ".join(raw["notes"]),
        "text": task.text,
    }


def _to_come(moment: str | None) -> str | None:
    """Return a moment that was estimated, None once it is over: what is late has no estimate."""
    return moment if moment is not None and datetime.fromisoformat(moment) > datetime.now(UTC) else None


def _why(waits: Mapping[str, Any]) -> str | None:
    """Return what a task waits for; None: nothing holds it."""
    if waits.get("waiting_for") is None:
        return None
    own, lane = (waits["position"].get(name) for name in ("own", "lane"))
    ahead = f"{lane if lane is not None else own} ahead" if (lane, own) != (None, None) else None
    until = f"until {age(waits['until'])}" if waits["until"] else None
    return ", ".join(str(each) for each in (waits["waiting_for"], waits["reason"], ahead, until) if each)


def _size(output: Any) -> str:
    shape = f"{output.width}x{output.height} " if output.width else ""
    return f"{shape}{output.size_bytes} bytes"


def _call(call: Mapping[str, Any]) -> list[object]:
    outcome = f"{call['outcome']}{' then ' + call['late_outcome'] if call['late_outcome'] else ''}"
    times = age(call["sent_at"]), age(call["ended_at"])
    return [call["id"], outcome, call["provider"], *times, call["cost"], call["error_code"], call["request_id"]]
