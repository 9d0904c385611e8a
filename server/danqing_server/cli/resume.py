"""`danqing resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.lanes import Lane, lane_path, show_lanes
from danqing_server.cli.showing import show_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "resume",
        short_help="let a lane go on that was paused",
        help="Let a lane go on that was paused. For operators.",
    )(asks(_resume))


def _resume(
    asking: Asking,
    lane: Lane,
    open_: Annotated[
        bool, typer.Option("--open", help="forget what else shuts it: its breaker, and every hold")
    ] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="for whoever wonders")] = None,
) -> None:
    body = {"open": open_, **({} if reason is None else {"reason": reason})}
    with asking.client() as client:
        told = client.request("POST", lane_path(lane, "/resume"), json=body)
    show_json(told) if asking.as_json else show_lanes([told])
