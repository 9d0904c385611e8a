"""`danqing retry`."""

from __future__ import annotations

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.moves import TaskIds, move

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "retry",
        short_help="queue failed or cancelled tasks again",
        help="Queue failed or cancelled tasks again. Outputs that are there are kept, and not bought again.",
    )(asks(_retry))


def _retry(asking: Asking, tasks: TaskIds) -> int:
    return move(asking, tasks, lambda client, task: client.retry(task))
