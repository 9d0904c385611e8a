"""`danqing lanes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.showing import age, show_json, show_members, show_table

__all__ = ["Lane", "lane_path", "register", "show_lanes"]

Lane: TypeAlias = Annotated[str, typer.Argument(metavar="LANE", help="its name, as `danqing lanes` lists it")]
_EPILOG = """\
Where no terminal is: name, state, since, reason, waiting, delayed, under way, finished and failed within the \
hour, the oldest that waits; tabs between."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "lanes",
        short_help="list the lanes: which run, which are shut and why",
        help="List the lanes: which run, which are shut and why, and what waits there.",
        epilog=_EPILOG,
    )(asks(_lanes))


def lane_path(name: str, act: str = "") -> str:
    """Return where a lane is, or what is done to it."""
    return f"/api/v1/lanes/{quote(name, safe='')}{act}"


def _lanes(
    asking: Asking,
    name: Annotated[
        str | None, typer.Argument(metavar="LANE", help="one of them, with who waits and what happened (all)")
    ] = None,
) -> None:
    with asking.client() as client:
        if name is None:
            told = client.request("GET", "/api/v1/lanes")["lanes"]
        else:
            told = client.request("GET", lane_path(name))
    if asking.as_json:
        show_json(told)
    elif name is None:
        show_lanes(told)
    else:
        _show_one(told)


def show_lanes(lanes: Sequence[Mapping[str, Any]]) -> None:
    """Print lanes as rows."""
    head = ("LANE", "STATE", "SINCE", "REASON", "WAITING", "DELAYED", "RUNNING", "DONE 1H", "FAILED 1H", "OLDEST")
    show_table(head, map(_row, lanes), nothing="no lanes", spare=("DELAYED", "DONE 1H", "FAILED 1H", "SINCE"))


def _row(lane: Mapping[str, Any]) -> list[object]:
    return [
        lane["name"],
        lane["state"],
        age(lane["since"]),
        _reason(lane),
        lane["queued"],
        lane["delayed"],
        lane["held"],
        _within_the_hour(lane, "finished"),
        _within_the_hour(lane, "failed"),
        age(lane["oldest_at"]),
    ]


def _within_the_hour(lane: Mapping[str, Any], which: str) -> int | None:
    """Return how many tasks finished or failed; None to who may not see that."""
    hour: Mapping[str, Sequence[int]] | None = lane["last_hour"]
    return None if hour is None else sum(hour[which])


def _reason(lane: Mapping[str, Any]) -> str | None:
    pause = lane["pause"]
    if pause is None:
        reason: str | None = lane["reason"]
        return reason
    return ", ".join(each for each in (pause["reason"], pause["by"]) if each)


def _show_one(lane: Mapping[str, Any]) -> None:
    show_members(
        {
            "lane": lane["name"],
            "state": lane["state"],
            "since": age(lane["since"]),
            "reason": _reason(lane),
            "opens": age(lane["opens_at"]),
            "waiting": lane["queued"],
            "delayed": lane["delayed"],
            "under way": lane["held"],
            "done 1h": _within_the_hour(lane, "finished"),
            "failed 1h": _within_the_hour(lane, "failed"),
            "oldest": age(lane["oldest_at"]),
            "models": ", ".join(lane["model_ids"]),
        }
    )
    waiting = [[each["project"], each["user_id"], each["tasks"], each["turn"]] for each in lane["waiting"]]
    history = [[age(each["at"]), each["kind"], each["reason"], each["by"]] for each in lane["history"]]
    for head, rows in ((("PROJECT", "USER", "TASKS", "TURNS"), waiting), (("AT", "WHAT", "REASON", "BY"), history)):
        if rows:
            show_table(head, rows)
