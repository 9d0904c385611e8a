"""`danqing pause`."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.lanes import Lane, lane_path, show_lanes
from danqing_server.cli.showing import show_json
from danqing_server.cli.spans import from_now

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "pause",
        short_help="let nothing new of a lane begin",
        help="Let nothing new of a lane begin; what runs ends, and submissions are taken. For operators.",
    )(asks(_pause))


def _pause(
    asking: Asking,
    lane: Lane,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="for whoever wonders")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="resumes by itself: 30min, 2h or a moment (never)")
    ] = None,
) -> None:
    body = {"reason": reason, "until": until and from_now("--until", until)}
    with asking.client() as client:
        told = client.request("POST", lane_path(lane, "/pause"), json=body)
    show_json(told) if asking.as_json else show_lanes([told])
